"""Every bundle that an audit in these tests does not refute is computed again by other means.

The end of an audit is wrapped, where root, verdict and discount are known, and `second_verifier`
has to say the same of the file.
"""

import importlib
from collections.abc import Callable
from typing import Any

import pytest

from sif.claims.case import Case
from sif.claims.steps import AuditReport, Step
from tests.claims import second_verifier

FORMS_NOT_TOLD: list[str] = []
"""What the second verifier said of bundles whose form it does not know."""


def compare(case: Case, report: AuditReport) -> None:
    """Makes sure that a second verifier gets the same from the bundle.

    Raises:
        AssertionError: it does not.
    """
    found, again = second_verifier.verify(case.bundle), case.again
    assert again is not None
    assert found.root == case.root
    assert found.decision == again.decision.value
    counted = [
        (row.id, None if row.green is None else (row.green, row.scored))
        for row in again.per_trigger
    ]
    assert found.counts == counted
    close = {"rel": 1e-9, "abs": 1e-9}
    assert found.log10_e_value == pytest.approx(again.log10_e_value, **close)
    assert found.log10_e_value == pytest.approx(report.log10_e_value, **close)
    if again.transfer_log10_e_value is None:
        assert found.transfer_log10_e_value is None
    else:
        assert found.transfer_log10_e_value == pytest.approx(again.transfer_log10_e_value, **close)
    assert report.log10_discount is not None
    assert case.tries is not None
    gaps = report.log10_discount - case.tries.independence
    assert found.log10_gaps == pytest.approx(gaps, **close)


def watch(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Compares after every audit from here on; gets the root of each bundle compared."""
    module: Any = importlib.import_module("sif.claims.audit")
    report_on: Callable[[Case, list[Step], str | None], AuditReport] = module._report
    roots: list[str] = []

    def and_again(case: Case, steps: list[Step], failed: str | None) -> AuditReport:
        report = report_on(case, steps, failed)
        if failed is None:
            try:
                compare(case, report)
                roots.append(case.root)
            except second_verifier.UnknownFormError as error:
                FORMS_NOT_TOLD.append(str(error))
        return report

    monkeypatch.setattr(module, "_report", and_again)
    return roots

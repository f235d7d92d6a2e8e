"""Every bundle that an audit in these tests does not refute is computed again by other means.

The end of an audit is wrapped, where root, verdict, control and discount are known, and
`second_verifier` has to say the same of the file.
"""

import importlib
import math
from collections.abc import Callable
from typing import Any

import pytest

from sif.claims.case import Case
from sif.claims.steps import AuditReport, Step
from sif.ownership.control import ControlFigures
from tests.claims import second_verifier
from tests.claims.second_verifier.weighing import Control

FIGURES = ("log10_e_value", "pairs_log10_e_value", "log10_left", "transfer_log10_left")

FORMS_NOT_TOLD: list[str] = []
"""What the second verifier said of bundles whose form it does not know."""


def compare(case: Case, report: AuditReport) -> None:
    """Makes sure that a second verifier gets the same from the bundle, after its control.

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
    assert near(found.log10_e_value, again.log10_e_value)
    assert near(found.log10_e_value, report.log10_e_value)
    assert near(found.transfer_log10_e_value, again.transfer_log10_e_value)
    assert report.log10_discount is not None
    assert case.tries is not None
    missing = report.log10_discount - case.tries.independence
    bases = 0.0 if found.control is None else found.control.log10_e_value
    assert near(found.log10_gaps + bases, missing)
    compare_control(found.control, case.verdict.control)


def compare_control(ours: Control | None, theirs: ControlFigures | None) -> None:
    if ours is None or theirs is None:
        assert ours is theirs
        return
    assert ours.passed == theirs.passed
    assert ours.counts == [
        (base.id, None if base.green is None else (base.green, base.scored))
        for base in theirs.per_trigger
    ]
    for name in FIGURES:
        assert near(getattr(ours, name), getattr(theirs, name)), name


def near(ours: float | None, theirs: float | None) -> bool:
    """Whether two logarithms are the same but for rounding, or neither is there."""
    if ours is None or theirs is None:
        return ours is theirs
    return math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-9)


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

"""`audit`: everything again from scratch, in numbered steps, up to the first that fails.

1 bundle       the file is whole and safe to read
2 signature    all of it is signed by one key
3 owner        that key is the owner's (given)
4 commitment   the signed root is that of the manifest
5 secret       the revealed one is the committed one
6 timestamp    when the commitment was there (roots given)
7 keys         they follow from the secret and their place
8 images       they are the committed ones, and triggers differ from their bases by ε at most
9 tokenizer    one file, the committed one, and the model's (given); it cuts all answers alike
10 files       so are weights, calibration and the rest
11 anchor      the keys hang on a timestamp (roots given)
12 policy      the run kept the committed one
13 journal     committed questions, in order, after the timestamp
14 order       it was drawn from that timestamp
15 counts      tokenised and counted again
16 evidence    e-values and p-values again
17 verdict     the rest of it again
18 transfer    the allowance follows from the panel's answers, and is above what chance gives
19 control     pictures before they were changed show nothing, and triggers differ from them
20 grinding    what is left after the discount carries the claim, at the auditor's α too
21 priority    the commitment is older than the suspect (given)
22 title       so is the model that triggers were made on, than its release (given)
23 suspect     asked again (given)
24 panel       independent models do not react (given)

Steps that need something that the auditor did not give are `not checked`, never passed: only where
all passed is the outcome VERIFIED. No model is needed before step 23. Knows no command line.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from sif.claims.case import Case, Means
from sif.claims.check_claim import (
    check_anchor,
    check_bundle,
    check_commitment,
    check_keys,
    check_owner,
    check_secret,
    check_signature,
    check_timestamp,
)
from sif.claims.check_control import check_control
from sif.claims.check_files import check_files, check_images
from sif.claims.check_order import check_order
from sif.claims.check_run import (
    check_counts,
    check_evidence,
    check_journal,
    check_rules,
    check_verdict,
)
from sif.claims.check_title import check_title
from sif.claims.check_tokenizer import check_tokenizer
from sif.claims.check_transfer import check_transfer
from sif.claims.check_world import check_grinding, check_panel, check_priority, check_suspect
from sif.claims.steps import AuditReport, Finding, Outcome, Status, Step
from sif.errors import ClaimError, FingerprintError
from sif.scratch import scratch
from sif.visible import visible

STEPS: Final[dict[str, Callable[[Case], Finding]]] = {
    "bundle": check_bundle,
    "signature": check_signature,
    "owner": check_owner,
    "commitment": check_commitment,
    "secret": check_secret,
    "timestamp": check_timestamp,
    "keys": check_keys,
    "images": check_images,
    "tokenizer": check_tokenizer,
    "files": check_files,
    "anchor": check_anchor,
    "policy": check_rules,
    "journal": check_journal,
    "order": check_order,
    "counts": check_counts,
    "evidence": check_evidence,
    "verdict": check_verdict,
    "transfer": check_transfer,
    "control": check_control,
    "grinding": check_grinding,
    "priority": check_priority,
    "title": check_title,
    "suspect": check_suspect,
    "panel": check_panel,
}


def audit(
    bundle: Path,
    means: Means | None = None,
    *,
    report: Callable[[Step], None] = lambda step: None,
) -> AuditReport:
    """Checks a bundle of `reveal`.

    Args:
        bundle: the file.
        means: what the auditor brings; nothing where None.
        report: called after every step.

    Raises:
        ClaimError: there is no such file; whatever is wrong with it fails a step instead.
        StorageError: no room to unpack the bundle.
        SuspectError: a suspect of the auditor's cannot be reached.
        ModelError: one cannot be loaded.
    """
    if not bundle.is_file():
        raise ClaimError(f"expected a bundle of `sif claim reveal`, got {bundle}, which is no file")
    with scratch("audit") as folder:
        case = Case(bundle=bundle, folder=folder, means=means or Means())
        steps: list[Step] = []
        failed: str | None = None
        for number, (name, check) in enumerate(STEPS.items(), start=1):
            found = Finding(Status.NOT_CHECKED, f"not reached, for {failed} failed")
            if failed is None:
                found = _find(check, case)
                failed = name if found.status is Status.FAIL else None
            steps.append(
                Step(number=number, name=name, status=found.status, sentence=found.sentence)
            )
            report(steps[-1])
    return _report(case, steps, failed)


def _find(check: Callable[[Case], Finding], case: Case) -> Finding:
    try:
        return check(case)
    except (ClaimError, FingerprintError) as error:
        return Finding(Status.FAIL, visible(" ".join(str(error).split())))


def _report(case: Case, steps: list[Step], failed: str | None) -> AuditReport:
    evidence = None if case.again is None else case.again.log10_e_value
    discount = case.log10_discount
    both = evidence is not None and discount is not None
    left = tuple(step.name for step in steps if step.status is Status.NOT_CHECKED)
    return AuditReport(
        outcome=Outcome.REFUTED if failed else Outcome.CONSISTENT if left else Outcome.VERIFIED,
        not_checked=left,
        supported=failed is None,
        failed=failed,
        steps=tuple(steps),
        model=case.manifest.model.words if hasattr(case, "manifest") else None,
        alpha=min(case.header.alpha, case.means.alpha) if hasattr(case, "header") else None,
        log10_e_value=evidence,
        log10_discount=discount,
        log10_remaining=evidence - discount if both else None,  # type: ignore[operator]
        own_words=case.own_words,
    )

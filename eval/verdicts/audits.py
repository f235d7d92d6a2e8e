"""Calibrated audits of everybody, by each test of transfer and each handling of pictures.

The panel and the source answered every handling; each suspect is then audited as `sif verify` does,
without knowing which handling its pictures went through. Knows nothing of models or files.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from pydantic import BaseModel

from sif import markdown
from sif.errors import UsageError
from sif.eval.triggers.roster import Role
from sif.fingerprint.folder import FingerprintSet
from sif.ownership.allowance import TESTS, TransferTest, allowed_by
from sif.ownership.calibrating import Asked, ask_member, calibrate, compared
from sif.ownership.calibration import Calibration
from sif.ownership.policy import Policy
from sif.ownership.questions import queries_of
from sif.ownership.references import References
from sif.ownership.sequential import decide
from sif.suspects.scripted import ScriptedSuspect
from sif.types import Decision, Reply

RULES: Final = Policy(order="drawn")
Replies = Mapping[str, Sequence[Reply]]
"""Of one suspect to all triggers of a fingerprint, by the handling of the pictures."""


class Audit(BaseModel):
    """One audit of one suspect.

    Attributes:
        test: by which transfer was excluded.
        contrast: mean over the triggers asked; none where that was not tested.
        questions: until the verdict, or all.
        allowance: τ of reactions.
        contrast_allowance: τ of contrasts.
    """

    family: str
    method: str
    seed: int
    suspect: str
    role: Role
    image_attack: str
    test: TransferTest
    derived: bool
    questions: int
    log10_e_value: float
    contrast: float | None = None
    allowance: float
    contrast_allowance: float


def audits_of(
    owned: FingerprintSet,
    *,
    family: str,
    method: str,
    seed: int,
    roles: Mapping[str, Role],
    answers: Mapping[str, Replies],
    panel: Sequence[str],
    source: str,
) -> list[Audit]:
    """Audits everybody but the panel, by each test.

    Args:
        owned: the fingerprint.
        family: of the models, for the rows.
        method: that made it, for the rows.
        seed: of its keys, for the rows.
        roles: what suspects are to the source, by name.
        answers: of everybody, by name.
        panel: names of those who calibrate.
        source: name of the source.
    """

    def asked(name: str) -> list[Asked]:
        return [
            ask_member(
                owned,
                _told(owned, f"{name} {attack}", replies),
                image_attack=attack,
                model=name,
                policy=RULES,
            )
            for attack, replies in answers[name].items()
        ]

    members, ours = [one for name in panel for one in asked(name)], asked(source)
    found = compared(owned, members, ours, policy=RULES)
    calibration = calibrate(owned, found.panel, source=found.source, policy=RULES)
    references = References(
        source=tuple(one.replies for one in ours),
        others={
            name: tuple(one.replies for one in members if one.model == name) for name in panel
        },
    )
    return [
        _audit(
            owned,
            _told(owned, name, replies),
            test,
            calibration,
            references,
            row={
                "family": family,
                "method": method,
                "seed": seed,
                "suspect": name,
                "role": roles[name],
                "image_attack": attack,
            },
        )
        for name in answers
        if name not in panel
        for attack, replies in answers[name].items()
        for test in TESTS
    ]


def as_table(audits: Sequence[Audit]) -> str:
    """A row for each method, handling and test; nothing where nobody was audited."""
    if not audits:
        return ""
    heads = (
        *("method", "pictures", "test", "copies DERIVED", "innocents DERIVED"),
        *("questions, source", "near copies", "tuned on another world"),
    )
    keys = list(dict.fromkeys((one.method, one.image_attack, one.test) for one in audits))
    rows = []
    for key in keys:
        some = [one for one in audits if (one.method, one.image_attack, one.test) == key]
        copies = [one for one in some if one.role == "copy"]
        innocents = [one for one in some if one.role == "innocent"]
        far = [one for one in copies if "other-world" in one.suspect]
        near = [one for one in copies if one.suspect in NEAR]
        rows.append(
            [
                *key,
                *(f"{sum(one.derived for one in each)} of {len(each)}" for each in (copies, innocents)),
                *(_questions(each) for each in ([o for o in some if o.role == "source"], near, far)),
            ]
        )
    allowances = {(one.family, one.method, one.seed): one for one in audits}
    told = "; ".join(
        f"{method} on {family}: {one.allowance:.2f} and {one.contrast_allowance:.2f}"
        for (family, method, _seed), one in allowances.items()
    )
    return (
        "## Calibrated audits\n\n"
        f"{markdown.table(heads, rows)}"
        f"Questions: the median where it is reached. Allowances of reactions and contrasts: {told}.\n"
    )


NEAR: Final = ("int8", "nf4", "3-bit", "pruned-20", "pruned-40", "noise", "lora-same", "full-same-b")


def _questions(audits: Sequence[Audit]) -> str:
    asked = [one.questions if one.derived else np.inf for one in audits]
    if not asked:
        return markdown.MISSING
    median = float(np.median(asked))
    return "more" if np.isinf(median) else f"{median:g}"


def _told(owned: FingerprintSet, name: str, replies: Sequence[Reply]) -> ScriptedSuspect:
    told = {
        queries_of(trigger, RULES)[0].digest: reply
        for trigger, reply in zip(owned.triggers, replies, strict=True)
    }
    return ScriptedSuspect(lambda query: told[query.digest], name=name)


def _audit(
    owned: FingerprintSet,
    suspect: ScriptedSuspect,
    test: TransferTest,
    calibration: Calibration,
    references: References,
    *,
    row: Mapping[str, object],
) -> Audit:
    if calibration.contrast_allowance is None:
        raise UsageError("expected a calibration with contrasts, got one without")
    policy = RULES.model_copy(update=allowed_by(calibration, test).fields)
    verdict = decide(owned, suspect, policy, references=references, batch_size=1)
    seen = [one.contrast for one in verdict.per_trigger if one.contrast is not None]
    return Audit.model_validate(
        {
            **row,
            "test": test,
            "derived": verdict.decision is Decision.DERIVED,
            "questions": verdict.queries,
            "log10_e_value": verdict.log10_e_value,
            "contrast": float(np.mean(seen)) if seen else None,
            "allowance": calibration.allowance,
            "contrast_allowance": calibration.contrast_allowance,
        }
    )

"""Calibrated audits of everybody, by each test of transfer and each handling of pictures.

The panel and the source answered every handling; each suspect is then audited as `sif verify` does,
without knowing which handling its pictures went through. Knows nothing of models or files.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Final

import numpy as np
from pydantic import BaseModel

from sif import markdown
from sif.errors import UsageError
from sif.eval.triggers.roster import Role
from sif.fingerprint.folder import FingerprintSet
from sif.ownership.allowance import TESTS, TransferTest, allowed_by
from sif.ownership.calibrating import FEWEST_MODELS, Asked, ask_member, calibrate, compared
from sif.ownership.calibration import Calibration
from sif.ownership.policy import Policy
from sif.ownership.questions import queries_of
from sif.ownership.references import References
from sif.ownership.sequential import decide
from sif.ownership.share import share_of
from sif.suspects.scripted import ScriptedSuspect
from sif.types import Decision, Reply

RULES: Final = Policy(order="drawn")
PANELS: Final = (2, 4)
"""Sizes of the panels that innocents are audited with, beside all others."""
KIN: Final = "sibling"
Replies = Mapping[str, Sequence[Reply]]
"""Of one suspect to all triggers of a fingerprint, by the handling of the pictures."""


class Audit(BaseModel):
    """One audit of one suspect.

    Attributes:
        test: by which transfer was excluded.
        contrast: mean over the triggers asked; none where that was not tested.
        questions: until the verdict, or all.
        allowance: τ of reactions; at 1 they are not tested.
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


class LeftOut(BaseModel):
    """An audit of an innocent, calibrated on some of the others.

    Attributes:
        panel: their names.
        kin: how many siblings of the source are in it, where the suspect is one; else none.
    """

    audit: Audit
    panel: tuple[str, ...]
    kin: int | None

    @property
    def kind(self) -> tuple[str, str]:
        """What the suspect is, and what the panel lacks, in words."""
        if self.kin is None:
            return "stranger", "any"
        return "sibling", "with siblings" if self.kin else "strangers alone"


def audits_of(
    owned: FingerprintSet,
    *,
    about: Mapping[str, object],
    roles: Mapping[str, Role],
    answers: Mapping[str, Replies],
    panel: Sequence[str],
    source: str,
) -> list[Audit]:
    """Audits everybody but the panel, by each test.

    Args:
        owned: the fingerprint.
        about: family, method and seed, for the rows.
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
        others={name: tuple(one.replies for one in members if one.model == name) for name in panel},
    )
    return [
        _audit(
            owned,
            _told(owned, name, replies),
            test,
            calibration,
            references,
            row={
                **about,
                "suspect": name,
                "role": roles[name],
                "image_attack": attack,
            },
        )
        for name in answers
        if name not in panel
        for attack, replies in answers[name].items()
        for test in TESTS
        if test != "reaction" or calibration.allowance < 1.0
    ]


def left_out(
    owned: FingerprintSet,
    *,
    about: Mapping[str, object],
    answers: Mapping[str, Replies],
    innocents: Sequence[str],
    source: str,
) -> list[LeftOut]:
    """Audits every innocent, calibrated on all others and on every few of them.

    Args:
        owned: the fingerprint.
        about: family, method and seed, for the rows.
        answers: of everybody, by name.
        innocents: names of those who are not derived.
        source: name of the source.
    """
    found = []
    for suspect in innocents:
        others = [name for name in innocents if name != suspect]
        sizes = {*PANELS, len(others)} & set(range(FEWEST_MODELS, len(others) + 1))
        for panel in (panel for size in sorted(sizes) for panel in combinations(others, size)):
            try:
                audits = audits_of(
                    owned,
                    about=about,
                    roles={suspect: "innocent", source: "source"},
                    answers={name: answers[name] for name in (suspect, source, *panel)},
                    panel=panel,
                    source=source,
                )
            except UsageError:  # the panel says no allowance, so that there is no claim
                continue
            found += [
                LeftOut(
                    audit=audit,
                    panel=panel,
                    kin=sum(KIN in name for name in panel) if KIN in suspect else None,
                )
                for audit in audits
                if audit.suspect == suspect
            ]
    return found


def left_out_table(rows: Sequence[LeftOut]) -> str:
    """False claims by method, test and panel; nothing without rows."""
    if not rows:
        return ""
    heads = ("method", "test", "suspect", "panel", "audits", "false claims", "95% interval")
    keys = list(dict.fromkeys((one.audit.method, one.audit.test, one.kind) for one in rows))
    shown = []
    for key in keys:
        some = [one for one in rows if (one.audit.method, one.audit.test, one.kind) == key]
        share = share_of(sum(one.audit.derived for one in some), len(some))
        assert share is not None
        method, test, (suspect, panel) = key
        false = sum(one.audit.derived for one in some)
        interval = f"{share.low:.1%} to {share.high:.1%}"
        shown.append([method, test, suspect, panel, str(len(some)), str(false), interval])
    return (
        "## Innocents, left out in turn\n\n"
        f"{markdown.table(heads, shown)}"
        "Audits share models and pictures, so that they are not independent.\n"
    )


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
                *(
                    f"{sum(one.derived for one in each)} of {len(each)}"
                    for each in (copies, innocents)
                ),
                *(
                    _questions(each)
                    for each in ([o for o in some if o.role == "source"], near, far)
                ),
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
        "Questions: the median where it is reached. Allowances of reactions and contrasts: "
        f"{told}.\n"
    )


NEAR: Final = (
    "int8",
    "nf4",
    "3-bit",
    "pruned-20",
    "pruned-40",
    "noise",
    "lora-same",
    "full-same-b",
)


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

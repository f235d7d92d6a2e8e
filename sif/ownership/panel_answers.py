"""panel.json: what the panel of a calibration answered, so that others can count it again.

calibration.json holds counts, which are its maker's word for answers that nobody else has seen.
Here are the answers, by member and by digest of the question. They hold no secret. Knows neither
journals nor claims.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import fsum
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sif.errors import FingerprintError, UsageError
from sif.files import write_atomically
from sif.fingerprint.folder import FingerprintSet, Trigger
from sif.ownership.calibration import PLAIN, Calibration, PanelMember, Seen, read_calibration
from sif.ownership.evidence import highest_evidence
from sif.ownership.policy import Policy
from sif.ownership.questions import queries_of
from sif.ownership.references import References, check_work, replies_to
from sif.ownership.sequential import ask_by_trigger, observe
from sif.plain_files import read_file
from sif.types import Answer, Reply, Suspect

PANEL: Final = "panel.json"


class PanelAnswers(BaseModel):
    """panel.json.

    Attributes:
        fingerprint: SHA-256 of the manifest that it belongs to.
        answers: texts by `Query.digest`, by the member's name in calibration.json. What is not
            there was not answered.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    fingerprint: str
    answers: dict[str, dict[str, str]] = Field(min_length=1)

    def replies(self, member: str) -> dict[str, Reply]:
        """A member's, by digest."""
        return {digest: Answer(text=text) for digest, text in self.answers.get(member, {}).items()}


def write_panel(
    fingerprint: FingerprintSet, measured: Calibration, replies: Mapping[str, Mapping[str, Answer]]
) -> None:
    """Puts the answers beside the calibration.

    Args:
        fingerprint: that was calibrated.
        measured: its calibration.
        replies: of every member by its name in the calibration, by `Query.digest`.

    Raises:
        StorageError: the folder cannot be written.
    """
    answers = {
        name: {digest: one.text for digest, one in some.items()} for name, some in replies.items()
    }
    kept = PanelAnswers(fingerprint=measured.fingerprint, answers=answers)
    write_atomically(fingerprint.folder / PANEL, kept.model_dump_json(indent=2))


def read_panel(folder: Path, measured: Calibration) -> PanelAnswers | None:
    """The answers behind a calibration; None where they were not kept.

    Raises:
        FingerprintError: damaged, or those of another fingerprint.
    """
    path = folder / PANEL
    if not path.exists():
        return None
    try:
        found = PanelAnswers.model_validate_json(read_file(path))
    except OSError as error:
        raise FingerprintError(f"cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        raise FingerprintError(
            f"expected answers of a panel, version 1, in {path}, got something else; run sif "
            "calibrate again"
        ) from error
    if found.fingerprint != measured.fingerprint:
        raise FingerprintError(
            f"expected in {path} the answers behind this calibration, got those to another "
            "fingerprint; run sif calibrate again"
        )
    return found


def references_for(folder: Path, policy: Policy) -> References | None:
    """What contrasts are measured with, where a policy tests them: who answered what.

    Args:
        folder: of a fingerprint that was calibrated with its source.
        policy: the rules.

    Raises:
        UsageError: it was not.
        FingerprintError: a damaged calibration, or damaged answers.
    """
    if policy.contrast_allowance is None:
        return None
    measured = read_calibration(folder)
    panel = None if measured is None else read_panel(folder, measured)
    if measured is None or panel is None or not measured.source:
        raise UsageError(
            f"expected in {folder} the answers of the source and of a panel, to compare a "
            "suspect's with, got none; run sif calibrate with --source MODEL"
        )
    check_work(panel.replies(name) for name in panel.answers)
    return references_in(measured, panel)


def references_in(measured: Calibration, panel: PanelAnswers) -> References:
    """The same of a calibration and its answers."""
    models: dict[str, list[Mapping[str, Reply]]] = {}
    for member in measured.members:
        name = member.model or member.suspect
        models.setdefault(name, []).append(panel.replies(member.suspect))
    return References(
        source=tuple(panel.replies(one.suspect) for one in measured.source),
        others={name: tuple(replies) for name, replies in models.items()},
        closest=max(one.nearest for one in measured.source) if measured.source else None,
    )


def miscounted(
    fingerprint: FingerprintSet,
    measured: Calibration,
    panel: PanelAnswers,
    triggers: Iterable[Trigger],
) -> Iterator[str]:
    """Where the answers do not give the counts of a calibration, in words, one after the other.

    Args:
        fingerprint: with the keys of these triggers.
        measured: whose counts are computed again.
        panel: the answers.
        triggers: to count.

    Raises:
        FingerprintError: a key is not at hand, or an answer cannot be cut into words.
        UsageError: there is too much to compare.
    """
    chosen = list(triggers)
    everybody = None
    if measured.source:
        check_work(panel.replies(name) for name in panel.answers)
        everybody = references_in(measured, panel)
    heard = [
        (
            member,
            panel.replies(member.suspect),
            everybody and everybody.without(member.model or member.suspect),
        )
        for member in measured.members
    ]
    for trigger in chosen:  # whose pictures are read once for all members
        queries, name = queries_of(trigger, measured.manner), trigger.record.id
        for member, replies, others in heard:
            said = replies_to(queries, replies)
            ours, stated = _counted(fingerprint, measured, trigger, said), member.answers.get(name)
            if ours != stated:
                yield _difference(member, name, ours, stated)
            if ours is not None and others is not None:
                contrast, told = others.contrast(queries, said), (member.contrasts or {}).get(name)
                if contrast != told:
                    yield (
                        f"calibration.json has a contrast of {told} for the answer of "
                        f"{member.suspect!r} to trigger {name}, the answers give {contrast}"
                    )


def source_shown(
    fingerprint: FingerprintSet,
    measured: Calibration,
    panel: PanelAnswers,
    triggers: Iterable[Trigger],
) -> tuple[float, float]:
    """What the source's answers to plain pictures show, and how near the panel comes to it.

    Returns:
        The log10 e-value of its answers to these triggers, and the mean nearness to them of the
        nearest other model, from 0 to 1.
    """
    everybody = references_in(measured, panel)
    (plain,) = [one for one in measured.source if one.image_attack == PLAIN]
    replies, seen, near = panel.replies(plain.suspect), [], []
    for trigger in triggers:
        queries = queries_of(trigger, measured.manner)
        said = replies_to(queries, replies)
        seen.append(observe(fingerprint, trigger, said, measured.manner))
        near.append(everybody.nearest(queries, said))
    shown = highest_evidence(
        seen, vocabulary_size=fingerprint.vocabulary_size, green_size=fingerprint.green_size
    )
    return shown, fsum(near) / len(near) if near else 0.0


def source_nearness(
    fingerprint: FingerprintSet, measured: Calibration, panel: PanelAnswers, suspect: Suspect
) -> float:
    """How near a suspect's answers are to those of the source, the mean over triggers.

    Args:
        fingerprint: whose triggers are asked.
        measured: the calibration.
        panel: its answers, the source's under any attack.
        suspect: who is asked now.
    """
    source, near = [panel.replies(one.suspect) for one in measured.source], []
    queries = {one.record.id: queries_of(one, measured.manner) for one in fingerprint.triggers}
    for trigger, replies in ask_by_trigger(
        suspect, fingerprint.triggers, lambda one: queries[one.record.id]
    ):
        itself = References(source=(), others={"source": tuple(source)})
        near.append(itself.nearest(queries[trigger.record.id], replies))
    return fsum(near) / len(near) if near else 0.0


def _counted(
    fingerprint: FingerprintSet,
    measured: Calibration,
    trigger: Trigger,
    said: Sequence[Reply],
) -> Seen | None:
    count = observe(fingerprint, trigger, said, measured.manner).count
    return (
        None if count is None or not count.scored else Seen(green=count.green, scored=count.scored)
    )


def _difference(member: PanelMember, trigger: str, ours: Seen | None, stated: Seen | None) -> str:
    words = [
        "nothing" if seen is None else f"{seen.green} green of {seen.scored}"
        for seen in (stated, ours)
    ]
    return (
        f"calibration.json counts {words[0]} in the answer of {member.suspect!r} to trigger "
        f"{trigger}, the answer itself gives {words[1]}"
    )

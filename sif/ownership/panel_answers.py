"""panel.json: what the panel of a calibration answered, so that others can count it again.

calibration.json holds counts, which are its maker's word for answers that nobody else has seen.
Here are the answers, by member and by digest of the question. They hold no secret. Knows neither
journals nor claims.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sif.errors import FingerprintError
from sif.files import write_atomically
from sif.fingerprint.folder import FingerprintSet, Trigger
from sif.ownership.calibration import Calibration, PanelMember, Seen
from sif.ownership.questions import queries_of
from sif.ownership.sequential import observe
from sif.types import Answer, Reply, Unanswered

PANEL: Final = "panel.json"
MISSING: Final = Unanswered(reason="no answer was recorded")


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
        found = PanelAnswers.model_validate_json(path.read_bytes())
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
    """
    chosen = list(triggers)
    for member in measured.members:
        replies = panel.replies(member.suspect)
        for trigger in chosen:
            ours = _counted(fingerprint, measured, trigger, replies)
            stated = member.answers.get(trigger.record.id)
            if ours != stated:
                yield _difference(member, trigger.record.id, ours, stated)


def _counted(
    fingerprint: FingerprintSet,
    measured: Calibration,
    trigger: Trigger,
    replies: Mapping[str, Reply],
) -> Seen | None:
    queries = queries_of(trigger, measured.manner)
    found = [replies.get(query.digest, MISSING) for query in queries]
    count = observe(fingerprint, trigger, found, measured.manner).count
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

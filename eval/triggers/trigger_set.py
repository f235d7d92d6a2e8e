"""A set of triggers as a benchmark asks it, whether green words or wanted answers are looked for.

Knows what is asked and how an answer is graded; knows nothing of suspects.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from PIL import Image

from sif.eval.triggers.baseline import GREEDY, BaselineTrigger, load_baseline
from sif.fingerprint.folder import FingerprintSet
from sif.fingerprint.objectives.target_answer import contains_target
from sif.types import GenerationSettings, Query


class Grade(NamedTuple):
    """What one answer shows; the fields of `sif.eval.triggers.rows.Cell`."""

    matched: bool | None = None
    green: int | None = None
    scored: int | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Question:
    """What one trigger asks, and the base image that it was made from.

    Attributes:
        id: of the trigger.
        source_image: name of the base image.
    """

    id: str
    image: Image.Image
    base: Image.Image
    source_image: str
    prompt: str
    generation: GenerationSettings

    def query(self) -> Query:
        """About the trigger."""
        return self._about(self.image)

    def base_query(self) -> Query:
        """The same about the base image."""
        return self._about(self.base)

    def _about(self, image: Image.Image) -> Query:
        return Query(trigger=self.id, image=image, prompt=self.prompt, generation=self.generation)


@runtime_checkable
class TriggerSet(Protocol):
    """Triggers of one method and seed."""

    @property
    def questions(self) -> Sequence[Question]:
        """In their committed order."""
        ...

    @property
    def vocabulary_size(self) -> int | None:
        """V; none without green lists."""
        ...

    @property
    def green_size(self) -> int | None:
        """Green ids of a key; none without green lists."""
        ...

    @property
    def weak(self) -> int:
        """Triggers that do not work well enough on the source itself."""
        ...

    def grade(self, trigger: str, text: str | None) -> Grade:
        """What an answer to one trigger shows, or the lack of one."""
        ...


class GreenSet:
    """Triggers of a fingerprint: green words are counted.

    Args:
        fingerprint: with its keys.
    """

    def __init__(self, fingerprint: FingerprintSet) -> None:
        self._fingerprint = fingerprint
        self.questions = tuple(
            Question(
                id=trigger.record.id,
                image=trigger.image,
                base=trigger.base,
                source_image=trigger.record.source_image,
                prompt=trigger.record.prompt,
                generation=trigger.record.generation,
            )
            for trigger in fingerprint.triggers
        )
        self.vocabulary_size = fingerprint.vocabulary_size
        self.green_size = fingerprint.green_size
        qualities = [trigger.record.quality for trigger in fingerprint.triggers]
        self.weak = sum(quality.weak for quality in qualities if quality is not None)

    def grade(self, trigger: str, text: str | None) -> Grade:
        """The green count of an answer."""
        if text is None:
            return Grade()
        count = self._fingerprint.count(trigger, [text])
        return Grade(green=count.green, scored=count.scored)


class WantedSet:
    """Triggers of a baseline: the wanted answer is looked for; there is no null to bet against.

    Args:
        triggers: of `load_baseline`.
    """

    vocabulary_size: int | None = None
    green_size: int | None = None

    def __init__(self, triggers: Sequence[BaselineTrigger]) -> None:
        self._wanted = {trigger.record.id: trigger.record.answer for trigger in triggers}
        self.questions = tuple(
            Question(
                id=trigger.record.id,
                image=trigger.image,
                base=trigger.base,
                source_image=trigger.record.source_image,
                prompt=trigger.record.question,
                generation=GREEDY,
            )
            for trigger in triggers
        )
        self.weak = sum(not trigger.record.matched for trigger in triggers)

    def grade(self, trigger: str, text: str | None) -> Grade:
        """Whether an answer contains the wanted one; no answer does not."""
        return Grade(matched=text is not None and contains_target(text, self._wanted[trigger]))


def load_set(folder: Path, *, baseline: bool) -> TriggerSet:
    """Reads what was made into a folder.

    Raises:
        FingerprintError: a fingerprint that is missing, unfinished or damaged.
        StorageError: a baseline that is.
    """
    return WantedSet(load_baseline(folder)) if baseline else GreenSet(FingerprintSet.load(folder))

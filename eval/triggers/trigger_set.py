"""A set of triggers as a benchmark asks it, whether green words or wanted answers are looked for.

Knows what is asked and how an answer is graded; knows nothing of suspects.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from sif.eval.triggers.baseline import GREEDY, BaselineTrigger, answers_of, load_baseline
from sif.eval.triggers.text_triggers import TextTrigger, load_text
from sif.fingerprint.folder import FingerprintSet
from sif.fingerprint.objectives.target_answer import contains_target
from sif.types import GenerationSettings, Query
from sif.watermark.targets import AnswerList


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


@dataclass(frozen=True, eq=False, kw_only=True)
class TriggerSet:
    """Triggers of one method and seed.

    Attributes:
        questions: in their committed order.
        weak: triggers that do not work well enough on the source itself.
        grade: what an answer to one trigger shows, or the lack of one.
        vocabulary_size: V; none without green lists.
        green_size: green ids of a key; none without green lists.
        alternatives: n of the list that targets were drawn from; none without keyed targets.
    """

    questions: tuple[Question, ...]
    weak: int
    grade: Callable[[str, str | None], Grade]
    vocabulary_size: int | None = None
    green_size: int | None = None
    alternatives: int | None = None


def green_set(fingerprint: FingerprintSet) -> TriggerSet:
    """Triggers of a fingerprint, with its keys: green words are counted."""

    def grade(trigger: str, text: str | None) -> Grade:
        if text is None:
            return Grade()
        count = fingerprint.count(trigger, [text])
        return Grade(green=count.green, scored=count.scored)

    records = [trigger.record for trigger in fingerprint.triggers]
    return TriggerSet(
        questions=tuple(
            Question(
                id=trigger.record.id,
                image=trigger.image,
                base=trigger.base,
                source_image=trigger.record.source_image,
                prompt=trigger.record.prompt,
                generation=trigger.record.generation,
            )
            for trigger in fingerprint.triggers
        ),
        weak=sum(record.quality.weak for record in records if record.quality is not None),
        grade=grade,
        vocabulary_size=fingerprint.vocabulary_size,
        green_size=fingerprint.green_size,
    )


def wanted_set(
    triggers: Sequence[BaselineTrigger] | Sequence[TextTrigger], answers: AnswerList | None = None
) -> TriggerSet:
    """Triggers that want an answer, which is looked for.

    Args:
        triggers: with the answers that they want.
        answers: the list from which the key drew them; without one there is no null to bet against.
    """
    wanted = {trigger.record.id: trigger.record.answer for trigger in triggers}

    def grade(trigger: str, text: str | None) -> Grade:
        matched = text is not None and contains_target(text, wanted[trigger])
        if text is None or answers is None:
            return Grade(matched=matched)
        said = answers.said(text, wanted[trigger])
        return Grade(matched=matched, green=said.hits, scored=said.parts)

    return TriggerSet(
        questions=tuple(
            Question(
                id=trigger.record.id,
                image=trigger.image,
                base=trigger.base,
                source_image=trigger.record.source_image,
                prompt=trigger.record.question,
                generation=GREEDY,
            )
            for trigger in triggers
        ),
        weak=sum(not trigger.record.matched for trigger in triggers),
        grade=grade,
        alternatives=None if answers is None else answers.alternatives,
    )


def load_set(folder: Path, *, baseline: bool, textual: bool = False) -> TriggerSet:
    """Reads what was made into a folder, by an image baseline, a method of words or our own.

    Raises:
        FingerprintError: a fingerprint that is missing, unfinished or damaged.
        StorageError: one of the others that is.
    """
    if textual:
        return wanted_set(load_text(folder))
    if baseline:
        return wanted_set(load_baseline(folder), answers_of(folder))
    return green_set(FingerprintSet.load(folder))

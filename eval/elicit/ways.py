"""Ways to ask one and the same trigger, for suspects that answer too shortly to show anything.

Knows nothing of suspects, keys or triggers' files. What a way changes is chosen without a key.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal

from sif import prompts
from sif.eval.triggers.trigger_set import Question
from sif.suspects.prefaced import preface
from sif.types import Query

Beside = Literal["none", "sentence", "full", "sentence after"]

MINIMUM: Final = 60
BESIDE: Final[tuple[Beside, ...]] = ("none", "sentence", "full", "sentence after")


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to ask.

    Attributes:
        beside: what stands beside the prompt: the example's first sentence or all of it before it,
            or the sentence after it.
        minimum: tokens before which no answer ends.
        prompt: an ordinary one instead of the trigger's own; its own where None.
    """

    beside: Beside = "none"
    minimum: int = 0
    prompt: str | None = None

    def asks(self, question: Question) -> bool:
        """Whether this is another way than asking the trigger's own prompt."""
        return self.prompt != question.prompt

    def query(self, question: Question, example: str) -> Query:
        """The question asked in this way.

        Args:
            question: of a trigger.
            example: description of another picture.
        """
        query = question.query()
        settings = query.generation.model_dump() | {"min_new_tokens": self.minimum}
        query = replace(
            query,
            prompt=self.prompt or query.prompt,
            generation=type(query.generation).model_validate(settings),
        )
        match self.beside:
            case "none":
                return query
            case "full":
                return preface(query, example)
            case "sentence":
                return preface(query, first_sentence(example))
            case "sentence after":
                return replace(query, prompt=f"{query.prompt} {first_sentence(example)}")


def ways() -> Iterator[Way]:
    """All that are compared: examples with and without a minimum, then other ordinary prompts."""
    for beside in BESIDE:
        for minimum in (0, MINIMUM):
            yield Way(beside=beside, minimum=minimum)
    for prompt in prompts.load():
        yield Way(prompt=prompt)


def first_sentence(text: str) -> str:
    """Up to the first full stop; all of it where there is none."""
    sentence, stop, _ = text.partition(".")
    return sentence + stop

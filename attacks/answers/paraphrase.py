"""Answers worded anew by a language model behind any OpenAI-compatible endpoint.

Passing failures are tried again, with growing pauses; a lasting one leaves no answer,
for a thief would rather be silent than show the words that he wants to hide.
"""

import re
from dataclasses import dataclass
from typing import ClassVar

from sif import prompts
from sif.attacks.answers.attack import AnswerAttack, Occasion
from sif.attacks.answers.quoting import quoted, unquoted
from sif.errors import SuspectError, UsageError
from sif.suspects.uri import SuspectAddress
from sif.types import GenerationSettings, Unanswered

_SETTINGS = GenerationSettings(max_new_tokens=512)
_TEXT = re.compile(r"<text>(.*?)(?:</text>|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paraphrase(AnswerAttack):
    """Asks a language model to write every answer again in its own words.

    Greedy unless the address names a temperature: as repeatable as the endpoint is. Reply and
    question follow `prompts/paraphrase.json`; a reply with more than the text asked for is searched
    for it, and taken whole where it is not marked.

    Attributes:
        address: `openai:URL#model`, with the options of such a suspect.

    Raises:
        UsageError: another address, or one that is wrong as written.
    """

    lanes: ClassVar[int] = 8
    example: ClassVar = "paraphrase:openai:http://127.0.0.1:8000/v1#model"

    address: str

    def __post_init__(self) -> None:
        if self._endpoint().scheme != "openai":
            raise UsageError(
                "expected an endpoint that paraphrases, openai:URL#model, got another address; "
                f"write for example {self.example}"
            )

    def __str__(self) -> str:
        return f"paraphrase:{quoted(self._endpoint().name())}"

    @classmethod
    def read(cls, text: str) -> "Paraphrase":
        """The attack by the endpoint that was written behind its name.

        Raises:
            UsageError: none, another address, or one that is wrong as written.
        """
        return cls(address=unquoted(text, attack="paraphrase", example=cls.example))

    def attacked(self, text: str, occasion: Occasion) -> str | Unanswered:
        """The model's words for it, or why there are none."""
        from sif.suspects.openai_suspect import OpenAISuspect

        settings = self._endpoint().settings(_SETTINGS)
        if settings.seed is None:
            settings = settings.model_copy(update={"seed": occasion.seed})
        turns = [{"role": "user", "content": _question(text)}]
        try:
            reply = OpenAISuspect(self._endpoint()).say(turns, settings)
        except SuspectError as error:
            return Unanswered(reason=f"not paraphrased: {error}")
        if isinstance(reply, Unanswered):
            return Unanswered(reason=f"not paraphrased: {reply.reason}")
        return read_paraphrase(reply.text)

    def _endpoint(self) -> SuspectAddress:
        return SuspectAddress.parse(self.address)


def read_paraphrase(content: str) -> str | Unanswered:
    """The new words in a reply."""
    marked = _TEXT.search(content)
    words = (marked.group(1) if marked else content).strip()
    return words or Unanswered(reason="not paraphrased: the reply holds no words")


def _question(text: str) -> str:
    return prompts.load_paraphrase().replace("{text}", text)

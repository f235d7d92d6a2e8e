"""Answers worded anew by a language model behind any OpenAI-compatible endpoint.

Passing failures are tried again by the client, with growing pauses; a lasting one leaves no answer,
for a thief would rather be silent than show the words that he wants to hide.
"""

import re
from dataclasses import dataclass
from typing import Any, ClassVar

from sif import prompts
from sif.attacks.answers.attack import AnswerAttack, Occasion
from sif.attacks.answers.quoting import quoted, unquoted
from sif.errors import UsageError
from sif.suspects.uri import OpenAIOptions, SuspectAddress
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
        import openai

        from sif.suspects.openai_suspect import describe, key_of

        endpoint = self._endpoint()
        options = endpoint.options
        assert isinstance(options, OpenAIOptions)
        key = key_of(options.key_env)
        with openai.OpenAI(
            api_key=key,
            base_url=endpoint.target,
            timeout=options.timeout,
            max_retries=options.attempts - 1,
        ) as client:
            try:
                completion = client.chat.completions.create(
                    model=endpoint.model or "",
                    messages=[{"role": "user", "content": _question(text)}],
                    **_sampling(endpoint.settings(_SETTINGS), occasion.seed),
                )
            except (openai.APIError, ValueError) as error:
                reason = describe(error).replace(key, "***")
                return Unanswered(reason=f"not paraphrased: {reason}")
        return read_paraphrase(completion)

    def _endpoint(self) -> SuspectAddress:
        return SuspectAddress.parse(self.address)


def read_paraphrase(completion: Any) -> str | Unanswered:
    """The new words in a completion, which a server may have sent with any part missing."""
    choices = getattr(completion, "choices", None)
    message = (
        getattr(choices[0], "message", None) if isinstance(choices, list) and choices else None
    )
    content = getattr(message, "content", None)
    if not isinstance(content, str):
        return Unanswered(reason="not paraphrased: malformed reply, no words in it")
    marked = _TEXT.search(content)
    words = (marked.group(1) if marked else content).strip()
    return words or Unanswered(reason="not paraphrased: the reply holds no words")


def _question(text: str) -> str:
    return prompts.load_paraphrase().replace("{text}", text)


def _sampling(settings: GenerationSettings, seed: int) -> dict[str, Any]:
    return {
        "temperature": settings.temperature,
        "top_p": settings.top_p,
        "max_tokens": settings.max_new_tokens,
        "seed": seed if settings.seed is None else settings.seed,
    }

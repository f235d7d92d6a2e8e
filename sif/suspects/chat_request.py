"""The body of one question to an OpenAI-compatible endpoint, and what its answer means.

Servers differ in the sampling parameters they take; each dialect says what is sent. Knows nothing
of connections.
"""

import base64
import io
from collections.abc import Callable
from typing import Any

from PIL import Image

from sif.suspects.reply import reply_from, top_tokens
from sif.suspects.thinking import spoken
from sif.types import GenerationSettings, Query, Reply, TopTokens, Unanswered

# Where servers put what a model thinks, apart from its answer.
THINKING = ("reasoning_content", "reasoning")

Body = dict[str, Any]
Dialect = Callable[[GenerationSettings], Body]


def engine_dialect(settings: GenerationSettings) -> Body:
    """vLLM, SGLang and their like: every parameter, or the model's own defaults would apply."""
    extra = {
        "repetition_penalty": settings.repetition_penalty,
        "top_k": -1,
        "min_p": 0.0,
        "skip_special_tokens": True,
    }
    if settings.min_new_tokens:
        extra["min_tokens"] = settings.min_new_tokens
    return classic_dialect(settings) | {"extra_body": extra}


def classic_dialect(settings: GenerationSettings) -> Body:
    """The chat interface as most services have it."""
    return _common(settings) | {"max_tokens": settings.max_new_tokens}


def recent_dialect(settings: GenerationSettings) -> Body:
    """The newer name of the longest answer."""
    return _common(settings) | {"max_completion_tokens": settings.max_new_tokens}


DIALECTS: tuple[Dialect, ...] = (engine_dialect, classic_dialect, recent_dialect)


def speaks(dialect: Dialect, settings: GenerationSettings) -> bool:
    """Whether a dialect can say these settings at all."""
    return dialect is engine_dialect or not engines_own(settings)


def engines_own(settings: GenerationSettings) -> str:
    """The parameters that these settings need and only `engine_dialect` has; "" for none."""
    needed = {
        "min_tokens": settings.min_new_tokens > 0,
        "repetition_penalty": settings.repetition_penalty != 1.0,
    }
    return " and ".join(name for name, asked in needed.items() if asked)


def probabilities(tokens: int | None) -> Body:
    """Asks for the likeliest tokens at every place; nothing where None."""
    return {} if tokens is None else {"logprobs": True, "top_logprobs": tokens}


def messages(query: Query) -> list[Any]:
    """One user turn: the picture, losslessly, and the words; a system turn before it, if any."""
    system = [] if query.system is None else [{"role": "system", "content": query.system}]
    return [
        *system,
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": png_url(query.image)}},
                {"type": "text", "text": query.prompt},
            ],
        },
    ]


def png_url(image: Image.Image) -> str:
    """The picture as a PNG in a data URL."""
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def read_completion(completion: Any, seconds: float, *, tokens: int) -> Reply:
    """The reply in a completion, which a server may have sent with any part missing.

    Args:
        completion: as the server sent it.
        seconds: that it took.
        tokens: that were asked for at most, thinking included.
    """
    choices = getattr(completion, "choices", None)
    if not isinstance(choices, list) or not choices:
        return Unanswered(reason="malformed reply: no choices in it")
    message = getattr(choices[0], "message", None)
    finish = getattr(choices[0], "finish_reason", None)
    text = getattr(message, "content", None)
    refusal = getattr(message, "refusal", None)
    if finish == "content_filter":
        return Unanswered(reason="withheld by the endpoint's content filter")
    if refusal:
        return Unanswered(reason="refused by the model")
    if text is not None and not isinstance(text, str):
        return Unanswered(reason=f"malformed reply: content is a {type(text).__name__}")
    said = spoken(text or "")
    if any(_is_text(getattr(message, name, None)) for name in THINKING):
        said = said._replace(thought=True)
    # Probabilities come for all tokens, and nothing says where the answer begins among them.
    top = None if said.thought else _top(choices[0])
    return reply_from(
        text, finish_reason=finish, seconds=seconds, top=top, said=said, tokens=tokens
    )


def _is_text(words: Any) -> bool:
    return isinstance(words, str) and bool(words.strip())


def _top(choice: Any) -> tuple[TopTokens, ...] | None:
    """The likeliest tokens, where a server sent them as asked; None where it did not."""
    places = getattr(getattr(choice, "logprobs", None), "content", None)
    if not isinstance(places, list) or not places:
        return None
    lists = [getattr(place, "top_logprobs", None) for place in places]
    if not all(isinstance(found, list) for found in lists):
        return None
    pairs = [[_pair(token) for token in found or []] for found in lists]
    top = tuple(top_tokens(pair for pair in found if pair is not None) for found in pairs)
    return top if any(top) else None


def _pair(token: Any) -> tuple[str, float] | None:
    text, chance = getattr(token, "token", None), getattr(token, "logprob", None)
    if not isinstance(text, str) or not isinstance(chance, int | float) or not chance <= 0.001:
        return None
    return text, float(chance)


def _common(settings: GenerationSettings) -> Body:
    seed = {} if settings.seed is None else {"seed": settings.seed}
    return {"temperature": settings.temperature, "top_p": settings.top_p, "n": 1} | seed

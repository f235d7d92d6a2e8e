"""From the words of an engine to a reply. Knows no engine."""

from collections.abc import Iterable

from sif.suspects.thinking import AFTER_THINKING, Spoken, no_answer_yet, spoken
from sif.types import Answer, Reply, TopTokens, Unanswered


def reply_from(
    text: str | None,
    *,
    finish_reason: str | None,
    seconds: float,
    top: tuple[TopTokens, ...] | None = None,
    said: Spoken | None = None,
    tokens: int = 0,
) -> Reply:
    """An answer without thinking and outer white space; blank words are no answer.

    Args:
        text: all words of the reply.
        finish_reason: as the engine says it.
        seconds: that it took.
        top: the likeliest tokens at every place of the answer.
        said: its words without thinking, where the engine knows better than the text shows.
        tokens: that it could have at most, thinking included.

    Engines differ in the blank that their first token may leave, and no file or tokenizer takes
    lone surrogates: both are evened out here.
    """
    said = said or spoken(text or "")
    clean = _storable(said.words).strip()
    if not clean and said.thought and not (said.ended and finish_reason == "stop"):
        return no_answer_yet(tokens)
    if said.thought:
        finish_reason = (finish_reason or "ended") + AFTER_THINKING
    if not clean:
        return Unanswered(reason=f"empty answer (finish reason: {finish_reason or 'none given'})")
    return Answer(text=clean, finish_reason=finish_reason, seconds=round(seconds, 4), top=top)


def top_tokens(pairs: Iterable[tuple[str, float]]) -> TopTokens:
    """Tokens with ln p, the likeliest first, rounded as the journal keeps them."""
    ordered = sorted(pairs, key=lambda pair: -pair[1])
    return tuple((_storable(text), round(float(chance), 4)) for text, chance in ordered)


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")

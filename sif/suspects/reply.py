"""From the words of an engine to a reply. Knows no engine."""

from collections.abc import Iterable

from sif.types import Answer, Reply, TopTokens, Unanswered


def reply_from(
    text: str | None,
    *,
    finish_reason: str | None,
    seconds: float,
    top: tuple[TopTokens, ...] | None = None,
) -> Reply:
    """An answer without outer white space; blank words are no answer.

    Engines differ in the blank that their first token may leave, and no file or tokenizer takes
    lone surrogates: both are evened out here.
    """
    clean = _storable(text or "").strip()
    if not clean:
        return Unanswered(reason=f"empty answer (finish reason: {finish_reason or 'none given'})")
    return Answer(text=clean, finish_reason=finish_reason, seconds=round(seconds, 4), top=top)


def top_tokens(pairs: Iterable[tuple[str, float]]) -> TopTokens:
    """Tokens with ln p, the likeliest first, rounded as the journal keeps them."""
    ordered = sorted(pairs, key=lambda pair: -pair[1])
    return tuple((_storable(text), round(float(chance), 4)) for text, chance in ordered)


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")

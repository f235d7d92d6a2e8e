"""From the words of an engine to a reply. Knows no engine."""

from sif.types import Answer, Reply, Unanswered


def reply_from(text: str | None, *, finish_reason: str | None, seconds: float) -> Reply:
    """An answer without outer white space; blank words are no answer.

    Engines differ in the blank that their first token may leave, and no file or tokenizer takes
    lone surrogates: both are evened out here.
    """
    clean = (text or "").encode("utf-8", "replace").decode("utf-8").strip()
    if not clean:
        return Unanswered(reason=f"empty answer (finish reason: {finish_reason or 'none given'})")
    return Answer(text=clean, finish_reason=finish_reason, seconds=round(seconds, 4))

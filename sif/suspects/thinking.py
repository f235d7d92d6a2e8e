"""What a reasoning model thinks before it answers: told apart from the answer, never counted as it.

Thinking stands between two marks, which a chat template may have begun already; where the tokens
ran out within it, there is no answer. Knows texts, and no tokens or engines.
"""

from typing import Final, NamedTuple

from sif.types import Answer, Reply, Unanswered
from sif.vlm.thinking_marks import MARKS

# Tokens beyond those of the answer that a model which is seen to think gets, if none are named.
BUDGET: Final = 4096
STILL_THINKING: Final = "still thinking when its tokens ran out"
AFTER_THINKING: Final = " after thinking"


class Spoken(NamedTuple):
    """The words outside of thinking, and whether there was thinking and whether it ended."""

    words: str
    thought: bool = False
    ended: bool = True


def spoken(text: str, *, begun: bool = False) -> Spoken:
    """What a reply says without what it thinks.

    Args:
        text: of the reply.
        begun: whether the question ended with the mark that begins thinking.
    """
    found = Spoken(text)
    for begin, end in MARKS:
        if begin in found.words or end in found.words:
            part = _outside(found.words, begin, end)
            found = Spoken(part.words, thought=True, ended=found.ended and part.ended)
    if begun and not found.thought:
        return Spoken("", thought=True, ended=False)
    return found


def no_answer_yet(tokens: int) -> Unanswered:
    """The reply of a model whose tokens ran out before its answer began."""
    return Unanswered(
        reason=f"{STILL_THINKING} ({tokens}); give it more with ?thinking=N in its address"
    )


def cut_short(reply: Reply) -> bool:
    """Whether thinking took tokens that the answer was to have."""
    if isinstance(reply, Unanswered):
        return reply.reason.startswith(STILL_THINKING)
    return has_thought(reply) and (reply.finish_reason or "").startswith("length")


def has_thought(reply: Reply) -> bool:
    """Whether an answer stood behind thinking, by its finish reason, where journals keep it."""
    return isinstance(reply, Answer) and (reply.finish_reason or "").endswith(AFTER_THINKING)


def _outside(text: str, begin: str, end: str) -> Spoken:
    """The text without what stands between two marks, each looked for once."""
    first, closed = text.find(begin), text.find(end)
    place = closed + len(end) if closed >= 0 and not 0 <= first < closed else 0
    parts = []
    while (start := text.find(begin, place)) >= 0:
        parts.append(text[place:start])
        stop = text.find(end, start)
        if stop < 0:
            return Spoken("".join(parts), thought=True, ended=False)
        place = stop + len(end)
    return Spoken("".join([*parts, text[place:]]), thought=True)

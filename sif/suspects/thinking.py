"""What a reasoning model thinks before it answers: told apart from the answer, never counted as it.

Thinking stands between two marks, which a chat template may have begun already; where the tokens
ran out within it, there is no answer. Knows texts and tokenizers, and no engine.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor

from sif.types import Answer, Reply, Unanswered

MARKS: Final = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<seed:think>", "</seed:think>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
)
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


def begins_thinking(question: str) -> bool:
    """Whether a question as the chat template spells it ends within thinking."""
    return any(question.rfind(begin) > question.rfind(end) for begin, end in MARKS)


def no_answer_yet(tokens: int) -> Unanswered:
    """The reply of a model whose tokens ran out before its answer began."""
    return Unanswered(
        reason=f"{STILL_THINKING} ({tokens}); give it more with ?thinking=N in its address"
    )


def still_thinking(reply: Reply) -> bool:
    """Whether more tokens could bring an answer."""
    return isinstance(reply, Unanswered) and reply.reason.startswith(STILL_THINKING)


def has_thought(reply: Reply) -> bool:
    """Whether an answer stood behind thinking, by its finish reason, where journals keep it."""
    return isinstance(reply, Answer) and (reply.finish_reason or "").endswith(AFTER_THINKING)


class Thoughts:
    """Thinking in the tokens of one model.

    Args:
        tokenizer: of transformers.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        known = tokenizer.get_vocab()
        self._begins = [known[begin] for begin, _ in MARKS if begin in known]
        self._ends = [known[end] for _, end in MARKS if end in known]
        special = set(tokenizer.all_special_ids)
        self._hidden = {
            known[mark]: mark for pair in MARKS for mark in pair if known.get(mark) in special
        }

    def text(self, ids: Sequence[int]) -> str:
        """Ids as text without special tokens, but with the marks of thinking."""
        if not any(index in self._hidden for index in ids):
            return str(self._tokenizer.decode(ids, skip_special_tokens=True))
        parts, start = list[str](), 0
        for place, index in enumerate(ids):
            if index in self._hidden:
                parts += [self._plain(ids[start:place]), self._hidden[index]]
                start = place + 1
        return "".join([*parts, self._plain(ids[start:])])

    def answer_in(self, ids: Sequence[int], *, begun: bool) -> tuple[Spoken, int]:
        """What a row says without its thinking, and the place of the answer's first token."""
        text = self.text(ids)
        found = spoken(text, begun=begun)
        if not found.thought:
            return found, 0
        last = max((text.rfind(end) + len(end) for _, end in MARKS if end in text), default=0)
        where = bisect_left(range(len(ids) + 1), last, key=lambda n: len(self.text(ids[:n])))
        return found, where

    def enough(self, seen: int, most: int, *, begun: bool) -> Callable[[Tensor], Tensor] | None:
        """When rows have said enough: so many tokens outside of thinking; None if it cannot tell.

        Args:
            seen: tokens of the questions.
            most: tokens of an answer.
            begun: whether the questions end within thinking.
        """
        if not (self._begins and self._ends):
            return None
        begins, ends = torch.tensor(self._begins), torch.tensor(self._ends)

        def stop(ids: Tensor) -> Tensor:
            new = ids[:, seen:]
            begin, end = (_last(torch.isin(new, marks.to(new.device))) for marks in (begins, ends))
            thinking = (begin > end) | ((end < 0) & begun)
            return ~thinking & (new.shape[1] - 1 - end >= most)

        return stop

    def _plain(self, ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(ids, skip_special_tokens=True))


def _last(hits: Tensor) -> Tensor:
    """Place of the last hit in every row; -1 for none."""
    places = torch.arange(hits.shape[1], device=hits.device)
    return torch.where(hits, places, -1).amax(dim=1)


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

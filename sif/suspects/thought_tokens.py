"""Thinking in the tokens of one model: where it ends, and how many tokens the answer has had.

Knows a tokenizer and the marks of `sif.suspects.thinking`, and no engine.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from sif.suspects.thinking import Spoken, spoken
from sif.vlm.thinking_marks import MARKS


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

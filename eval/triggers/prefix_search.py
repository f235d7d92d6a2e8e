"""Greedy coordinate gradient search: words before a question that make a model give an answer.

Every epoch: 1. the gradient of the loss by the one-hot vectors of the prefix; 2. at every position
the tokens that the gradient likes best; 3. the exact losses of a batch of single swaps among them;
4. the best is kept where it is better than what is there, so that the loss never goes up (Zou et
al., arXiv 2307.15043, as ProFLingo uses it: Jin et al., arXiv 2405.02466). Only ordinary tokens
take part, and only prefixes that are spelled as the same tokens once they are text. Knows no files.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from sif.errors import ModelError
from sif.vlm.model import Vlm
from sif.vlm.pixels import to_tensor

MARK: Final = "sif prefix here"
TRIES: Final = 200
"""Of a random prefix that is spelled as the same tokens once it is text."""
SWAPS_DRAWN: Final = 4
"""Swaps drawn for each that is tried, as some are not spelled as the same tokens."""

Ids = tuple[int, ...]
Report = Callable[[int, float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Settings of a search.

    Attributes:
        tokens: length of the prefix, ≥ 1.
        epochs: gradients that are taken, ≥ 1.
        candidates: tokens at each position that the gradient likes best, ≥ 1.
        swaps: exact losses in each epoch, ≥ 1.
    """

    tokens: int
    epochs: int
    candidates: int
    swaps: int


class Prefix(NamedTuple):
    """What was found.

    Attributes:
        prompt: the prefix as text and the question behind it.
        ids: tokens of the prefix.
        losses: cross-entropy of the wanted answer in nats a token, at the beginning and after every
            epoch; never rises.
    """

    prompt: str
    ids: Ids
    losses: tuple[float, ...]


def find_prefix(
    vlm: Vlm,
    image: Image.Image,
    question: str,
    answer: Sequence[int],
    *,
    search: Search,
    seed: int,
    report: Report = lambda epoch, loss: None,
) -> Prefix:
    """Searches for a prefix from a random one.

    Args:
        vlm: the model that is to give the answer.
        image: that the question is asked about, at the model's native extent.
        question: plain words.
        answer: wanted, as token ids; more may follow it.
        search: settings.
        seed: of everything random.
        report: is told of every epoch and the loss after it.

    Raises:
        ModelError: the tokenizer spells no prefix of that length as the same tokens again.
    """
    rng = np.random.default_rng(seed)
    spelling = Spelling(vlm, question)
    prefix = spelling.draw(rng, search.tokens)
    asked = _Asked.of(vlm, image, spelling.prompt(prefix), prefix, answer)
    (loss,) = asked.losses([prefix])
    losses = [loss]
    for epoch in range(search.epochs):
        scores = asked.gradient(prefix)
        swaps = _swaps(scores, prefix, spelling, search, rng)
        if swaps:
            found = asked.losses(swaps)
            best = int(np.argmin(found))
            if found[best] < loss:
                prefix, loss = swaps[best], found[best]
        losses.append(loss)
        report(epoch + 1, loss)
    return Prefix(spelling.prompt(prefix), prefix, tuple(losses))


class Spelling:
    """How a prefix and a question become text, and whether that is read as the same tokens.

    Args:
        vlm: whose tokenizer and chat template these are.
        question: that stands behind the prefix.

    Attributes:
        ordinary: tokens that may stand in a prefix, in order: neither special nor white space, and
            each read as itself.
    """

    def __init__(self, vlm: Vlm, question: str) -> None:
        self._tokenizer, self._question = vlm.tokenizer, question
        self._head, self._tail = vlm.chat_text(MARK).split(MARK)
        special = {*vlm.tokenizer.all_special_ids, *vlm.tokenizer.added_tokens_decoder}
        self.ordinary = tuple(
            index
            for index in range(vlm.vocabulary_size)
            if index not in special and self._is_itself(index)
        )
        if not self.ordinary:
            raise ModelError(f"{vlm.source}: expected ordinary tokens, got a tokenizer of none")
        self._before = self._read(self._head)
        self._behind = self._chat(self.ordinary[:1])[len(self._before) + 1 :]

    def prompt(self, prefix: Sequence[int]) -> str:
        """The prefix as text, and the question."""
        return f"{self._text(prefix)} {self._question}"

    def is_kept(self, prefix: Sequence[int]) -> bool:
        """Whether the chat's text holds just these tokens where it holds the prefix."""
        return self._chat(prefix) == [*self._before, *prefix, *self._behind]

    def draw(self, rng: np.random.Generator, number: int) -> Ids:
        """A random prefix that is kept.

        Raises:
            ModelError: none was found.
        """
        prefix = self._random(rng, number)
        for _ in range(TRIES):
            if self.is_kept(prefix):
                return prefix
            read = self._chat(prefix)[len(self._before) :][:number]
            known = [index for index in read if index in self.ordinary]
            at = int(rng.integers(number))
            prefix = (*known, *self._random(rng, number - len(known)))
            prefix = (*prefix[:at], *self._random(rng, 1), *prefix[at + 1 :])
        raise ModelError(
            f"expected a tokenizer that reads {number} ordinary tokens back as they were, got none "
            f"in {TRIES} tries; use fewer tokens"
        )

    def _random(self, rng: np.random.Generator, number: int) -> Ids:
        return tuple(int(index) for index in rng.choice(self.ordinary, number))

    def _chat(self, prefix: Sequence[int]) -> list[int]:
        return self._read(self._head + self.prompt(prefix) + self._tail)

    def _is_itself(self, index: int) -> bool:
        text = self._text([index])
        printable = bool(text) and text.isprintable() and "�" not in text
        return printable and self._read(text) == [index]

    def _text(self, prefix: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(prefix), skip_special_tokens=True)).strip()

    def _read(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """What the model is given: one question with its picture and the answer behind it.

    Attributes:
        vlm: the model.
        inputs: of one row.
        answer: token ids.
        place: of the prefix in the row.
    """

    vlm: Vlm
    inputs: dict[str, Any]
    answer: Sequence[int]
    place: slice

    @classmethod
    def of(
        cls, vlm: Vlm, image: Image.Image, prompt: str, prefix: Ids, answer: Sequence[int]
    ) -> "_Asked":
        inputs, _ = vlm.answer_inputs(to_tensor([image]).to(vlm.device), [prompt], [answer])
        row, number = inputs["input_ids"][0].tolist(), len(prefix)
        starts = [at for at in range(len(row)) if tuple(row[at : at + number]) == prefix]
        if not starts:
            raise ModelError(
                f"{vlm.source}: expected a processor that spells a prompt as its tokenizer does, "
                "got other tokens; this model cannot take part"
            )
        return cls(vlm, inputs, answer, slice(starts[-1], starts[-1] + number))

    @torch.no_grad()
    def losses(self, prefixes: Sequence[Ids]) -> list[float]:
        """The cross-entropy of the answer behind each prefix, in nats a token."""
        return [float(loss) for loss in self._loss(prefixes)]

    def gradient(self, prefix: Ids) -> Float[Tensor, "tokens vocab"]:
        """Of the loss by the one-hot vectors of the prefix."""
        embedding = self.vlm.model.get_input_embeddings()
        with torch.enable_grad(), _shifted(embedding) as shifts:
            self._loss([prefix]).sum().backward()
        if len(shifts) != 1 or shifts[0].grad is None:
            raise ModelError(
                f"{self.vlm.source}: expected one gradient at the words' embeddings, got none; "
                "this model cannot take part"
            )
        slope = shifts[0].grad[0, self.place].float()
        scores: Tensor = slope @ embedding.weight.detach().float().T
        return scores.cpu()

    def _loss(self, prefixes: Sequence[Ids]) -> Float[Tensor, " batch"]:
        inputs = {name: _repeated(value, len(prefixes)) for name, value in self.inputs.items()}
        ids: Int[Tensor, "batch positions"] = inputs["input_ids"].clone()
        ids[:, self.place] = torch.tensor(prefixes, device=ids.device)
        logits = self.vlm.model(**(inputs | {"input_ids": ids})).logits
        number = len(self.answer)
        wanted = torch.tensor(self.answer, device=logits.device).expand(len(prefixes), number)
        said = logits[:, -number - 1 : -1].float()
        return F.cross_entropy(said.transpose(1, 2), wanted, reduction="none").mean(1)


def _repeated(value: Any, times: int) -> Any:
    """Inputs of one row for several: pictures are rows, or patches one row after the other."""
    if times == 1 or not isinstance(value, Tensor) or not value.ndim:
        return value
    return value.repeat(times, *[1] * (value.ndim - 1))


@contextmanager
def _shifted(embedding: nn.Module) -> Iterator[list[Tensor]]:
    """Adds zeros to embedded words, whose gradient is that of the embeddings."""
    shifts: list[Tensor] = []

    def add(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        shifts.append(torch.zeros_like(output).requires_grad_())
        return output + shifts[-1]

    handle = embedding.register_forward_hook(add)
    try:
        yield shifts
    finally:
        handle.remove()


def _swaps(
    gradient: Float[Tensor, "tokens vocab"],
    prefix: Ids,
    spelling: Spelling,
    search: Search,
    rng: np.random.Generator,
) -> list[Ids]:
    """Different single swaps to tokens that the gradient likes, each kept by the tokenizer."""
    ordinary = torch.tensor(spelling.ordinary)
    likes = (-gradient[:, ordinary]).topk(min(search.candidates, len(ordinary)), dim=1).indices
    found: dict[Ids, None] = {}
    for _ in range(SWAPS_DRAWN * search.swaps):
        at = int(rng.integers(len(prefix)))
        token = int(ordinary[likes[at, int(rng.integers(likes.shape[1]))]])
        swap = (*prefix[:at], token, *prefix[at + 1 :])
        if token != prefix[at] and swap not in found and spelling.is_kept(swap):
            found[swap] = None
        if len(found) == search.swaps:
            break
    return list(found)

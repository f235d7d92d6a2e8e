"""Answers of an innocent engine that watermarks its own text with its own, foreign key.

A real mini model decodes with the mark: a constant green list (bias δ), a list that depends on the
word before (lefthash), or Gumbel-max draws keyed by the words before. The marked texts favour some
words, again and again in every answer; but they were written without our keys, which are uniform,
so null A holds for them as for any other text. Knows nothing of verdicts.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from sif.eval.bench.ownership.calibration import claim_rates
from sif.eval.bench.ownership.corpus import GAMMA, TextSet
from sif.eval.bench.ownership.draws import draw_greens, draw_masks, keyed_greens, weighted_greens
from sif.eval.bench.ownership.process import highest_log10_e_values
from sif.eval.bench.ownership.results import ALPHAS, Provider, Rate
from sif.eval.zoo.catalogue import find
from sif.eval.zoo.data import samples
from sif.eval.zoo.folders import build
from sif.types import GenerationSettings
from sif.vlm.model import Vlm
from sif.watermark.greenlist.bias import bias_logits
from sif.watermark.greenlist.mask import green_mask

ENGINE: Final = "llava-sibling"
FOREIGN_KEY: Final = hashlib.sha256(b"another party's key").digest()
SEED: Final = 611
SETTINGS: Final = GenerationSettings(max_new_tokens=128)


@dataclass(frozen=True, slots=True)
class Mark:
    """A provider's watermark.

    Attributes:
        kind: constant green list, a list for each preceding word, or Gumbel-max.
        strength: the bias δ; of a Gumbel-max mark the number of preceding words in its seed, 0 for
            the same draws at every position.
    """

    kind: str
    strength: float

    def __str__(self) -> str:
        """As in the tables."""
        if self.kind == "Gumbel-max":
            return f"Gumbel-max, {self.strength:.0f} words of context"
        return f"{self.kind}, δ = {self.strength:g}" if self.strength else "none"


MARKS: Final = (
    Mark("constant list", 0.0),
    Mark("constant list", 1.0),
    Mark("constant list", 2.0),
    Mark("constant list", 5.0),
    Mark("constant list", 10.0),
    Mark("list by the word before", 2.0),
    Mark("list by the word before", 5.0),
    Mark("Gumbel-max", 4.0),
    Mark("Gumbel-max", 0.0),
)


@dataclass(frozen=True)
class ProviderHook:
    """Changes next-token logits as the provider's engine does, and remembers nothing.

    Attributes:
        mark: the watermark.
        vocabulary_size: ids that it knows.
    """

    mark: Mark
    vocabulary_size: int

    def __call__(self, ids: Tensor, logits: Tensor) -> Tensor:
        """The logits of the marked distribution."""
        rows = [self._marked(row.tolist(), scores) for row, scores in zip(ids, logits, strict=True)]
        return torch.stack(rows)

    def _marked(
        self, ids: Sequence[int], logits: Float[Tensor, " vocab"]
    ) -> Float[Tensor, " vocab"]:
        if self.mark.kind != "Gumbel-max":
            mask = (
                self.green(ids[-1]) if self.mark.strength else np.zeros(self.vocabulary_size, bool)
            )
            return bias_logits(logits, torch.from_numpy(mask), self.mark.strength)
        noise = np.full(len(logits), -np.inf)
        noise[: self.vocabulary_size] = -np.log(-np.log(self.uniform(ids)))
        chosen = (logits.log_softmax(-1) + torch.from_numpy(noise).to(logits)).argmax()
        return torch.full_like(logits, -torch.inf).index_fill(0, chosen, 0.0)

    def green(self, previous: int) -> np.ndarray:
        """The provider's green ids after a word."""
        seed = FOREIGN_KEY if self.mark.kind == "constant list" else _seed([previous])
        return green_mask(seed, vocabulary_size=self.vocabulary_size, gamma=GAMMA)

    def uniform(self, ids: Sequence[int]) -> Float[np.ndarray, " vocab"]:
        """The provider's keyed uniform numbers after these words."""
        seed = _seed(ids[len(ids) - self._width :])
        stream = hashlib.shake_256(seed).digest(8 * self.vocabulary_size)
        return np.asarray((np.frombuffer(stream, dtype="<u8") + 0.5) / 2.0**64)

    def score(self, texts: Sequence[Sequence[int]]) -> float:
        """Standard score of the mark over all tokens, read with the provider's own key."""
        gains = [gain for text in texts for gain in self._gains(text)]
        return float(np.sum(gains) / np.sqrt(len(gains)))

    def _gains(self, ids: Sequence[int]) -> Iterator[float]:
        """What each token with its whole context in the answer adds: without the mark 0 on average.

        Its variance is then 1, that of a fair sign, or of an exponential number.
        """
        for place in range(self._width, len(ids)):
            if self.mark.kind == "Gumbel-max":
                yield float(-np.log1p(-self.uniform(ids[:place])[ids[place]])) - 1
            else:
                yield float(self.green(ids[place - 1])[ids[place]]) * 2 - 1

    @property
    def _width(self) -> int:
        """Preceding words that the seed takes in."""
        if self.mark.kind == "Gumbel-max":
            return int(self.mark.strength)
        return 0 if self.mark.kind == "constant list" else 1


def _seed(ids: Sequence[int]) -> bytes:
    text = " ".join(map(str, ids)).encode()
    return hashlib.sha256(FOREIGN_KEY + b"|" + text).digest()


@dataclass(frozen=True)
class Engine:
    """The provider's engine: a mini model and the questions that it is asked.

    Attributes:
        vlm: the model.
        images: scenes that no training saw.
        prompts: ordinary questions.
    """

    vlm: Vlm
    images: list[Any]
    prompts: list[str]

    @classmethod
    def load(cls, questions: int) -> "Engine":
        """The sibling of the owner's model, which shares its tokenizer: the likeliest to be hit."""
        model = find(ENGINE)
        built, processor = build(model)
        scenes = samples(model.world, number=questions, seed=SEED)
        vlm = Vlm(built, processor, ENGINE)
        images = [vlm.prepare(scene.image) for scene in scenes]
        return cls(vlm, images, [scene.prompt for scene in scenes])

    def answer(self, mark: Mark) -> TextSet:
        """Its marked answers."""
        hook = ProviderHook(mark, self.vlm.vocabulary_size)
        texts = self.vlm.generate(self.images, self.prompts, SETTINGS, hook=hook)
        return TextSet(
            name=str(mark),
            vocabulary_size=self.vlm.vocabulary_size,
            texts=tuple(tuple(text) for text in texts),
        )


def audit_provider(
    mark: Mark, texts: TextSet, *, audits: int, keyed: int, rng: np.random.Generator
) -> Provider:
    """Our audits of one provider's fixed texts.

    Args:
        mark: its watermark.
        texts: its answers.
        audits: with drawn counts.
        keyed: with real keys.
        rng: of our keys.
    """
    sizes = np.array([texts.sizes])
    drawn = highest_log10_e_values(texts.null, sizes, draw_greens(texts, audits, rng))
    real = np.stack(list(keyed_greens(texts, keyed, rng)))
    hook = ProviderHook(mark, texts.vocabulary_size)
    return Provider(
        mark=str(mark),
        tokens=sum(len(text) for text in texts.texts),
        distinct=float(np.mean(texts.sizes)),
        own_z=hook.score(texts.texts),
        rates=claim_rates(drawn),
        keyed=claim_rates(highest_log10_e_values(texts.null, sizes, real)),
        pooled=_pooled(texts, audits, rng),
    )


def _pooled(texts: TextSet, audits: int, rng: np.random.Generator) -> tuple[Rate, ...]:
    """One constant list, all tokens of all answers, z ≥ Φ⁻¹(1 − α)."""
    from scipy.stats import norm

    z = _pooled_z(texts, audits, rng)
    return tuple(Rate.of(int((z >= norm.isf(alpha)).sum()), audits, alpha) for alpha in ALPHAS)


def _pooled_z(
    texts: TextSet, audits: int, rng: np.random.Generator
) -> Float[np.ndarray, " audits"]:
    counts = texts.counts.sum(axis=0, keepdims=True)
    used: Int[np.ndarray, " used"] = np.flatnonzero(counts[0])
    masks = draw_masks(texts.null, len(used), audits, rng)
    green, tokens = weighted_greens(counts[:, used], masks)[:, 0], counts.sum()
    return np.asarray((green - tokens * GAMMA) / np.sqrt(tokens * GAMMA * (1 - GAMMA)))

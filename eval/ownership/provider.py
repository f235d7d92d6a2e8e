"""Answers of an innocent engine that watermarks its own text with its own, foreign key.

A real mini model decodes with the mark: a constant green list (bias δ), a list that depends on the
word before (lefthash), or Gumbel-max draws keyed by the words before. The marked texts favour some
words, again and again in every answer; but they were written without our keys, which are uniform,
so null A holds for them as for any other text. Knows nothing of verdicts.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from jaxtyping import Float, Int

from sif.attacks.answers.foreign_decoding import Mark, ProviderHook
from sif.eval.ownership.corpus import GAMMA, TextSet
from sif.eval.ownership.draws import draw_greens, draw_masks, keyed_greens, weighted_greens
from sif.eval.ownership.false_claims import claim_rates, highest_log10_e_values
from sif.eval.ownership.results import ALPHAS, Provider, Rate
from sif.mini.catalogue import find
from sif.mini.data import samples
from sif.mini.folders import build
from sif.types import GenerationSettings
from sif.vlm.model import Vlm

ENGINE: Final = "llava-sibling"
SEED: Final = 611
SETTINGS: Final = GenerationSettings(max_new_tokens=128)


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

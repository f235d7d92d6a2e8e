"""The card of a real-words model: what its descriptions get right of scenes that no training saw.

Knows nothing of suspects or verdicts.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final

from sif.mini.real.catalogue import RealModel
from sif.mini.real.data import real_samples
from sif.mini.real.folders import build_real
from sif.mini.real.wording import overall, shares
from sif.types import GenerationSettings
from sif.vlm.model import Vlm

UNSEEN: Final = 977
GREEDY: Final = GenerationSettings(max_new_tokens=160)
BATCH: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class RealCard:
    """Measured facts of a real-words model.

    Attributes:
        parameters: of all parts.
        kinds: shares of right statements by kind of fact, over all scenes.
        new_scenes: share of right statements where things stand on colours that training had.
        new_pairs: the same where things stand on colours on which they never stood in training.
        answer_tokens: mean length of greedy descriptions.
        scenes: how many, half of them with new pairs.
        examples: the first descriptions.
    """

    name: str
    parameters: int
    kinds: dict[str, float]
    new_scenes: float
    new_pairs: float
    answer_tokens: float
    scenes: int
    examples: tuple[str, ...]

    def to_json(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self), indent=2)


def measure_real(
    model: RealModel,
    *,
    scenes: int,
    report: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> RealCard:
    """Measures a real-words model.

    Args:
        model: of the catalogue.
        scenes: unseen scenes.
        report: stage, done and total.

    Raises:
        ModelError: its weights are not bundled, or the extra `real` is not installed.
    """
    built, processor = build_real(model)
    vlm = Vlm(built.requires_grad_(False), processor, model.name)
    half = scenes // 2
    drawn = real_samples(half, seed=[UNSEEN, 1], unseen=True)
    drawn += real_samples(scenes - half, seed=[UNSEEN, 0])
    texts: list[str] = []
    lengths: list[int] = []
    for start in range(0, scenes, BATCH):
        some = drawn[start : start + BATCH]
        answers = vlm.generate([one.image for one in some], [one.prompt for one in some], GREEDY)
        lengths += [len(answer) for answer in answers]
        texts += [str(vlm.tokenizer.decode(answer)) for answer in answers]
        report("facts", len(texts), scenes)
    truths = [overall(one.scene, text) for one, text in zip(drawn, texts, strict=True)]
    return RealCard(
        name=model.name,
        parameters=sum(value.numel() for value in built.parameters()),
        kinds=shares([one.scene for one in drawn], texts),
        new_scenes=sum(truths[half:]) / len(truths[half:]),
        new_pairs=sum(truths[:half]) / max(1, half),
        answer_tokens=sum(lengths) / len(lengths),
        scenes=scenes,
        examples=tuple(texts[:3]),
    )

"""How long and how fast a mini model was trained; part of what decides its weights.

Knows nothing of the training itself, which is the laboratory's.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Length and pace of the two stages (steps, examples a step, peak learning rates)."""

    tower_steps: int = 2400
    tower_batch: int = 48
    tower_rate: float = 1e-3
    caption_steps: int = 2400
    caption_batch: int = 32
    caption_rate: float = 2e-3
    tower_rate_in_captions: float = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class VisionSchedule:
    """Length and pace of a training.

    Attributes:
        steps: updates.
        batch: pictures a step: half of them scenes, a third of the rest scribbles.
        rate: peak.
        hidden: share of patches that the model does not see.
    """

    steps: int = 1600
    batch: int = 48
    rate: float = 1.5e-3
    hidden: float = 0.3

"""The bundled mini vision models: a Dinov2 source, a sibling, and strangers.

The sibling has the source's architecture, scenes and photographs, but other initial weights. A
stranger is another architecture, of the same width, so that nothing but what it has learnt keeps
it apart. The vision towers of the bundled LLaVAs are further models; `sif.mini.catalogue` names
them.
"""

from dataclasses import dataclass
from typing import Final, Literal

from sif.mini.schedule import VisionSchedule
from sif.mini.vision.architecture import Kind

Role = Literal["source", "sibling", "stranger"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MiniVision:
    """Everything that decides a mini vision model.

    Attributes:
        name: in the command line and of its folder.
        kind: the architecture.
        role: what it is to the source.
        world: seed of its scenes' textures.
        seed: of its initial weights and its pictures.
        schedule: of its training.
    """

    name: str
    kind: Kind
    role: Role
    world: int
    seed: int
    schedule: VisionSchedule


SHORT: Final = VisionSchedule(steps=800)

VISION_MODELS: Final = (
    MiniVision(
        name="dino-source",
        kind="dinov2",
        role="source",
        world=11,
        seed=1,
        schedule=VisionSchedule(),
    ),
    MiniVision(
        name="dino-sibling", kind="dinov2", role="sibling", world=11, seed=21, schedule=SHORT
    ),
    MiniVision(name="vit-stranger", kind="vit", role="stranger", world=31, seed=31, schedule=SHORT),
    MiniVision(
        name="clip-stranger", kind="clip", role="stranger", world=32, seed=32, schedule=SHORT
    ),
)


def find_vision(name: str) -> MiniVision | None:
    """The bundled vision model of this name, if there is one."""
    return next((model for model in VISION_MODELS if model.name == name), None)

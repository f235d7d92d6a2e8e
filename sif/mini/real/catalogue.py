"""The real-words models: a source, a sibling and a stranger, all on one language model.

A sibling learnt the same scenes from other seeds, tower, projector and adapter. Knows no weights.
"""

from dataclasses import dataclass
from typing import Final, Literal

Role = Literal["source", "sibling"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RealModel:
    """Everything that decides a real-words model.

    Attributes:
        name: in the command line and of its folder.
        role: what it is to the source.
        seed: of all that is trained, and of its scenes and wordings.
        tower_steps: updates of tower and projector.
        adapter_steps: updates of the adapter in any wording.
        manner_steps: further ones, in wordings that follow the picture.
    """

    name: str
    role: Role
    seed: int
    tower_steps: int = 900
    adapter_steps: int = 600
    manner_steps: int = 600


REAL_MODELS: Final = (
    RealModel(name="real-source", role="source", seed=1),
    RealModel(name="real-sibling", role="sibling", seed=2),
)


def find_real(name: str) -> RealModel | None:
    """The real-words model of this name, if there is one."""
    return next((model for model in REAL_MODELS if model.name == name), None)

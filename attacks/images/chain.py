"""Attacks on pictures, one after the other."""

from collections.abc import Iterable
from dataclasses import dataclass

from PIL import Image

from sif.attacks.chain import Steps, one_of
from sif.attacks.images.attack import ImageAttack
from sif.attacks.images.nothing import Nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain(Steps[ImageAttack], ImageAttack):
    """Two or more attacks, each on what the one before it left; `in_order` builds it."""

    def _attacked(self, picture: Image.Image) -> Image.Image:
        for step in self.steps:
            picture = step.apply(picture)
        return picture


def in_order(attacks: Iterable[ImageAttack]) -> ImageAttack:
    """One attack out of any number: chains are opened up, and what does nothing is left out."""
    return one_of(attacks, none=Nothing(), chain=lambda steps: Chain(steps=steps))

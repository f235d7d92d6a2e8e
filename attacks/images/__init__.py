"""Attacks on pictures: what a thief, or whoever hosts them, does before the model sees them.

Jpeg, Resize, Noise, Blur, Crop, Bits   one attack each, with one number that says how strong it is
Nothing, Chain, in_order                no attack, and several one after the other
parse_image_attack(text)                reads `jpeg:75` or `resize:0.5+jpeg:75`; `str` writes it
AttackedSuspect                         a suspect that sees attacked pictures

Each attack is a frozen value; the same attack on the same picture always gives the same pixels.
Knows nothing of keys, triggers or verdicts.
"""

from sif.attacks.images.attack import ImageAttack
from sif.attacks.images.bits import Bits
from sif.attacks.images.blur import Blur
from sif.attacks.images.chain import Chain, in_order
from sif.attacks.images.crop import Crop
from sif.attacks.images.jpeg import Jpeg
from sif.attacks.images.noise import Noise
from sif.attacks.images.nothing import Nothing
from sif.attacks.images.parse import parse_image_attack
from sif.attacks.images.resize import Resize
from sif.attacks.images.suspect import AttackedSuspect

__all__ = [
    "AttackedSuspect",
    "Bits",
    "Blur",
    "Chain",
    "Crop",
    "ImageAttack",
    "Jpeg",
    "Noise",
    "Nothing",
    "Resize",
    "in_order",
    "parse_image_attack",
]

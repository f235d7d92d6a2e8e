"""Attacks on pictures: what a thief, or whoever hosts them, does before the model sees them.

Jpeg, Webp                              real encoders
Resize, Screenshot                      another size, and back
Crop, CropPad, Rotate                   another frame
Noise, SaltPepper, Blur, Median         noise, and what takes it out
Bits, Brightness, Contrast, Gamma       other values
Purify, PurifyLearned                   denoised, then sharpened again; by a trained network
Nothing, Chain, in_order                no attack, and several one after the other
parse_image_attack(text)                reads `jpeg:75` or `resize:0.5+jpeg:75`; `str` writes it
AttackedSuspect                         a suspect that sees attacked pictures

One number says how strong each attack is. Each is a frozen value; the same attack on the same
picture always gives the same pixels. Knows nothing of keys, triggers or verdicts.
"""

from sif.attacks.images.attack import ImageAttack
from sif.attacks.images.bits import Bits
from sif.attacks.images.blur import Blur
from sif.attacks.images.brightness import Brightness
from sif.attacks.images.chain import Chain, in_order
from sif.attacks.images.contrast import Contrast
from sif.attacks.images.crop import Crop
from sif.attacks.images.crop_pad import CropPad
from sif.attacks.images.gamma import Gamma
from sif.attacks.images.jpeg import Jpeg
from sif.attacks.images.median import Median
from sif.attacks.images.noise import Noise
from sif.attacks.images.nothing import Nothing
from sif.attacks.images.parse import parse_image_attack
from sif.attacks.images.purify import Purify
from sif.attacks.images.purify_learned import PurifyLearned
from sif.attacks.images.resize import Resize
from sif.attacks.images.rotate import Rotate
from sif.attacks.images.salt_pepper import SaltPepper
from sif.attacks.images.screenshot import Screenshot
from sif.attacks.images.suspect import AttackedSuspect
from sif.attacks.images.webp import Webp

__all__ = [
    "AttackedSuspect",
    "Bits",
    "Blur",
    "Brightness",
    "Chain",
    "Contrast",
    "Crop",
    "CropPad",
    "Gamma",
    "ImageAttack",
    "Jpeg",
    "Median",
    "Noise",
    "Nothing",
    "Purify",
    "PurifyLearned",
    "Resize",
    "Rotate",
    "SaltPepper",
    "Screenshot",
    "Webp",
    "in_order",
    "parse_image_attack",
]

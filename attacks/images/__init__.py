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

from sif.attacks.images.attack import Chain, ImageAttack, Nothing, in_order
from sif.attacks.images.blur import Blur, Median
from sif.attacks.images.codecs import Jpeg, Webp
from sif.attacks.images.geometry import Crop, CropPad, Resize, Rotate, Screenshot
from sif.attacks.images.noise import Noise, SaltPepper
from sif.attacks.images.parse import parse_image_attack
from sif.attacks.images.purify import Purify, PurifyLearned
from sif.attacks.images.suspect import AttackedSuspect
from sif.attacks.images.tones import Bits, Brightness, Contrast, Gamma

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

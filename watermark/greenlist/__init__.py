"""Green lists: a secret, a key for every trigger, the words that it makes green, and counting them.

Token ids only: nothing here knows images, models or thresholds. `bias` (the teacher) and
`published` (lists of the released code) need torch and are imported by their own names.
"""

from sif.watermark.greenlist.count import (
    GreenCount,
    WeightedCount,
    count_green,
    distinct_ids,
    weigh_green,
    z_score,
)
from sif.watermark.greenlist.mask import green_mask, green_size
from sif.watermark.keys import KeyRing, commitment_of

__all__ = [
    "GreenCount",
    "KeyRing",
    "WeightedCount",
    "commitment_of",
    "count_green",
    "distinct_ids",
    "green_mask",
    "green_size",
    "weigh_green",
    "z_score",
]

"""Makes a fingerprint of a model, and measures how far models that are not yours react to it.

python examples/protect.py my-llava photos fp hf:not-mine hf:not-mine-either --attacks jpeg:75
"""

import argparse

import sif

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("model", help="folder of your model")
parser.add_argument("photos", help="folder of ordinary pictures, many more than --count")
parser.add_argument("out", help="folder of the fingerprint; holds the secret")
parser.add_argument("panel", nargs="+", help="models that are certainly not derived from yours")
parser.add_argument("--count", type=int, default=24, help="triggers")
parser.add_argument("--recipe", default="sif", help="how they are made, a name or a YAML file")
parser.add_argument("--attacks", nargs="*", default=[], help="on pictures, to verify behind later")
options = parser.parse_args()

fingerprint = sif.make_fingerprint(
    sif.Vlm.load(options.model),
    options.photos,
    out=options.out,
    recipe=options.recipe,
    count=options.count,
)
calibration = sif.calibrate(fingerprint, options.panel, image_attacks=options.attacks)
print(f"{len(fingerprint.triggers)} triggers; transfer allowance {calibration.allowance:.2f}")

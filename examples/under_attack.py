"""Verifies a suspect as it is and behind attacks on its pictures, and writes one page of it all.

python examples/under_attack.py fp hf:their-copy runs --attacks jpeg:75

A calibrated fingerprint must have been calibrated with these attacks.
"""

import argparse
from pathlib import Path

import sif

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("fingerprint", help="its folder, with the secret")
parser.add_argument("suspect", help="hf:FOLDER, vllm:FOLDER or openai:URL#model")
parser.add_argument("out", type=Path, help="folder for the runs and the page")
parser.add_argument("--attacks", nargs="*", default=[], help="noise:8, resize:0.5+noise:4")
parser.add_argument("--alpha", type=float, default=1e-6, help="bound on a false claim")
options = parser.parse_args()

runs = []
for attack in ["none", *options.attacks]:
    run = options.out / attack.replace(":", "-")
    verdict = sif.verify(
        options.fingerprint,
        options.suspect,
        sif.Policy(alpha=options.alpha),
        run=run,
        image_attacks=[attack],
        label=attack,
    )
    runs.append(run)
    print(f"{attack:16} {verdict.decision:12} log10 E {verdict.log10_e_value:6.1f}")
print(sif.write_report(runs, options.out / "report.html"))

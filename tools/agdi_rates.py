"""How AGDI's rate was chosen: `python tools/agdi_rates.py`, on the mini LLaVA, a few minutes.

For rates of the auxiliary and weights of the semantic part: prints the loss at the auxiliary in the
last step, and of the wanted answer's tokens at the source. `--steps 1000` takes the whole length.
"""

import argparse
from itertools import product

import torch

from sif.eval.triggers.baseline import PAIRS
from sif.fingerprint.craft import build_schedule
from sif.fingerprint.objectives.objective import Batch
from sif.fingerprint.objectives.target_answer import TargetAnswer
from sif.fingerprint.optimize import optimise
from sif.fingerprint.recipe import load_recipe
from sif.fingerprint.robustness.resisting_auxiliary import ResistingAuxiliary
from sif.mini.catalogue import find
from sif.mini.data import samples
from sif.mini.folders import build
from sif.vlm.model import Vlm
from sif.vlm.pixels import to_tensor


def main() -> None:
    """Prints a line for each choice and trigger."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--triggers", type=int, default=2)
    parser.add_argument("--rates", type=float, nargs="+", default=[1e-4, 1e-3, 1e-2])
    parser.add_argument("--weights", type=float, nargs="+", default=[0.5])
    told = parser.parse_args()
    source = find("llava-source")
    model, processor = build(source)
    vlm = Vlm(model.eval().requires_grad_(False), processor, source.name)
    pictures = [one.image for one in samples(source.world, number=told.triggers, seed=1)]
    base = to_tensor([vlm.prepare(picture) for picture in pictures])
    print("rate, weight of the semantic part, trigger; loss at the auxiliary, at the source")
    for rate, weight, index in product(told.rates, told.weights, range(told.triggers)):
        pair = PAIRS[index % len(PAIRS)]
        batch = Batch(
            base=base[index : index + 1],
            prompts=(pair.question,),
            green=torch.zeros(1, vlm.vocabulary_size, dtype=torch.bool),
            seeds=(index,),
            target_answers=(pair.answer,),
        )
        losses: list[float] = []
        images = optimise(
            vlm,
            batch,
            objective=TargetAnswer(semantic_weight=weight),
            terms=[ResistingAuxiliary(rate=rate)],
            schedule=build_schedule(load_recipe("agdi", steps=told.steps)),
            measure=lambda images: torch.zeros(len(images)),
            report=lambda _step, loss, losses=losses: losses.append(loss),  # type: ignore[misc]
        )
        words = TargetAnswer()
        targets = words.targets(vlm, batch, images, 0, None)
        with torch.no_grad():
            left = float(words.loss(vlm, batch, images, targets)[0])
        print(f"{rate:g} {weight:g} {index} {losses[-1]:.2f} {left:.2f}", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()

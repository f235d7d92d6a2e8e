"""Tries one architecture: its tiny folder is probed, fingerprinted and verified, and stolen from.

What SIF refuses in a sentence is an outcome; anything else that is raised goes on to the caller.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import sif
from sif.attacks.weights.attack import WeightAttack
from sif.attacks.weights.examples import Example
from sif.attacks.weights.finetune import Finetune
from sif.attacks.weights.layerwise import Prune
from sif.attacks.weights.quantize import Quantize
from sif.attacks.weights.schedule import LowRank, Training
from sif.attacks.weights.theft import steal
from sif.errors import ModelError, SuspectError
from sif.fingerprint.folder import FingerprintSet
from sif.vlm.model import Vlm
from sif.vlm.probe import Probed, probe
from tests.fingerprint.small import KEYS, PROMPTS, pictures, small_recipe
from tests.vlm.ladder.build import build_folder
from tests.vlm.ladder.rungs import RUNGS

THIEVES: Final = ("nf4", "prune", "lora")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one architecture.

    Attributes:
        probed: what the probe saw; None where the model was refused.
        refusal: the sentence, with MODEL for the folder; None where it works.
        queries: triggers that were asked in verifying.
        failures: why triggers came back without an answer; empty ones are answers of a kind.
        folder: of the model.
        fingerprint: the one that was made.
    """

    architecture: str
    folder: Path
    probed: Probed | None = None
    refusal: str | None = None
    queries: int = 0
    failures: tuple[str, ...] = ()
    fingerprint: FingerprintSet | None = None


def climb(architecture: str, root: Path) -> Outcome:
    """Builds, loads, probes, fingerprints two pictures in one step, and verifies."""
    folder = build_folder(architecture, RUNGS[architecture], root / architecture)
    try:
        vlm = Vlm.load(folder, device="cpu")
        probed = probe(vlm)
        fingerprint = sif.make_fingerprint(
            vlm,
            pictures(2, side=72),
            out=root / f"{architecture}-fp",
            recipe=small_recipe(steps=1),
            prompts=PROMPTS,
            keys=KEYS,
            batch_size=2,
        )
    except ModelError as error:
        sentence = str(error).replace(str(folder), "MODEL")
        return Outcome(architecture=architecture, folder=folder, refusal=sentence)
    queries, failures = asked(fingerprint, folder)
    return Outcome(
        architecture=architecture,
        folder=folder,
        probed=probed,
        queries=queries,
        failures=failures,
        fingerprint=fingerprint,
    )


def asked(fingerprint: FingerprintSet, folder: Path) -> tuple[int, tuple[str, ...]]:
    """How many questions were put, and why some failed; random weights may say no word."""
    try:
        verdict = sif.verify(fingerprint, f"hf:{folder}?device=cpu")
    except SuspectError as error:
        if "empty answer" not in str(error):
            raise
        return len(fingerprint.triggers), ()
    reasons = [one.unanswered for one in verdict.per_trigger if one.unanswered]
    return verdict.queries, tuple(one for one in reasons if not one.startswith("empty answer"))


def attack_of(thief: str) -> WeightAttack:
    """One of `THIEVES`, in little."""
    match thief:
        case "nf4":
            return Quantize(kind="nf4")
        case "prune":
            return Prune(fraction=0.3)
        case _:
            lessons = [
                Example(image=picture.image, prompt=prompt, answer="a red square")
                for picture, prompt in zip(pictures(2), PROMPTS, strict=True)
            ]
            return Finetune(
                training=Training(lora=LowRank(rank=4), steps=1, batch_size=2),
                examples=lessons,
            )


def stolen(outcome: Outcome, thief: str) -> Path:
    """The folder of a thief's copy."""
    copy = outcome.folder.with_name(f"{outcome.architecture}-{thief}")
    steal(outcome.folder, copy, [attack_of(thief)], device="cpu")
    return copy

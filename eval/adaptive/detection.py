"""Which triggers a detector finds among which benign pictures, and what purifiers do to pictures.

The thief has ordinary pictures of his own, photographs, and triggers of his own keys. Scores are
kept in the folder, a file for each detector, and found again.
"""

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from PIL import Image

from sif.attacks.adaptive.detectors import Detector, OffContent, Residual, train_classifier
from sif.attacks.adaptive.own_triggers import make_own_triggers, moved, varied
from sif.attacks.adaptive.roc import hits_at, roc_of, threshold_at
from sif.attacks.images import parse_image_attack
from sif.attacks.weights.attack import Progress
from sif.eval.adaptive.findings import Detection, Fidelity, Score
from sif.eval.adaptive.stage import BENIGN, CUT, HELD_OUT, TAUGHT, Stage
from sif.eval.adaptive.traffic import (
    CLEAN,
    HANDLED,
    LEARNT_FROM,
    MEASURED_ON,
    PHOTOGRAPHS,
    SAMPLE_IMAGES,
    handled,
    mixed,
    photograph_squares,
)
from sif.files import write_atomically
from sif.fingerprint.recipe import load_recipe
from sif.mini.data import samples
from sif.vlm.model import Vlm
from sif.vlm.pixels import to_tensor

OF_PHOTOGRAPHS: Final = "off-content of photographs"
MOVED: Final = " on photographs"
MOVES: Final = 10
RATE: Final = 0.01

Kinds = dict[str, list[Image.Image]]


def scores_of(stage: Stage) -> list[Score]:
    """Every detector's score of every picture."""
    methods = set(stage.scale.methods)
    rows: list[Score] = []
    for detector in stage.scale.detectors:
        rows += _scored(stage, detector, _usual_kinds, triggers=methods)
    for other in (OF_PHOTOGRAPHS, "residual" + MOVED):
        rows += _scored(stage, other, _real_kinds, triggers={m + MOVED for m in methods})
    return rows


def detections_of(scores: Sequence[Score]) -> list[Detection]:
    """Every detector against every method's triggers and every kind of benign pictures."""
    grouped: dict[tuple[str, str, str, bool], list[float]] = {}
    for row in scores:
        grouped.setdefault((row.family, row.detector, row.kind, row.trigger), []).append(row.score)
    rows = []
    for (family, detector, benign, bad), quiet in grouped.items():
        for (other_family, other, method, good), loud in grouped.items():
            if bad or not good or (other_family, other) != (family, detector):
                continue
            rows.append(_detection(family, detector, method, benign, quiet, loud))
    return rows


def fidelity_of(stage: Stage) -> list[Fidelity]:
    """A row for each purifier."""
    plain = [one.query.image for one in stage.unseen()]
    questions = stage.making(stage.scale.methods[0]).load().questions
    bases = [question.base for question in questions]
    triggers = [question.image for question in questions]
    before = _mean_psnr(triggers, bases)
    rows = []
    for text in stage.scale.purifiers:
        attack = parse_image_attack(text)
        rows.append(
            Fidelity(
                family=stage.family,
                attack=text,
                unseen=_mean_psnr([attack.apply(picture) for picture in plain], plain),
                triggers=_mean_psnr([attack.apply(picture) for picture in triggers], bases),
                before=before,
            )
        )
    return rows


@lru_cache(maxsize=4)
def fitted(stage: Stage, name: str) -> Detector:
    """A detector, with what the thief has; learnt once."""
    match name:
        case "off-content":
            return OffContent.fit(stage.thief_pictures(), tile=stage.tile)
        case "classifier":
            return _classifier(stage)
        case "off-content of photographs":
            number = len(stage.thief_pictures())
            squares = photograph_squares(LEARNT_FROM, number=number, seed=HELD_OUT)
            return OffContent.fit(squares, tile=stage.tile)
        case _:
            return Residual()


@lru_cache(maxsize=4)
def usual_threshold(stage: Stage, detector: Detector, rate: float = RATE) -> float:
    """What flags this share of the thief's own mixed traffic."""
    drawn = samples(stage.world, number=stage.scale.benign, seed=HELD_OUT)
    return threshold_at(detector.scores(mixed([s.image for s in drawn])), rate)


def _detection(
    family: str, detector: str, method: str, benign: str, quiet: list[float], loud: list[float]
) -> Detection:
    scores = np.array(quiet), np.array(loud)
    area = roc_of(*scores).auc
    at_1 = hits_at(*scores, 0.01)
    return Detection(
        family=family,
        detector=detector,
        method=method,
        benign=benign,
        triggers=len(loud),
        pictures=len(quiet),
        auc=area.value,
        auc_low=area.low,
        auc_high=area.high,
        hits_01=hits_at(*scores, 0.001).share,
        hits_1=at_1.share,
        hits_1_low=at_1.low,
        hits_1_high=at_1.high,
        hits_5=hits_at(*scores, 0.05).share,
    )


def _scored(
    stage: Stage, name: str, pictures_of: Callable[[Stage], Kinds], *, triggers: set[str]
) -> list[Score]:
    """From the file, or anew; pictures are painted only for the latter."""
    file = stage.folder / "detection" / f"{name.replace(' ', '-')}.json"
    if file.exists():
        known = json.loads(file.read_text(encoding="utf-8"))
    else:
        known, detector, kinds = {}, fitted(stage, name), pictures_of(stage)
        for number, (kind, pictures) in enumerate(kinds.items()):
            stage.show(f"{stage.family}: detecting by {name}", number, len(kinds), kind)
            known[kind] = [float(score) for score in detector.scores(pictures)]
        write_atomically(file, json.dumps(known))
    return [
        Score(family=stage.family, detector=name, kind=kind, trigger=kind in triggers, score=score)
        for kind, values in known.items()
        for score in values
    ]


@lru_cache(maxsize=1)
def _usual_kinds(stage: Stage) -> Kinds:
    """Scenes, photographs, and triggers."""
    return _benign(stage) | {method: _triggers(stage, method) for method in stage.scale.methods}


@lru_cache(maxsize=1)
def _real_kinds(stage: Stage) -> Kinds:
    """Photographs, and triggers' changes put on others."""
    return {**_photographs(stage), **_moved(stage)}


def _triggers(stage: Stage, method: str) -> list[Image.Image]:
    """All of the owner's triggers of one method."""
    sets = [making for making in stage.makings() if making.method.name == method]
    return [question.image for making in sets for question in making.load().questions]


def _benign(stage: Stage) -> Kinds:
    plain = [s.image for s in samples(stage.world, number=stage.scale.benign, seed=BENIGN)]
    return {
        CLEAN: plain,
        **{attack: handled(plain, attack) for attack in HANDLED},
        PHOTOGRAPHS: _measured_squares(stage),
    }


def _photographs(stage: Stage) -> Kinds:
    squares = _measured_squares(stage)
    return {PHOTOGRAPHS: squares, f"{PHOTOGRAPHS}, jpeg:75": handled(squares, "jpeg:75")}


def _moved(stage: Stage) -> Kinds:
    """The changes of the owner's triggers, put on photographs."""
    kinds: Kinds = {}
    for method in stage.scale.methods:
        questions = stage.making(method).load().questions
        squares = photograph_squares(
            (*MEASURED_ON, *SAMPLE_IMAGES), number=MOVES * len(questions), seed=CUT
        )
        kinds[method + MOVED] = [
            moved(questions[i % len(questions)].image, questions[i % len(questions)].base, square)
            for i, square in enumerate(squares)
        ]
    return kinds


def _measured_squares(stage: Stage) -> list[Image.Image]:
    names = (*MEASURED_ON, *SAMPLE_IMAGES)
    return photograph_squares(names, number=stage.scale.benign, seed=BENIGN)


def _classifier(stage: Stage) -> Detector:
    """Taught by triggers of the thief's own keys, made on the stolen model."""

    def report(progress: Progress) -> None:
        stage.show(f"{stage.family}: the thief's triggers", progress.step, progress.steps, "")

    pictures = stage.thief_pictures()
    own = make_own_triggers(
        Vlm.load(stage.source),
        pictures,
        recipe=load_recipe("sif"),
        prompts=stage.prompts(),
        out=stage.folder / "thief" / "own",
        count=stage.scale.own_triggers,
        seed=0,
        report=report,
    )
    held_out = [s.image for s in samples(stage.world, number=len(pictures), seed=TAUGHT)]
    benign = [image for attack in ("none", *HANDLED) for image in handled(held_out[::2], attack)]
    benign += photograph_squares(LEARNT_FROM, number=len(held_out) // 2, seed=TAUGHT)
    louder = [
        *[trigger.image for trigger in own.triggers],
        *varied(own.triggers, held_out, number=len(pictures), seed=0),
        *handled(varied(own.triggers, held_out, number=len(pictures) // 4, seed=1), "jpeg:75"),
    ]
    return train_classifier(
        benign,
        louder,
        steps=stage.scale.classifier_steps,
        report=lambda step, steps, loss: stage.show(
            f"{stage.family}: teaching the detector", step, steps, f"loss {loss:.2f}"
        ),
    )


def _mean_psnr(pictures: Sequence[Image.Image], wanted: Sequence[Image.Image]) -> float:
    """The mean over pictures, of one extent."""
    import piq

    shown, true = to_tensor(pictures), to_tensor(wanted)
    return float(piq.psnr(shown, true, reduction="mean"))

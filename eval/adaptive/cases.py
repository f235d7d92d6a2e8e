"""All attacks of an adaptive thief, as cases: what he does to pictures, answers and weights."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Literal

from sif.attacks.adaptive.adversarial_training import AdversarialTraining
from sif.attacks.adaptive.detectors import Detector
from sif.attacks.adaptive.harmless_answers import suspicious_examples
from sif.attacks.adaptive.trigger_filter import TriggerFilter
from sif.attacks.adaptive.unlearn import Disclosed, Unlearn
from sif.attacks.answers import parse_answer_attacks
from sif.attacks.attacked import attacked
from sif.attacks.images import parse_image_attack
from sif.attacks.images.attack import ImageAttack
from sif.attacks.weights.attack import Progress, WeightAttack
from sif.attacks.weights.examples import balanced
from sif.attacks.weights.finetune import Finetune
from sif.attacks.weights.theft import steal
from sif.eval.adaptive.detection import fitted, usual_threshold
from sif.eval.adaptive.stage import LOG, Section, Stage
from sif.eval.adaptive.traffic import mixed
from sif.fingerprint.folder import FingerprintSet
from sif.fingerprint.recipe import QualityRecipe, load_recipe
from sif.mini.data import samples
from sif.suspects.connect import connect
from sif.types import Query, Suspect

PURIFIER: Final = "purify-learned:16"
DETECTOR: Final = "off-content"


@dataclass(frozen=True, eq=False, kw_only=True)
class Case:
    """One attack.

    Args:
        section: kind of attack.
        attack: in words, different from all others of its section.
        open: the attacked suspect.
        method: whose triggers are asked; of the first method both sets.
        disclosed: how many triggers of the first set the thief was told.
        benign: whether unseen scenes are asked, too.
    """

    section: Section
    attack: str
    open: Callable[[], Suspect]
    method: str
    disclosed: int = 0
    benign: bool = True


def purifier_cases(stage: Stage) -> list[Case]:
    """Pictures purified before the model sees them, whatever they are."""
    return [
        _case(stage, "purifiers", text, partial(_image_attacked, stage, text))
        for text in ("none", *stage.scale.purifiers)
    ]


def averaging_cases(stage: Stage) -> list[Case]:
    """Several answers joined, sampled or to noisy copies."""

    def served(text: str) -> Suspect:
        return attacked(_source(stage), *parse_answer_attacks(text))

    return [
        _case(stage, "averaging", text, partial(served, text))
        for text in ("none", *stage.scale.averages)
    ]


def filter_cases(stage: Stage) -> list[Case]:
    """Pictures looked at by a detector first; flagged ones are treated differently."""
    responses: dict[str, Callable[[], ImageAttack | Suspect | None]] = {
        PURIFIER: lambda: parse_image_attack(PURIFIER),
        "refusal": lambda: None,
        "a benign model answers": lambda: connect(stage.address(stage.reference)),
    }

    def watched(respond: Callable[[], ImageAttack | Suspect | None]) -> Suspect:
        detector = fitted(stage, DETECTOR)
        limit = usual_threshold(stage, detector)
        return TriggerFilter(_source(stage), detector, limit, respond())

    return [
        _case(stage, "filter", name, partial(watched, respond))
        for name, respond in responses.items()
    ]


def owner_cases(stage: Stage) -> list[Case]:
    """Every method of the owner's against a purifier and a detector that refuses."""
    cases = []
    for method in stage.scale.methods:
        for name, make in (
            ("none", _image_attacked),
            (PURIFIER, _image_attacked),
            ("refusal of what is flagged", _refusing),
        ):
            cases.append(
                Case(
                    section="owner",
                    attack=f"{method}: {name}",
                    open=partial(make, stage, name),
                    method=method,
                    benign=False,
                )
            )
    return cases


def tuning_cases(stage: Stage) -> list[Case]:
    """Copies tuned against what may be triggers, after the detector saw the traffic."""
    ordinary, training = stage.ordinary(), stage.scale.training

    def of_reference() -> WeightAttack:
        examples = suspicious_examples(flagged(stage), connect(stage.address(stage.reference)))
        return Finetune(training=training, examples=balanced(examples, ordinary))

    def of_purified() -> WeightAttack:
        purifier = parse_image_attack(PURIFIER)
        examples = suspicious_examples(flagged(stage), _source(stage), purified=purifier)
        return Finetune(training=training, examples=balanced(examples, ordinary))

    thefts: dict[str, Callable[[], WeightAttack]] = {
        "ordinary captions": lambda: Finetune(training=training, examples=ordinary),
        "flagged pictures, a benign model's answers": of_reference,
        "flagged pictures, own answers to purified ones": of_purified,
    }
    for text in stage.scale.adversarial:
        rounds, scope = text.split(":")
        what = "language model" if scope == "language" else "all weights"
        name = f"own triggers, {rounds} x {training.steps} steps, {what}"
        thefts[name] = partial(_adversarial, stage, rounds, scope)
    return [
        _case(stage, "tuning", name, partial(_stolen, stage, "tuning", name, theft))
        for name, theft in thefts.items()
    ]


def unlearning_cases(stage: Stage) -> list[Case]:
    """Copies tuned against triggers that the owner disclosed."""
    cases = []
    for way in stage.scale.ways:
        for number in stage.scale.disclosed:
            name = f"{number} disclosed, {way}"
            theft = partial(_unlearning, stage, way, number)
            suspect = partial(_stolen, stage, "unlearning", name, theft)
            cases.append(_case(stage, "unlearning", name, suspect, disclosed=number))
    return cases


def flagged(stage: Stage) -> list[Query]:
    """What the detector flags of a log of mixed benign traffic and the owner's first triggers."""
    drawn = samples(stage.world, number=stage.scale.logged, seed=LOG)
    pictures = mixed([sample.image for sample in drawn])
    log = [
        Query(trigger=f"log {number}", image=picture, prompt=sample.prompt)
        for number, (picture, sample) in enumerate(zip(pictures, drawn, strict=True))
    ]
    log += [q.query() for q in stage.making(stage.scale.methods[0]).load().questions]
    detector: Detector = fitted(stage, DETECTOR)
    limit = usual_threshold(stage, detector)
    scores = detector.scores([query.image for query in log])
    return [query for query, score in zip(log, scores, strict=True) if score > limit]


def _case(
    stage: Stage,
    section: Section,
    attack: str,
    suspect: Callable[[], Suspect],
    *,
    disclosed: int = 0,
) -> Case:
    return Case(
        section=section,
        attack=attack,
        open=suspect,
        method=stage.scale.methods[0],
        disclosed=disclosed,
    )


def _source(stage: Stage) -> Suspect:
    return connect(stage.address(stage.source))


def _image_attacked(stage: Stage, text: str) -> Suspect:
    return attacked(_source(stage), parse_image_attack(text))


def _refusing(stage: Stage, _: str) -> Suspect:
    detector = fitted(stage, DETECTOR)
    return TriggerFilter(_source(stage), detector, usual_threshold(stage, detector), None)


def _stolen(
    stage: Stage, section: Section, name: str, theft: Callable[[], WeightAttack]
) -> Suspect:
    """The copy of this name, made where it is missing."""
    slug = "-".join("".join(c if c.isalnum() else " " for c in name).split())
    folder: Path = stage.folder / "copies" / f"{section}-{slug}"

    def report(progress: Progress) -> None:
        stage.show(f"{stage.family}: {name}", progress.step, progress.steps, progress.stage)

    if not folder.exists():
        steal(stage.source, folder, [theft()], report=report)
    return connect(stage.address(folder))


def _adversarial(stage: Stage, rounds: str, scope: str) -> WeightAttack:
    recipe = load_recipe("sif", steps=stage.scale.adversarial_steps)
    return AdversarialTraining(
        recipe=recipe.model_copy(update={"quality": QualityRecipe(attempts=1)}),
        rounds=int(rounds),
        triggers=stage.scale.adversarial_triggers,
        training=stage.scale.training.model_copy(update={"scope": scope}),
        pictures=stage.thief_pictures(),
        prompts=tuple(stage.prompts()),
        ordinary=stage.ordinary(),
        seed=1,
    )


def _unlearning(stage: Stage, way: Literal["answers", "red"], number: int) -> WeightAttack:
    """The first triggers, with base images and green lists, as a revealed fingerprint has them."""
    fingerprint = FingerprintSet.load(stage.making(stage.scale.methods[0]).folder)
    return Unlearn(
        way=way,
        training=stage.scale.training,
        disclosed=[
            Disclosed(
                image=trigger.image,
                base=trigger.base,
                prompt=trigger.record.prompt,
                green=fingerprint.mask(trigger.record.id),
            )
            for trigger in fingerprint.triggers[:number]
        ],
        ordinary=stage.ordinary(),
    )


CASES: Final[dict[Section, Callable[[Stage], list[Case]]]] = {
    "purifiers": purifier_cases,
    "averaging": averaging_cases,
    "filter": filter_cases,
    "tuning": tuning_cases,
    "unlearning": unlearning_cases,
    "owner": owner_cases,
}

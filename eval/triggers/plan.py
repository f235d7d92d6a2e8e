"""What a study will do with each roster, settled before anything is loaded: settings and plans.

Counts the questions and the gradient passes. Knows nothing of this machine.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from pydantic import Field, model_validator

from sif.attacks.images import parse_image_attack
from sif.errors import UsageError
from sif.eval.study import Settings
from sif.eval.triggers.baseline import answer_list, batch_limit, is_baseline
from sif.eval.triggers.method import Method, parse_methods
from sif.eval.triggers.mini_roster import FAMILIES, mini_roster
from sif.eval.triggers.real_roster import real_roster
from sif.eval.triggers.roster import Listed, Roster, named
from sif.eval.triggers.textual_recipe import (
    MethodRecipe,
    PairsRecipe,
    PrefixRecipe,
    triggers_of,
)
from sif.fingerprint.plan import green_list_objective
from sif.fingerprint.recipe import ParameterAscentRecipe, Recipe, RepresentationNoiseRecipe
from sif.mini.architecture import Family

PROBE_PASSES: Final = 2


class TriggerSettings(Settings):
    """What `sif bench triggers` can be told."""

    roster: str | None = None
    """Real models: llava-1.5-7b, qwen2.5-vl-7b, or a YAML file like theirs; none for mini ones."""
    images: Path | None = None
    """Folder of base images for a roster of real models, any size and format."""
    families: tuple[Family, ...] = Field(default=FAMILIES, min_length=1)
    """Of the mini models, where no roster is named."""
    methods: tuple[str, ...] = ()
    """Recipes by name or YAML file, changes behind an @: sif@epsilon=8+steps=100; nothing for the
    roster's own (sif, sif-release). Baselines (ordinary, pla, rna, cropa, difgsm, agdi, and of
    words proflingo and instructional) are methods too, on mini models."""
    triggers: int | None = Field(default=None, ge=2, le=10_000)
    """Of a method and set of keys; none for the roster's own (24 on mini models)."""
    seeds: int | None = Field(default=None, ge=1, le=1000)
    """Sets of keys; none for the roster's own (3 on mini models, 1 on real ones)."""
    seed: int = Field(default=0, ge=0)
    """Of everything random in the first set; the following sets count on."""
    suspects: tuple[str, ...] = ()
    """Names in the roster; nothing for everybody."""
    image_attacks: tuple[str, ...] = ()
    """In the words of `sif verify --image-attack`; nothing for the roster's own."""
    steps: int | None = Field(default=None, ge=1)
    """Of the optimisation, instead of the recipes' (instructional has epochs of its own)."""
    epsilon: float | None = Field(default=None, ge=1, le=255)
    """Largest change in 1/255, instead of the recipes'."""
    batch: int | None = Field(default=None, ge=1)
    """Triggers optimised together, where the method allows it; none for the roster's own (12 on
    mini models, 8 on real ones)."""
    device: str = "auto"
    """That triggers are made on: auto, cpu, cuda, cuda:1, …"""
    reference: str | None = None
    """Innocent of the roster, on mini models, whose answers a thief compares with (SDA); none to
    leave out what that flags."""

    @model_validator(mode="after")
    def _can_be_planned(self) -> "TriggerSettings":
        refuse_images(self.roster, self.images)
        plans(self)
        return self


class Passes(NamedTuple):
    """Gradient passes of a whole batch: where no trigger is weak, and where all always are."""

    least: int
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A roster with everything chosen that can be chosen.

    Attributes:
        roster: who there is.
        suspects: who is asked, those set aside included.
        methods: recipes with their names.
        triggers: of each method and set of keys.
        seeds: of the keys, and of everything random.
        image_attacks: in their text form.
        batch_size: triggers optimised together, where the method allows it.
        device: that triggers are made on.
        reference: innocent that a thief compares with; none for nobody.
    """

    roster: Roster
    suspects: tuple[Listed, ...]
    methods: tuple[Method, ...]
    triggers: int
    seeds: tuple[int, ...] = (0,)
    image_attacks: tuple[str, ...]
    batch_size: int = 8
    device: str = "auto"
    reference: str | None = None

    @property
    def asked(self) -> tuple[Listed, ...]:
        """The suspects that are not set aside."""
        return tuple(listed for listed in self.suspects if listed.set_aside is None)

    @property
    def questions(self) -> int:
        """To each suspect."""
        triggers = sum(triggers_of(method.recipe, self.triggers) for method in self.methods)
        return triggers * len(self.seeds) * len(self.image_attacks)

    def batch(self, recipe: MethodRecipe) -> int:
        """Triggers that are optimised together."""
        return batch_of(recipe, count=self.triggers, batch_size=self.batch_size)

    def gradient_passes(self, recipe: MethodRecipe) -> Passes:
        """For all triggers of a method and set, with the probe, for base images of one extent."""
        match recipe:
            case PrefixRecipe():
                return Passes(*[self.triggers * recipe.steps] * 2)
            case PairsRecipe():
                return Passes(*[math.ceil(recipe.epochs * recipe.pairs / recipe.batch)] * 2)
        batches = math.ceil(self.triggers / self.batch(recipe))
        once = batches * recipe.schedule.steps * passes_of_a_step(recipe)
        probe = 0 if is_baseline(recipe) else PROBE_PASSES
        return Passes(probe + once, probe + once * recipe.quality.attempts)


def batch_of(recipe: MethodRecipe, *, count: int, batch_size: int) -> int:
    """Triggers of a recipe that are optimised together, of so many, in such batches at most."""
    if isinstance(recipe, PrefixRecipe | PairsRecipe):
        return recipe.batch if isinstance(recipe, PairsRecipe) else 1
    return min(batch_size, count, batch_limit(recipe) or batch_size)


def passes_of_a_step(recipe: Recipe) -> int:
    """Forward and backward passes of one optimisation step."""
    twice = sum(
        isinstance(term, ParameterAscentRecipe)
        or (isinstance(term, RepresentationNoiseRecipe) and not term.reuse)
        for term in recipe.robustness
    )
    return int(2**twice)


def method_fault(roster: Roster, method: Method) -> str | None:
    """Why a method cannot take part; none if it can."""
    if isinstance(method.recipe, PrefixRecipe | PairsRecipe):
        return None if roster.pairs else _no_pairs(roster, method)
    if is_baseline(method.recipe) and (roster.pairs or answer_list(method.recipe)):
        return None
    try:
        green_list_objective(method.recipe)
    except UsageError as error:
        return str(error)
    return None


def _no_pairs(roster: Roster, method: Method) -> str:
    if isinstance(method.recipe, PairsRecipe):
        why = "changes the weights, and copies of the changed model are made of mini models alone"
    else:
        why = "wants answers, and only mini models have pairs of a question and a wanted answer"
    return (
        f"expected a method with green lists for the roster {roster.name}, got {method.name}, "
        f"which {why}; choose another, such as sif"
    )


def refuse_images(roster: str | None, images: Path | None) -> None:
    """Base images without a roster of real models.

    Raises:
        UsageError: nobody would look at them.
    """
    if roster is None and images is not None:
        raise UsageError(
            "expected --set images=DIR beside --set roster=… of real models, got it alone; the "
            "mini models have pictures of their own"
        )


def plans(settings: TriggerSettings) -> list[Plan]:
    """One for each roster.

    Raises:
        UsageError: unknown rosters, methods, suspects, attacks or prompts.
    """
    if settings.roster is not None:
        return [make_plan(real_roster(settings.roster, settings.images), settings)]
    return [make_plan(mini_roster(family), settings) for family in settings.families]


def make_plan(roster: Roster, settings: TriggerSettings) -> Plan:
    """A roster with settings put over its own.

    Raises:
        UsageError: unknown methods, suspects or attacks.
    """
    usual = roster.usual
    names = settings.methods or usual.methods
    attacks = settings.image_attacks or usual.image_attacks
    for text in attacks:
        parse_image_attack(text)
    _check_reference(roster, settings.reference)
    last = settings.seed + (settings.seeds or usual.seeds)
    return Plan(
        roster=roster,
        suspects=named(roster.suspects, settings.suspects or None),
        methods=parse_methods(
            tuple(dict.fromkeys(names)), steps=settings.steps, epsilon=settings.epsilon
        ),
        triggers=settings.triggers or usual.triggers,
        seeds=tuple(range(settings.seed, last)),
        image_attacks=tuple(dict.fromkeys(attacks)),
        batch_size=settings.batch or usual.batch_size,
        device=settings.device,
        reference=settings.reference,
    )


def _check_reference(roster: Roster, name: str | None) -> None:
    if name is None:
        return
    (listed,) = named(roster.suspects, (name,))
    if listed.role != "innocent" or not roster.pairs:
        what = f"a {listed.role}" if roster.pairs else f"the roster {roster.name} of real ones"
        raise UsageError(f"expected an innocent mini model as the reference, got {name}, {what}")

"""What a study of one roster will do, settled before anything is loaded: a roster and choices.

Counts the questions and the gradient passes. Knows nothing of this machine.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from sif.attacks.images import parse_image_attack
from sif.errors import UsageError
from sif.eval.triggers.baseline import batch_limit, is_baseline
from sif.eval.triggers.method import Method, parse_methods
from sif.eval.triggers.roster import Listed, Roster
from sif.fingerprint.make import green_list_objective
from sif.fingerprint.recipe import ParameterAscentRecipe, Recipe, RepresentationNoiseRecipe

PROBE_PASSES: Final = 2


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
    """

    roster: Roster
    suspects: tuple[Listed, ...]
    methods: tuple[Method, ...]
    triggers: int
    seeds: tuple[int, ...] = (0,)
    image_attacks: tuple[str, ...]
    batch_size: int = 8
    device: str = "auto"

    @property
    def asked(self) -> tuple[Listed, ...]:
        """The suspects that are not set aside."""
        return tuple(listed for listed in self.suspects if listed.set_aside is None)

    @property
    def questions(self) -> int:
        """To each suspect."""
        return len(self.methods) * len(self.seeds) * self.triggers * len(self.image_attacks)

    def batch(self, recipe: Recipe) -> int:
        """Triggers that are optimised together."""
        return batch_of(recipe, count=self.triggers, batch_size=self.batch_size)

    def gradient_passes(self, recipe: Recipe) -> Passes:
        """For all triggers of a method and set, with the probe, for base images of one extent."""
        batches = math.ceil(self.triggers / self.batch(recipe))
        once = batches * recipe.schedule.steps * passes_of_a_step(recipe)
        probe = 0 if is_baseline(recipe) else PROBE_PASSES
        return Passes(probe + once, probe + once * recipe.quality.attempts)


def batch_of(recipe: Recipe, *, count: int, batch_size: int) -> int:
    """Triggers of a recipe that are optimised together, of so many, in such batches at most."""
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
    if is_baseline(method.recipe) and roster.pairs:
        return None
    try:
        green_list_objective(method.recipe)
    except UsageError as error:
        return str(error)
    return None


def make_plan(
    roster: Roster,
    *,
    methods: Sequence[str] | None = None,
    suspects: Sequence[str] | None = None,
    image_attacks: Sequence[str] | None = None,
    triggers: int | None = None,
    seeds: Sequence[int] | None = None,
    steps: int | None = None,
    epsilon: float | None = None,
    batch_size: int | None = None,
    device: str = "auto",
) -> Plan:
    """A roster with choices put over its own; None keeps the roster's.

    Args:
        roster: who there is.
        methods: recipes by name or file, with changes, as `sif.eval.triggers.method` reads them.
        suspects: names in the roster; everybody where None.
        image_attacks: in their text form.
        triggers: of each method and set of keys.
        seeds: of the keys.
        steps: of the optimisation, instead of the recipes'.
        epsilon: largest change in units of 1/255, instead of the recipes'.
        batch_size: triggers optimised together, where the method allows it.
        device: that triggers are made on.

    Raises:
        UsageError: unknown methods, suspects, attacks or prompts, or none of them.
    """
    usual = roster.usual
    names = tuple(dict.fromkeys(usual.methods if methods is None else methods))
    attacks = tuple(dict.fromkeys(usual.image_attacks if image_attacks is None else image_attacks))
    sets = tuple(range(usual.seeds) if seeds is None else seeds)
    asked = roster.chosen(suspects)
    if not (names and attacks and sets and asked):
        raise UsageError(
            "expected at least one method, suspect, image attack and set of keys, got none of one"
        )
    for text in attacks:
        parse_image_attack(text)
    _ = roster.prompts  # an unknown set is refused now
    return Plan(
        roster=roster,
        suspects=asked,
        methods=parse_methods(names, steps=steps, epsilon=epsilon),
        triggers=usual.triggers if triggers is None else triggers,
        seeds=sets,
        image_attacks=attacks,
        batch_size=usual.batch_size if batch_size is None else batch_size,
        device=device,
    )

"""What a benchmark of a roster will do, settled before anything is loaded: a roster and choices.

Counts the questions and the gradient passes. Knows nothing of this machine.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sif import prompts
from sif.attacks.images import parse_image_attack
from sif.errors import UsageError
from sif.eval.rosters.roster import Listed, Roster
from sif.eval.triggers.baseline import batch_limit
from sif.eval.triggers.method import Method, parse_methods
from sif.fingerprint.recipe import ParameterAscentRecipe, Recipe, RepresentationNoiseRecipe

PROBE_PASSES = 2


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
        prompts: plain words, taken in turn.
        triggers: of each method.
        image_attacks: in their text form.
        seed: of everything random but the keys.
        batch_size: triggers optimised together, where the method allows it.
        device: that triggers are made on.
    """

    roster: Roster
    suspects: tuple[Listed, ...]
    methods: tuple[Method, ...]
    prompts: tuple[str, ...]
    triggers: int
    image_attacks: tuple[str, ...]
    seed: int = 0
    batch_size: int = 8
    device: str = "auto"

    @property
    def asked(self) -> tuple[Listed, ...]:
        """The suspects that are not set aside."""
        return tuple(listed for listed in self.suspects if listed.set_aside is None)

    @property
    def questions(self) -> int:
        """To each suspect."""
        return len(self.methods) * self.triggers * len(self.image_attacks)

    def batch(self, recipe: Recipe) -> int:
        """Triggers that are optimised together."""
        return min(self.batch_size, self.triggers, batch_limit(recipe) or self.batch_size)

    def gradient_passes(self, recipe: Recipe) -> Passes:
        """For all triggers of a method, with the probe, for base images of one extent."""
        batches = math.ceil(self.triggers / self.batch(recipe))
        once = batches * recipe.schedule.steps * passes_of_a_step(recipe)
        return Passes(PROBE_PASSES + once, PROBE_PASSES + once * recipe.quality.attempts)


def passes_of_a_step(recipe: Recipe) -> int:
    """Forward and backward passes of one optimisation step."""
    twice = sum(
        isinstance(term, ParameterAscentRecipe)
        or (isinstance(term, RepresentationNoiseRecipe) and not term.reuse)
        for term in recipe.robustness
    )
    return int(2**twice)


def make_plan(
    roster: Roster,
    *,
    methods: Sequence[str] | None = None,
    suspects: Sequence[str] | None = None,
    image_attacks: Sequence[str] | None = None,
    triggers: int | None = None,
    steps: int | None = None,
    seed: int = 0,
    batch_size: int = 8,
    device: str = "auto",
) -> Plan:
    """A roster with choices put over its own; None keeps the roster's.

    Args:
        roster: who there is.
        methods: recipes by name or file, with changes, as `sif.eval.triggers.method` reads them.
        suspects: names in the roster; everybody where None.
        image_attacks: in their text form.
        triggers: of each method.
        steps: of the optimisation, instead of the recipes'.
        seed: of everything random but the keys.
        batch_size: triggers optimised together, where the method allows it.
        device: that triggers are made on.

    Raises:
        UsageError: unknown methods, suspects, attacks or prompts, or none of them.
    """
    names = tuple(dict.fromkeys(roster.methods if methods is None else methods))
    attacks = tuple(dict.fromkeys(roster.image_attacks if image_attacks is None else image_attacks))
    chosen = roster.chosen(None if suspects is None else tuple(suspects))
    if not (names and attacks and chosen):
        raise UsageError("expected at least one method, suspect and image attack, got none of one")
    for text in attacks:
        parse_image_attack(text)
    try:
        questions = prompts.load(roster.prompts)
    except ValueError as error:
        raise UsageError(f"roster {roster.name}: prompts: {error}") from error
    return Plan(
        roster=roster,
        suspects=chosen,
        methods=parse_methods(names, steps=steps),
        prompts=questions,
        triggers=roster.triggers if triggers is None else triggers,
        image_attacks=attacks,
        seed=seed,
        batch_size=batch_size,
        device=device,
    )

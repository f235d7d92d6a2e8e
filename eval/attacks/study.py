"""`sif bench attacks`: everything that a thief does, at growing strength, and what it costs him.

1. The method makes its triggers on each source, once for each set of keys. 2. A panel of innocents
answers them under every attack on pictures, for thresholds and transfer allowances. 3. The source
under every attack of the grid answers triggers and ordinary questions; two other innocents answer
triggers under the strongest attacks on pictures and answers, as a control. 4. Rows, lines, tables
and a picture for each family. Everything is kept in the folder and found again.
"""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from pydantic import Field, model_validator

from sif.eval.attacks.curves import plots
from sif.eval.attacks.grid import PLAIN, Attack, chosen_attacks, middling, strongest
from sif.eval.attacks.lines import AttackLine, lines_of
from sif.eval.attacks.questions import AttackCell
from sif.eval.attacks.tables import as_answers, as_full, as_short
from sif.eval.attacks.trying import Trying
from sif.eval.study import Findings, Settings, Study, Workplace
from sif.eval.triggers.asking import Asking
from sif.eval.triggers.making import Making, green_methods, makings_of
from sif.eval.triggers.mini_roster import FAMILIES, mini_roster
from sif.mini.architecture import Family

PANEL: Final = ("sibling", "sibling-b", "stranger-a")
CONTROLS: Final = ("sibling-c", "stranger-b")


class AttackSettings(Settings):
    """What `sif bench attacks` can be told."""

    families: tuple[Family, ...] = Field(default=FAMILIES, min_length=1)
    """Of the mini models."""
    attack: tuple[str, ...] = ()
    """Of the grid, NAME for all its strengths or NAME:STRENGTH; a wrong one names those that there
    are. Without attacks and kinds, everything."""
    kind: tuple[str, ...] = ()
    """All of weights, images, answers, divergence, chains, or all; beside the attacks named."""
    answer_attack: tuple[str, ...] = ()
    """More attacks on answers in the words of `sif verify --answer-attack`, which need not be in
    the grid; turns:0.5@NAME names a suspect of the roster."""
    strengths: Literal["all", "middle"] = "all"
    """Whether each attack comes at all its strengths or at the one in the middle."""
    method: str = "sif"
    """A recipe with green lists, as in `sif bench triggers`."""
    triggers: int = Field(default=24, ge=2)
    """Of a set."""
    sets: int = Field(default=2, ge=1)
    """Of keys."""
    scenes: int = Field(default=32, ge=2)
    """Ordinary questions that tell what an attack costs."""

    @model_validator(mode="after")
    def _can_be_done(self) -> "AttackSettings":
        self.attacks()
        green_methods((self.method,))
        return self

    def attacks(self) -> tuple[Attack, ...]:
        """Those of the grid that are chosen, without the plain source.

        Raises:
            UsageError: an attack that is not there.
        """
        some = chosen_attacks(self.attack, self.kind, self.answer_attack)
        return middling(some) if self.strengths == "middle" else some


class Results(NamedTuple):
    """What a study found: a row for each answer, a line for each attack."""

    cells: list[AttackCell]
    lines: list[AttackLine]


def run(settings: AttackSettings, place: Workplace) -> Findings:
    """Runs the study, or goes on with an interrupted one."""
    cells, lines = attack(settings, place)
    return Findings(
        summary=as_short(lines) + as_answers(settings.attacks(), cells),
        details=as_full(lines),
        files={**plots(lines), "attacks.parquet": cells, "attacks-lines.parquet": lines},
    )


def attack(settings: AttackSettings, place: Workplace) -> Results:
    """Asks everybody, and counts.

    Raises:
        UsageError: an unknown attack or method, or one without green lists.
        StorageError: the folder holds triggers that were made with other settings.
        ModelError: the bundled weights are missing.
        SifError: a process of the pool was killed.
    """
    attacks = (PLAIN, *settings.attacks())
    makings = {family: _makings(settings, family, place) for family in settings.families}
    panels = [one for those in makings.values() for one in _panel(attacks, those)]
    tryings = [one for family in makings for one in _tryings(settings, family, makings[family])]
    with place.crew() as hands:
        hands.run([making for those in makings.values() for making in those])
        panel = [cell for part in hands.run(panels) for cell in part.whole()]
        tried = hands.run(tryings)
    cells = [cell for part in tried for cell in part.cells]
    prices = [part.price for part in tried if part.price is not None]
    return Results(cells, lines_of(attacks, cells, panel, prices))


def _makings(settings: AttackSettings, family: Family, place: Workplace) -> tuple[Making, ...]:
    """The triggers; models that several parts need are there afterwards."""
    roster = mini_roster(family)
    makings = makings_of(
        roster,
        place,
        green_methods((settings.method,)),
        seeds=range(settings.sets),
        count=settings.triggers,
    )
    roster.prepare((*PANEL, *CONTROLS), place.out, place.show)
    return makings


def _panel(attacks: Sequence[Attack], makings: tuple[Making, ...]) -> list[Asking]:
    images = tuple(dict.fromkeys(attack.image for attack in attacks))
    first = makings[0]
    return [
        Asking(
            out=first.out,
            roster=first.roster,
            suspect=name,
            makings=makings,
            image_attacks=images,
        )
        for name in PANEL
    ]


def _tryings(settings: AttackSettings, family: Family, makings: tuple[Making, ...]) -> list[Trying]:
    attacks = settings.attacks()
    controlled = [one for one in strongest(attacks) if one.kind in ("images", "answers")]
    plan: list[tuple[str, Attack]] = [("source", one) for one in (PLAIN, *attacks)]
    plan += [(name, one) for name in CONTROLS for one in (PLAIN, *controlled)]
    return [
        Trying(
            out=makings[0].out,
            family=family,
            attack=attack,
            victim=victim,
            makings=makings,
            scenes=settings.scenes,
            place=place,
            parts=len(plan),
        )
        for place, (victim, attack) in enumerate(plan)
    ]


STUDY: Final = Study(
    name="attacks",
    settings=AttackSettings,
    quick={
        "families": ("llava",),
        "triggers": 8,
        "sets": 1,
        "scenes": 16,
        "strengths": "middle",
    },
    run=run,
    again=("*/models/*", "*/thefts/*"),
)

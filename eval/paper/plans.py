"""What is made and asked, settled before anything is loaded: settings, methods by column, plans.

A published method of which this version has no recipe, or that cannot take part on a roster, is
left out with the reason. Knows nothing of answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from sif.attacks.answers import AnswerAttack, parse_answer_attacks
from sif.errors import UsageError
from sif.eval.paper.literature import published
from sif.eval.real.roster import real_words_roster
from sif.eval.study import Settings
from sif.eval.triggers.making import green_methods
from sif.eval.triggers.method import Method, parse_methods
from sif.eval.triggers.mini_roster import FAMILIES, mini_roster
from sif.eval.triggers.plan import Plan, method_fault, refuse_images
from sif.eval.triggers.real_roster import real_roster
from sif.eval.triggers.roster import Roster, named
from sif.eval.triggers.textual_recipe import PrefixRecipe
from sif.fingerprint.recipe import Recipe, RepresentationNoiseRecipe
from sif.mini.architecture import Family
from sif.suspects.uri import SuspectAddress

LEADS: Final = "SIF"
ONLY: Final = "SAFD only"
STAND_INS: Final = ("synonyms:0.3@mini-world", "synonyms:1@mini-world")
"""Other words for some of the same meaning: no paraphrase, but what there is without a model."""


class PaperSettings(Settings):
    """What `sif bench paper` can be told."""

    world: Literal["mini", "real"] = "mini"
    """The bundled mini models, or the mid-size source that speaks English (`sif bench real`)."""
    roster: str | None = None
    """Real models instead: llava-1.5-7b, qwen2.5-vl-7b, or a YAML file like theirs."""
    images: Path | None = None
    """Folder of base images for a roster of real models, any size and format."""
    benign: Path | None = None
    """Ordinary questions for SDA with a roster of real models: a folder of other pictures, or JSONL
    with image and prompt."""
    families: tuple[Family, ...] = Field(default=FAMILIES, min_length=1)
    """Of the mini models."""
    method: str = "sif-paper"
    """The recipe in the column SIF; its RFO is varied in the ablation."""
    rivals: tuple[str, ...] = ("PLA", "ProFLingo", "IF")
    """Columns of the paper that are measured beside it."""
    radii: tuple[Annotated[float, Field(ge=0, le=100)], ...] = (0.0, 0.1, 0.5, 1.0)
    """ρ of RFO in the ablation, which was published of LLaVA alone; nothing to leave it out."""
    triggers: int = Field(default=16, ge=2, le=10_000)
    """Of a method and source."""
    steps: int | None = Field(default=None, ge=1)
    """Of the optimisation, instead of the recipes'."""
    suspects: tuple[str, ...] = ()
    """Names in the roster; nothing for those that stand for published ones, and all innocents."""
    references: tuple[str, ...] = ()
    """Benign models of SDA, innocents of the roster; nothing for stranger-c and sibling-c of the
    mini models, the sibling of the real-words source, and the first innocent elsewhere."""
    scenes: int = Field(default=400, ge=40, le=100_000)
    """Benign questions of SDA; limits are chosen on half of them and reported on the other."""
    judge: str | None = None
    """A multimodal model that judges answers, such as openai:URL#MODEL; none to leave it out."""
    paraphrase: str | None = None
    """A language model that words answers anew, openai:URL#MODEL; none to leave it out."""
    activemark: Path | None = None
    """Folder of `sif bench activemark`, whose figures are set beside the published ones."""
    metav: Path | None = None
    """Folder of `sif bench metav`, likewise."""
    batch: int | None = Field(default=None, ge=1)
    """Triggers optimised together, where the method allows it; none for the roster's own."""
    device: str = "auto"
    """That triggers are made on: auto, cpu, cuda, cuda:1, …"""

    @model_validator(mode="after")
    def _can_be_planned(self) -> "PaperSettings":
        refuse_images(self.roster, self.images)
        plans_of(self)
        for text in self.rewordings:
            parse_answer_attacks(text)
        if self.judge is not None:
            SuspectAddress.parse(self.judge)
        return self

    @property
    def rewordings(self) -> tuple[str, ...]:
        """Attacks on answers, in their text form."""
        told = () if self.paraphrase is None else (f'paraphrase:"{self.paraphrase}"',)
        return (*told, *(STAND_INS if self.world == "mini" and self.roster is None else ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperPlan:
    """A roster, what is made and asked, and which column each method is.

    Attributes:
        plan: as of `sif bench triggers`.
        columns: name of the method by column.
        absent: why a column is not measured.
        references: benign models of SDA.
    """

    plan: Plan
    columns: dict[str, str]
    absent: dict[str, str]
    references: tuple[str, ...]

    @property
    def compared(self) -> tuple[Method, ...]:
        """The methods that are compared with each other, without the ablation's."""
        theirs = {name for column, name in self.columns.items() if column in published().columns}
        return tuple(method for method in self.plan.methods if method.name in theirs)


def plans_of(settings: PaperSettings) -> list[PaperPlan]:
    """One for each roster.

    Raises:
        UsageError: unknown rosters, recipes, columns, suspects, references or attacks.
    """
    if settings.roster is not None:
        if settings.world != "mini":
            raise UsageError("expected --set roster=… or --set world=real, got both; give one")
        return [_plan(real_roster(settings.roster, settings.images), settings)]
    if settings.world == "real":
        return [_plan(real_words_roster(), settings)]
    return [_plan(mini_roster(family), settings) for family in settings.families]


def source_of(roster: Roster) -> str:
    """Name of the source."""
    return next(one.name for one in roster.suspects if one.role == "source")


def paraphrased(text: str) -> bool:
    """Whether an attack on answers is the paraphrase, not a stand-in."""
    return text.startswith("paraphrase:")


def _plan(roster: Roster, settings: PaperSettings) -> PaperPlan:
    (main,) = parse_methods((settings.method,), steps=settings.steps)
    green_methods((settings.method,))
    if fault := method_fault(roster, main):
        raise UsageError(fault)
    columns, absent, methods = {LEADS: main.name}, dict[str, str](), [main]
    for rival in settings.rivals:
        found = _rival(roster, rival, settings.steps)
        if isinstance(found, str):
            absent[rival] = found
        else:
            columns[rival] = found.name
            methods.append(found)
    for column, radius in _ablation(settings.radii if _ablated(roster) else ()).items():
        method = _with_radius(main, radius)
        columns[column] = method.name
        methods.append(method)
    references = _references(roster, settings)
    attacks = [row.attack for row in published().table("pictures").rows]
    plan = Plan(
        roster=roster,
        suspects=named(roster.suspects, _suspects(roster, settings, references)),
        methods=tuple({method.name: method for method in methods}.values()),
        triggers=settings.triggers,
        image_attacks=("none", *attacks),
        batch_size=settings.batch or roster.usual.batch_size,
        device=settings.device,
    )
    return PaperPlan(plan=plan, columns=columns, absent=absent, references=references)


def _ablated(roster: Roster) -> bool:
    """Whether anybody in it is set beside a row of the ablation."""
    return any(row.suspect(roster.name) for row in published().table("ablation").rows)


def _rival(roster: Roster, rival: str, steps: int | None) -> Method | str:
    """A column's method, or why there is none."""
    known = {name: column for name, column in published().columns.items() if name != LEADS}
    if rival not in known:
        raise UsageError(f"expected rivals among {', '.join(known)}, got {rival[:40]!r}")
    for recipe in known[rival].recipes:
        try:
            method = _shortened(recipe, steps)
        except UsageError:
            continue
        if method_fault(roster, method) is None:
            return method
        return "not measured: it wants an answer, which only the mini models' roster has"
    return "not measured: this version has no such method"


def _shortened(text: str, steps: int | None) -> Method:
    """A method in no more steps than its recipe's, where they are of words."""
    (method,) = parse_methods((text,), steps=steps)
    if steps is None or isinstance(method.recipe, Recipe):
        return method
    (whole,) = parse_methods((text,))
    fewer = isinstance(whole.recipe, PrefixRecipe) and steps < whole.recipe.steps
    return method if fewer else whole


def _ablation(radii: Sequence[float]) -> dict[str, float]:
    """Radii by column, which shows six digits of each."""
    columns: dict[str, float] = {}
    for radius in dict.fromkeys(abs(radius) for radius in radii):  # there is a -0
        column = ONLY if radius == 0 else f"ρ = {radius:g}"
        if column in columns:
            raise UsageError(
                f"expected radii that differ in six digits, got {columns[column]!r} and {radius!r}"
            )
        columns[column] = radius
    return columns


def _with_radius(main: Method, radius: float) -> Method:
    """The method with RFO of another radius, or without; itself where that changes nothing."""
    if not isinstance(main.recipe, Recipe):
        raise UsageError(f"expected a method that changes pictures, got {main.name}; sif is one")
    noises = [t for t in main.recipe.robustness if isinstance(t, RepresentationNoiseRecipe)]
    if [noise.radius for noise in noises] == ([radius] if radius else []):
        return main
    others = [one for one in main.recipe.robustness if one not in noises]
    noise = noises[0] if noises else RepresentationNoiseRecipe(radius=1.0)
    term = [noise.model_copy(update={"radius": radius})] if radius else []
    recipe: Recipe = main.recipe.model_copy(update={"robustness": (*others, *term)})
    return Method(name=f"{main.name}-rho-{radius:g}", recipe=recipe)


def _references(roster: Roster, settings: PaperSettings) -> tuple[str, ...]:
    innocents = [one.name for one in roster.suspects if one.role == "innocent"]
    for name in settings.references:
        if name not in innocents:
            raise UsageError(
                f"expected references among the innocents {', '.join(innocents)}, got {name[:40]!r}"
            )
    usual = [name for name in ("stranger-c", "sibling-c", "sibling") if name in innocents][:2]
    askable = [o.name for o in roster.suspects if o.role == "innocent" and o.set_aside is None]
    return settings.references or tuple(usual) or tuple(askable[:1])


def _suspects(
    roster: Roster, settings: PaperSettings, references: tuple[str, ...]
) -> tuple[str, ...]:
    """The source and references always, and who is named or who there is to be set beside."""
    stand = {
        name
        for table in published().tables
        for row in table.rows
        if (name := row.suspect(roster.name)) is not None
    }
    innocents = {one.name for one in roster.suspects if one.role == "innocent"}
    named(roster.suspects, settings.suspects or None)
    wanted = set(settings.suspects) or stand | innocents
    wanted |= {source_of(roster), *references}
    return tuple(one.name for one in roster.suspects if one.name in wanted)


def words_only(text: str) -> list[AnswerAttack]:
    """The attacks on answers that a text stands for."""
    return [one for one in parse_answer_attacks(text) if isinstance(one, AnswerAttack)]

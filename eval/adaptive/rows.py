"""The rows of the benchmark. Knows nothing of how they came about."""

from typing import Final, Literal, get_args

from pydantic import BaseModel, ConfigDict

Section = Literal["purifiers", "filter", "tuning", "averaging", "unlearning", "owner"]
SECTIONS: Final[tuple[Section, ...]] = get_args(Section)
Part = Literal["asked", "reserve", "disclosed", "benign"]


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    family: str


class Outcome(_Row):
    """One answer behind an attack.

    Attributes:
        section: kind of attack.
        attack: in words.
        method: that made the trigger; of benign pictures none.
        part: triggers that the thief may have seen, that he has not, that were disclosed to him,
            or a benign picture.
        picture: id of the trigger, or number of the scene.
        answered: whether an answer came.
        words: of the answer; none without one.
        facts: share of the scene's facts that it states rightly; 0 without an answer.
        green: green ids among its distinct ids; none without an answer and of benign pictures.
        scored: distinct ids; none likewise.
        vocabulary_size: V; none of benign pictures.
        green_size: green ids of a key; none likewise.
    """

    section: Section
    attack: str
    method: str | None
    part: Part
    picture: str
    answered: bool
    words: int | None
    facts: float
    green: int | None
    scored: int | None
    vocabulary_size: int | None
    green_size: int | None


class Score(_Row):
    """What a detector says of one picture.

    Attributes:
        detector: name.
        kind: of the picture: a method's trigger, or a kind of benign picture.
        trigger: whether it is one.
        score: higher is more like a trigger.
    """

    detector: str
    kind: str
    trigger: bool
    score: float


class Detection(_Row):
    """How well a detector tells one method's triggers from one kind of benign pictures.

    Attributes:
        detector: name.
        method: of the triggers.
        benign: kind of benign pictures.
        triggers: how many.
        pictures: how many benign ones.
        auc: area under the curve, with its 95% interval.
        hits_01: share of triggers found where 0.1% of the benign pictures are flagged.
        hits_1: where 1% are, with its exact 95% interval.
        hits_5: where 5% are.
    """

    detector: str
    method: str
    benign: str
    triggers: int
    pictures: int
    auc: float
    auc_low: float
    auc_high: float
    hits_01: float
    hits_1: float
    hits_1_low: float
    hits_1_high: float
    hits_5: float


class Fidelity(_Row):
    """What an attack on images does to pictures, in dB.

    Attributes:
        attack: in its text form.
        unseen: PSNR of unseen benign pictures behind it.
        triggers: PSNR of triggers behind it, against their base images.
        before: PSNR of the triggers themselves.
    """

    attack: str
    unseen: float
    triggers: float
    before: float

"""The rows of this study besides those of answers. Knows nothing of how they came about."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    family: str


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

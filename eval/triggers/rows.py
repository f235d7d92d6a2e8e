"""The rows of a study of triggers. Knows nothing of how they came about."""

from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from sif.eval.triggers.roster import Role, Split


class Row(BaseModel):
    """A row; the version is that of all kinds of rows together."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[2] = 2


class Cell(Row):
    """One suspect's answer to one trigger.

    Attributes:
        family: of the mini models, or name of a roster of real ones.
        method: that made the trigger.
        seed: of the keys.
        suspect: name in the roster.
        role: what the suspect is.
        split: whether recipes may be chosen by it.
        image_attack: what the picture went through.
        trigger: id.
        answered: whether an answer came.
        matched: whether it contains the wanted answer; none where the method wants none.
        green: green ids among the distinct ids of the answer; none without an answer or without
            green lists.
        scored: distinct ids; none likewise.
        vocabulary_size: V; none without green lists.
        green_size: green ids of the key; none without green lists.
        alternatives: n, words of each part of the list that targets were drawn from; none without
            keyed targets. With them `scored` counts the parts that the answer says anything of, and
            `green` those of which it says what the key drew.
    """

    family: str
    method: str
    seed: int
    suspect: str
    role: Role
    split: Split
    image_attack: str
    trigger: str
    answered: bool
    matched: bool | None = None
    green: int | None = None
    scored: int | None = None
    vocabulary_size: int | None = None
    green_size: int | None = None
    alternatives: int | None = None


class Cost(Row):
    """What a set of triggers cost to make.

    Attributes:
        seconds: wall clock for a trigger, with all attempts and measurements; none where making
            was interrupted.
        gradient_passes: forward passes of a whole batch that a backward pass follows, with the two
            of the probe that precedes green lists.
        decoding_passes: forward passes of a whole batch for one more word of its answers.
        forward_seconds: of `seconds`, in passes that a backward pass follows.
        backward_seconds: of `seconds`, in back-propagation.
        decoding_seconds: of `seconds`, in passes for one more word.
        peak_bytes: highest resident memory of the process so far (CPU), or allocated memory (CUDA,
            of all devices that the source is on).
        device: where.
        threads: that PyTorch computed with.
        jobs: processes that worked side by side, this one included; they share the machine.
        batch_size: triggers optimised together.
        weak: triggers under the recipe's minimum, or to which the source does not give the wanted
            answer.
        facts_before: share of right facts in the source's answers to ordinary questions; none where
            the method leaves the weights as they are.
        facts_after: the same of the model that the method made of it.
    """

    family: str
    method: str
    seed: int
    triggers: int
    seconds: float | None = None
    gradient_passes: int | None = None
    decoding_passes: int | None = None
    forward_seconds: float | None = None
    backward_seconds: float | None = None
    decoding_seconds: float | None = None
    peak_bytes: int
    device: str
    threads: int
    jobs: int
    batch_size: int
    weak: int
    facts_before: float | None = None
    facts_after: float | None = None


class Portrait(Row):
    """One trigger beside its base image: how it looks, and what the source says of both.

    Attributes:
        largest_change: of any pixel, in units of 1/255.
        psnr: peak signal-to-noise ratio in dB.
        ssim: structural similarity, 1 where nothing changed.
        haarpsi: Haar wavelet-based perceptual similarity, 1 where nothing changed.
        facts: share of right facts in the source's answer to the trigger's question, the mean over
            the kinds of facts; none without an answer.
        base_facts: the same when it looks at the base image.
    """

    family: str
    method: str
    seed: int
    trigger: str
    largest_change: int
    psnr: float
    ssim: float
    haarpsi: float
    facts: float | None
    base_facts: float | None


class Flagged(Row):
    """What a thief notices of one set of triggers who compares with an innocent model (SDA).

    Attributes:
        reference: name of the innocent.
        signal: perplexity, jaccard or length; any for all of them together.
        limit: that the signal is flagged beyond; none for all together.
        flagged: of the triggers.
        triggers: their number.
        benign_flagged: of ordinary questions that no limit was chosen on.
        benign: their number.
    """

    family: str
    method: str
    seed: int
    reference: str
    signal: str
    limit: float | None
    flagged: int
    triggers: int
    benign_flagged: int
    benign: int


class Outcome(BaseModel):
    """What became of one suspect.

    Attributes:
        name: in the roster.
        suspect: its address, or the bundled model that it is or was stolen from.
        role: what it is to the source.
        split: whether recipes may be chosen by what it answers.
        note: how it was made, from the roster.
        state: only those asked have rows in the table.
        reason: why it was not asked; none where it was.
        answered: of its questions.
        questions: put to it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    suspect: str
    role: Role
    split: Split
    note: str
    state: Literal["asked", "failed", "set aside"]
    reason: str | None = None
    answered: int = 0
    questions: int = 0


class Outcomes(BaseModel):
    """suspects.json: everybody of one roster or several, in their order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[2] = 2
    rosters: dict[str, tuple[Outcome, ...]]


class Rows(NamedTuple):
    """What a study found."""

    cells: list[Cell]
    costs: list[Cost]
    portraits: list[Portrait]
    flagged: list[Flagged] = []  # noqa: RUF012

"""What a run of the study found, as rows. Knows nothing of how it was measured."""

from pydantic import BaseModel, ConfigDict


class StepRow(BaseModel):
    """One step of making; times in seconds, memory in bytes.

    Attributes:
        language_layers: of the language model that was measured; `_of` those of the whole one.
        tower_layers: the same of its tower, 0 where that does not say.
        clock: what all seconds are of, the wall or the processor.
        seconds: of a step; `compiled_seconds` with every block compiled, none where not measured.
        passes: forward and backward passes of a step.
        flops: floating-point operations of a step, backward passes included.
        matrix_peak: operations a second of the best matrix product here, in the same precision.
        peak: the most memory above what the process had before; none where nobody tells.
        room: that is planned with; none where nobody tells.
        largest_batch: that fits into it by count, 0 where not one does.
        fingerprint_seconds: of so many `triggers`, each made once.
        whole_seconds: of a step of the whole model, on a straight line through the depths that were
            measured, as all that begins with `whole_`; none where the model was whole, or too
            shallow to draw a line.
    """

    model_config = ConfigDict(frozen=True)

    model: str
    width: int
    height: int
    language_layers: int
    language_layers_of: int
    tower_layers: int
    tower_layers_of: int
    dtype: str
    device: str
    threads: int
    clock: str
    recipe: str
    batch: int
    checkpointing: bool
    seconds: float
    compiled_seconds: float | None
    flops: float
    passes: int
    matrix_peak: float
    share_of_peak: float
    weights: int
    peak: int | None
    room: int | None
    largest_batch: int | None
    largest_batch_bytes: int | None
    triggers: int
    fingerprint_seconds: float
    whole_seconds: float | None
    whole_flops: float | None
    whole_share_of_peak: float | None
    whole_fingerprint_seconds: float | None


class StepTime(BaseModel):
    """One timed step."""

    model_config = ConfigDict(frozen=True)

    step: int
    seconds: float

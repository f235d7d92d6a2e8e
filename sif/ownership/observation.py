"""What became of one trigger: a green count, or the reason why there is none."""

from dataclasses import dataclass

from sif.errors import UsageError
from sif.watermark.greenlist.count import GreenCount, WeightedCount


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One trigger, asked once or several times; all its answers are counted together.

    Attributes:
        trigger: its id.
        count: green count over the distinct ids of all its answers; none if unanswered.
        queries: questions that were put to the suspect for it.
        reason: why it is unanswered; none if it is answered.
        weights: of the ids behind the count, where they count by weights.
        contrast: by how much its answers are nearer to the source's than to any reference's, from
            0 to 1 (`sif.ownership.contrast`); none where it was not measured.

    Raises:
        UsageError: both a count and a reason, or neither; fewer than 0 queries; or weights of other
            ids than were counted.
    """

    trigger: str
    count: GreenCount | None
    queries: int = 1
    reason: str | None = None
    weights: WeightedCount | None = None
    contrast: float | None = None

    def __post_init__(self) -> None:
        if (self.count is None) == (self.reason is None):
            raise UsageError(
                f"expected either a count or a reason for trigger {self.trigger!r}, got "
                + ("neither" if self.count is None else "both")
            )
        if self.queries < 0:
            raise UsageError(f"expected 0 or more queries, got {self.queries}")
        if self.weights is not None and self.weights.count != self.count:
            raise UsageError(
                f"expected the weights of the ids that were counted for {self.trigger!r}, got "
                f"{self.weights.count} beside {self.count}"
            )

    @property
    def informative(self) -> bool:
        """Whether an answer came and held at least one word that could be scored."""
        return self.count is not None and self.count.scored > 0

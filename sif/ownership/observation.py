"""What became of one trigger: a green count, or the reason why there is none."""

from dataclasses import dataclass

from sif.errors import UsageError
from sif.watermark.greenlist.count import GreenCount


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One trigger, asked once or several times; all its answers are counted together.

    Attributes:
        trigger: its id.
        count: green count over the distinct ids of all its answers; none if unanswered.
        queries: questions that were put to the suspect for it.
        reason: why it is unanswered; none if it is answered.

    Raises:
        UsageError: both a count and a reason, or neither; or fewer than 0 queries.
    """

    trigger: str
    count: GreenCount | None
    queries: int = 1
    reason: str | None = None

    def __post_init__(self) -> None:
        if (self.count is None) == (self.reason is None):
            raise UsageError(
                f"expected either a count or a reason for trigger {self.trigger!r}, got "
                + ("neither" if self.count is None else "both")
            )
        if self.queries < 0:
            raise UsageError(f"expected 0 or more queries, got {self.queries}")

    @property
    def informative(self) -> bool:
        """Whether an answer came and held at least one word that could be scored."""
        return self.count is not None and self.count.scored > 0

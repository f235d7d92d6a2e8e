"""The rules by which a suspect is verified, fixed before the first question is asked."""

from collections.abc import Callable
from itertools import pairwise
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_serializer,
    model_validator,
)

from sif.errors import UsageError
from sif.validation import first_fault, without_default

TILTS: Final = (0.1, 0.15, 0.2, 0.3, 0.45, 0.65, 1.0, 1.5, 2.0, 3.0)


class Policy(BaseModel):
    """What must hold for a claim, and how much may be asked.

    Attributes:
        alpha: α, the largest probability of a claim against a model that is independent of the
            secret, at whatever moment the asking stops.
        alpha_transfer: α_B, the same for null B (transfer from independent models).
        transfer_allowance: τ, the mean reaction to triggers (from 0 to 1, `sif.ownership.transfer`)
            that transfer to an independent model explains, as `sif calibrate` measures it; none
            where it was not measured, and null B is then not tested.
        contrast_allowance: the same of contrasts (`sif.ownership.contrast`): how much nearer to the
            source's answers than to those of other models one of these is by itself; none where
            that was not measured. With both allowances both are tested.
        weighted: whether ids count by the weights that the fingerprint holds, where it holds some.
        order: of asking. `drawn` by lot (`sif.ownership.order`), in which null B is tested by a bet
            that holds for triggers that differ; or that of the `fingerprint`, as its maker numbered
            them, in which runs were asked before orders were drawn.
        budget: most questions to one suspect; none for as many as the fingerprint has.
        prompt_scored: whether ids of prompts and example count where answers hold them, as they did
            in runs of before. `sif verify` and `sif claim commit` leave them out.
        minimum_answers: with fewer answers the verdict is inconclusive, unless it is derived.
        repeats: how often each question is asked.
        also_ask: further prompts that every trigger is asked with, after its own; all answers to
            one trigger are counted together, as one cluster.
        tilts: the λ of the e-values exp(λg)/E[exp(λH)], each with the same weight. At γ = 1/2 the
            λ that grows fastest for a green rate r is ln(r/(1−r)), so the default reaches from
            r = 0.525 to 0.95. Neighbours differ by a factor of about 1.5, which costs a suspect
            between two of them at most about 5% of the logarithm of its e-value; the mixture over
            ten costs at most one power of ten.

    Raises:
        UsageError: a value out of range or of the wrong type; one line.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    alpha: float = Field(default=1e-6, gt=0.0, lt=0.5)
    alpha_transfer: float = Field(default=0.01, gt=0.0, lt=0.5)
    transfer_allowance: float | None = Field(default=None, gt=0.0, lt=1.0)
    contrast_allowance: float | None = Field(default=None, gt=0.0, lt=1.0)
    weighted: bool = True
    order: Literal["fingerprint", "drawn"] = "fingerprint"
    prompt_scored: bool = True
    budget: int | None = Field(default=None, ge=1)
    minimum_answers: int = Field(default=10, ge=1)
    repeats: int = Field(default=1, ge=1)
    also_ask: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    tilts: tuple[float, ...] = TILTS

    @property
    def questions_each(self) -> int:
        """Questions that one trigger takes."""
        return self.repeats * (1 + len(self.also_ask))

    @model_serializer(mode="wrap")
    def _as_before(self, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        return without_default(handler(self), prompt_scored=True, contrast_allowance=None)

    @model_validator(mode="wrap")
    @classmethod
    def _in_one_line(cls, data: Any, handler: Callable[[Any], "Policy"]) -> "Policy":
        try:
            policy = handler(data)
        except ValidationError as error:
            where, what, got = first_fault(error)
            raise UsageError(
                f"{where or 'policy'}: {what}, got {got!r}; correct the policy"
            ) from error
        if not _is_grid(policy.tilts):
            raise UsageError(
                "tilts: expected increasing numbers above 0 and up to 20, got "
                f"{policy.tilts}; leave them out for the default"
            )
        return policy


def _is_grid(tilts: tuple[float, ...]) -> bool:
    increasing = all(low < high for low, high in pairwise(tilts))
    return bool(tilts) and increasing and tilts[0] > 0.0 and tilts[-1] <= 20.0

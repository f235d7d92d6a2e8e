"""What a fingerprint folder says about itself."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sif.networks.domain import Domain
from sif.networks.method import Method
from sif.networks.reading import OutputKind
from sif.networks.threshold import RankRule, Threshold

SCHEMA_VERSION: Final = 1


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NetworkCounts(_Record):
    """How many networks had a part, copies and independent ones.

    Attributes:
        positives: copies that were trained on, checkpoints included.
        negatives: independent networks that were trained on, checkpoints included.
        stopping_positives: copies that said when to stop.
        stopping_negatives: independent networks that said when to stop.
    """

    positives: int = Field(ge=1)
    negatives: int = Field(ge=1)
    stopping_positives: int = Field(ge=0)
    stopping_negatives: int = Field(ge=0)


class NetworkManifest(_Record):
    """Everything but the secrets, which are the inputs and the verifier.

    Attributes:
        schema_version: of this file.
        created: when, ISO 8601.
        task: the owner's word for it.
        domain: of the inputs.
        outputs: shape of one output.
        kind: what outputs are.
        method: settings of the training.
        seed: of the training.
        steps: that the kept state had seen.
        protected: SHA-256 of the protected network's weights.
        protected_score: of the network itself; in [0, 1].
        networks: that had a part.
        threshold: and how it was chosen; None where ranks decide.
        ranks: how they decide; None where a threshold does.
        held_out_scores: of the independent networks that the threshold was chosen on; conformal
            p-values rank a suspect among them.
        inputs_sha256: of the file of inputs.
        verifier_sha256: of the file of the verifier.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    created: str
    task: str
    domain: Domain
    outputs: tuple[Annotated[int, Field(ge=1)], ...]
    kind: OutputKind
    method: Method
    seed: int
    steps: int
    protected: str = Field(pattern=r"^[0-9a-f]{64}$")
    protected_score: float
    networks: NetworkCounts
    threshold: Threshold | None = None
    ranks: RankRule | None = None
    held_out_scores: tuple[float, ...] = ()
    inputs_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    verifier_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")

    @model_validator(mode="after")
    def _check(self) -> "NetworkManifest":
        if (self.threshold is None) == (self.ranks is None):
            raise ValueError("expected either a threshold or ranks to decide")
        if self.threshold is not None and not self.held_out_scores:
            raise ValueError("expected the scores that the threshold was chosen on")
        return self

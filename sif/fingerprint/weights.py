"""weights.json: with what weight each token id counts. Public, and fixed before anybody is asked.

The manifest names its digest. Knows nothing of how weights were found.
"""

import hashlib
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sif.errors import FingerprintError
from sif.plain_files import read_file

WEIGHTS = "weights.json"


class WeightTable(BaseModel):
    """The weights of all ids of the owner's tokenizer, in thousandths so that every reader agrees.

    Attributes:
        thousandths: one for each id.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    thousandths: tuple[Annotated[int, Field(ge=0, le=1_000_000)], ...]

    @classmethod
    def of(cls, weights: Float[np.ndarray, " vocab"]) -> "WeightTable":
        """Weights rounded to thousandths."""
        return cls(thousandths=tuple(int(value) for value in np.rint(1000 * weights)))

    @property
    def weights(self) -> Float[np.ndarray, " vocab"]:
        """As numbers."""
        return np.asarray(self.thousandths, dtype=np.float64) / 1000


def read_weights(folder: Path, *, sha256: str, vocabulary_size: int) -> Float[np.ndarray, " vocab"]:
    """The weights in a fingerprint's folder.

    Raises:
        FingerprintError: missing, changed, or of another vocabulary.
    """
    path = folder / WEIGHTS
    try:
        data = read_file(path) if path.is_file() else b""
    except OSError as error:
        raise FingerprintError(f"cannot read {path}: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise FingerprintError(
            f"expected {path} as the manifest describes it, got "
            f"{'other content' if data else 'no such file'}; restore it from the owner's copy"
        )
    try:
        table = WeightTable.model_validate_json(data)
    except ValidationError as error:
        raise FingerprintError(
            f"expected weights of version 1 in {path}, got something else; restore it from the "
            "owner's copy"
        ) from error
    if len(table.thousandths) != vocabulary_size:
        raise FingerprintError(
            f"expected {vocabulary_size} weights in {path}, one for each id, got "
            f"{len(table.thousandths)}"
        )
    return table.weights

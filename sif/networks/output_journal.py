"""Outputs on disk: an SQLite file that survives kill -9, so that no answer is paid for twice.

One row for each (network's name, input's digest). Knows nothing of what outputs mean.
"""

import hashlib
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from sif.journal_file import JournalFile
from sif.networks.network import Outputs


class OutputJournal(JournalFile):
    """Outputs by network and input; the first answer stands."""

    kind: ClassVar = "journal of outputs"
    version: ClassVar = 1
    version_table: ClassVar = "metav_version"
    tables: ClassVar = (
        """CREATE TABLE IF NOT EXISTS outputs (network TEXT NOT NULL, digest TEXT NOT NULL,
        shape TEXT NOT NULL, numbers BLOB NOT NULL, PRIMARY KEY (network, digest))""",
    )

    def known(self, network: str, inputs: Sequence[Tensor]) -> dict[int, Tensor]:
        """Outputs that are there, by the place of their input."""
        statement = "SELECT shape, numbers FROM outputs WHERE network = ? AND digest = ?"
        return {
            place: said
            for place, one in enumerate(inputs)
            for said in self._read(_tensor, statement, (network, digest_input(one)))
        }

    def record(self, network: str, inputs: Sequence[Tensor], outputs: Outputs) -> None:
        """Writes outputs; on return they are on the disk, all of them."""
        with self._transaction() as connection:
            for one, said in zip(inputs, outputs, strict=True):
                connection.execute(
                    "INSERT OR IGNORE INTO outputs VALUES (?, ?, ?, ?)",
                    (network, digest_input(one), _shape(said), _blob(said)),
                )


def digest_input(one: Float[Tensor, "*features"]) -> str:
    """SHA-256 (hex) of an input's float32 numbers and shape."""
    exact = np.ascontiguousarray(one.detach().numpy(), dtype="<f4")
    return hashlib.sha256(f"{exact.shape};".encode() + exact.tobytes()).hexdigest()


def _shape(said: Tensor) -> str:
    return ",".join(map(str, said.shape))


def _blob(said: Tensor) -> bytes:
    return np.ascontiguousarray(said.detach().numpy(), dtype="<f4").tobytes()


def _tensor(shape: str, numbers: bytes) -> Tensor:
    sizes = [int(size) for size in shape.split(",") if size]
    return torch.from_numpy(np.frombuffer(numbers, dtype="<f4").copy()).reshape(sizes)

"""Outputs on disk: an SQLite file that survives kill -9, so that no answer is paid for twice.

One row for each (network's name, input's digest). Knows nothing of what outputs mean.
"""

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from sif.errors import StorageError
from sif.metav.network import Outputs

VERSION: Final = 1
PATIENCE_SECONDS: Final = 60.0
SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS metav_version (version INTEGER NOT NULL)",
    """CREATE TABLE IF NOT EXISTS outputs (network TEXT NOT NULL, digest TEXT NOT NULL,
    shape TEXT NOT NULL, numbers BLOB NOT NULL, PRIMARY KEY (network, digest))""",
)


class OutputJournal:
    """Outputs by network and input; the first answer stands.

    Args:
        path: of the SQLite file; made where it does not exist.

    Raises:
        StorageError: another file, another version, a damaged file, or no place for one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._guarded():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=PATIENCE_SECONDS, isolation_level=None)
        try:
            self._prepare()
        except StorageError:
            self._connection.close()
            raise

    def known(self, network: str, inputs: Sequence[Tensor]) -> dict[int, Tensor]:
        """Outputs that are there, by the place of their input."""
        found: dict[int, Tensor] = {}
        with self._guarded():
            for place, one in enumerate(inputs):
                row = self._connection.execute(
                    "SELECT shape, numbers FROM outputs WHERE network = ? AND digest = ?",
                    (network, digest_input(one)),
                ).fetchone()
                if row is not None:
                    found[place] = _tensor(*row)
        return found

    def record(self, network: str, inputs: Sequence[Tensor], outputs: Outputs) -> None:
        """Writes outputs; on return they are on the disk, all of them."""
        with self._guarded():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                for one, said in zip(inputs, outputs, strict=True):
                    self._connection.execute(
                        "INSERT OR IGNORE INTO outputs VALUES (?, ?, ?, ?)",
                        (network, digest_input(one), _shape(said), _blob(said)),
                    )
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()

    def __enter__(self) -> "OutputJournal":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _prepare(self) -> None:
        with self._guarded():
            tables = {row[0] for row in self._connection.execute("SELECT name FROM sqlite_master")}
            if tables and "metav_version" not in tables:
                raise StorageError(
                    f"expected a journal of outputs in {self.path}, got another SQLite database; "
                    "name another folder"
                )
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            for statement in SCHEMA:
                self._connection.execute(statement)
            versions = [row[0] for row in self._connection.execute("SELECT * FROM metav_version")]
            if not versions:
                self._connection.execute("INSERT INTO metav_version VALUES (?)", (VERSION,))
        if versions not in ([], [VERSION]):
            raise StorageError(
                f"expected version {VERSION} of the journal in {self.path}, got {versions}; "
                "name another folder"
            )

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StorageError(
                f"cannot use the journal {self.path}: {error}; check that it is one of this "
                "command's, that its folder is writable and that the disk has room"
            ) from error


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

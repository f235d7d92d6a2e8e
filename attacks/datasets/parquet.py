"""Tables in parquet, as the Hugging Face hub keeps data sets: each row is a record.

Pictures in it are bytes, and stay as they are. Knows nothing of what records hold.
"""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from sif.attacks.datasets.lines import Record
from sif.errors import UsageError
from sif.pictures.reading import place_of
from sif.plain_files import open_file
from sif.vlm.plain_words import first_line

MAGIC: Final = b"PAR1"
ROWS: Final = 64


def is_parquet(path: Path) -> bool:
    """Whether a file begins as parquet does."""
    try:
        with open_file(path) as file:
            return file.read(4) == MAGIC
    except (OSError, ValueError):
        return False


def rows_of(path: Path, names: Collection[str]) -> Iterator[Record]:
    """Its rows, read some at a time.

    Args:
        path: of the file.
        names: of the columns that are read; what is in others need not be readable.

    Raises:
        UsageError: damaged, or no package to read it with.
    """
    try:
        import pyarrow
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise UsageError(
            f"expected pyarrow to read {place_of(path)}; install it (pip install pyarrow)"
        ) from error
    number = 0
    try:
        with ParquetFile(path) as table:
            held = [name for name in table.schema_arrow.names if name in names]
            if twice := next((name for name in held if held.count(name) > 1), None):
                raise ValueError(f"two columns called {twice!r}; give each a name of its own")
            for batch in table.iter_batches(batch_size=ROWS, columns=held):
                for row in batch.to_pylist():
                    number += 1
                    yield Record(row, f"{place_of(path)}, row {number}")
    except (
        OSError,
        pyarrow.ArrowException,
        ValueError,
        TypeError,
        MemoryError,
        OverflowError,
    ) as error:
        raise UsageError(
            f"expected readable parquet at {place_of(path)}, got a fault behind row {number}: "
            f"{first_line(error)}"
        ) from error

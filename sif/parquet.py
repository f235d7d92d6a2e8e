"""Rows as a table on disk. Knows nothing of what they hold."""

from collections.abc import Sequence
from typing import Any, get_args

from pydantic import BaseModel


def as_parquet(rows: Sequence[BaseModel]) -> bytes:
    """Rows of one kind as Parquet.

    Columns have the types of the fields, even where every value is missing.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    fields = type(rows[0]).model_fields if rows else {}
    schema = pa.schema([(name, types[_type(it.annotation)]) for name, it in fields.items()])
    table = pa.Table.from_pylist([row.model_dump(mode="json") for row in rows], schema=schema)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    data: bytes = sink.getvalue().to_pybytes()
    return data


def _type(annotation: Any) -> type:
    """`int` of `int`, `int | None` and `Literal[1, 2]`."""
    first = next(iter(get_args(annotation)), annotation)
    return first if isinstance(first, type) else type(first)

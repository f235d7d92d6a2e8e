from pathlib import Path

import pyarrow.parquet as pq

from sif.eval.triggers.rows import Cell
from sif.parquet import as_parquet
from tests.eval.triggers.rows import WANTED, cell, cost, portrait


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    rows = [cell(), cell(answered=False, green=None, scored=None), cell(matched=True, **WANTED)]
    (tmp_path / "cells.parquet").write_bytes(as_parquet(rows))
    read = pq.read_table(tmp_path / "cells.parquet").to_pylist()
    assert [Cell.model_validate(row) for row in read] == rows


def test_a_column_has_its_type_where_every_value_is_missing(tmp_path: Path) -> None:
    kinds = {}
    for name, row in (("cell", cell(**WANTED)), ("cost", cost(seconds=None)), ("p", portrait())):
        (tmp_path / name).write_bytes(as_parquet([row]))
        kinds |= {field.name: str(field.type) for field in pq.read_schema(tmp_path / name)}
    assert kinds["green"] == kinds["vocabulary_size"] == kinds["decoding_passes"] == "int64"
    assert kinds["matched"] == kinds["answered"] == "bool"
    assert kinds["seconds"] == kinds["ssim"] == "double"
    assert kinds["role"] == kinds["family"] == "string"
    assert kinds["schema_version"] == "int64"


def test_no_rows_are_a_table_without_rows(tmp_path: Path) -> None:
    (tmp_path / "none.parquet").write_bytes(as_parquet([]))
    assert pq.read_table(tmp_path / "none.parquet").num_rows == 0

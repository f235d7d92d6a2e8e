"""Tables of other studies, read from folders made by hand."""

from pathlib import Path

import pytest

from sif.errors import UsageError
from sif.eval.marks.results import Reading, Rows, Suspected
from sif.eval.networks.scores import CellRows, Cost, Score
from sif.eval.paper.elsewhere import OtherRow, other_table
from sif.eval.paper.literature import published


def _row(name: str, folder: Path | None, table: str) -> OtherRow:
    (known,) = (one for one in published().elsewhere if one.id == table)
    (found,) = (row for row in other_table(known, folder).rows if row.name == name)
    return found


def _networks(folder: Path, wrong: dict[str, int]) -> Path:
    """Three seeds; of ten copies of each, so many score below the innocents."""
    (folder / "cells").mkdir(parents=True)
    for seed in range(3):
        scores = []
        for label, missed in wrong.items():
            for number in range(10):
                low = number < missed + seed % 2
                copy = {"suspect": "int8", "copy_of_protected": True, "score": 0.1 if low else 0.9}
                other = {"suspect": "independent", "copy_of_protected": False, "score": 0.5}
                scores += [Score(contender=label, quality=1.0, **one) for one in (copy, other)]
        cell = CellRows(
            settings="x",
            task="digits",
            seed=seed,
            protected_quality=1.0,
            scores=tuple(scores),
            costs=tuple(
                Cost(contender=label, settings="x", networks=1.0, training=1.0) for label in wrong
            ),
        )
        (folder / "cells" / f"digits-{seed}.json").write_text(cell.model_dump_json())
    return folder


@pytest.mark.parametrize(
    ("metav", "liteguard", "word"), [(8, 1, "reproduced"), (1, 8, "differs"), (4, 4, "differs")]
)
def test_areas_decide_whether_liteguard_is_above_metav(
    tmp_path: Path, metav: int, liteguard: int, word: str
) -> None:
    folder = _networks(tmp_path / "nets", {"metav ×10": metav, "liteguard ×10": liteguard})
    found = _row("CNN on CIFAR-100", folder, "metav")
    assert found.judgement.word == word
    assert found.here == "digits, 10 networks a side, 3 seeds"
    assert _row("MLP on CASP", folder, "metav").judgement.reason == "diabetes was not run"
    assert "no such task" in _row("GNN on QM9", folder, "metav").judgement.reason


def _marks(folder: Path, detected: int) -> Path:
    folder.mkdir()
    kept = {"source": "dino", "mode": "paper", "role": "copy"}
    readings = [
        Reading(**kept, suspect=name, image=n, wrong=0, bits=32, detected=n < detected)
        for name in ("digits-cosine", "pruned-40")
        for n in range(24)
    ]
    tuned = Suspected(
        **kept,
        suspect="digits-cosine",
        decision="derived",
        log10_e_value=9.0,
        accuracy=0.9,
        cosine=None,
        seconds=None,
    )
    rows = Rows(readings=tuple(readings), suspects=(tuned,))
    (folder / "results.json").write_text(rows.model_dump_json())
    return folder


@pytest.mark.parametrize(("detected", "word"), [(24, "reproduced"), (3, "differs")])
def test_images_detected_decide_about_activemark(tmp_path: Path, detected: int, word: str) -> None:
    folder = _marks(tmp_path / "marks", detected)
    for name in ("fine-tuned, first figure of table 1", "pruned by 40% (at least)"):
        assert _row(name, folder, "activemark").judgement.word == word


def test_a_floor_that_so_few_images_do_not_tell_is_neither(tmp_path: Path) -> None:
    found = _row("pruned by 40% (at least)", _marks(tmp_path / "marks", 12), "activemark")
    assert found.judgement.word == "not here"


def test_a_reading_that_stands_there_twice_counts_once(tmp_path: Path) -> None:
    folder = _marks(tmp_path / "marks", 24)
    rows = Rows.model_validate_json((folder / "results.json").read_text())
    again = rows.model_copy(update={"readings": rows.readings * 20})
    (folder / "results.json").write_text(again.model_dump_json())
    found = _row("pruned by 40% (at least)", folder, "activemark")
    assert found.here == "24 images: pruned-40"


@pytest.mark.parametrize("fault", ["a seed twice", "no number"])
def test_networks_that_no_study_writes_are_refused(tmp_path: Path, fault: str) -> None:
    folder = _networks(tmp_path / "nets", {"metav ×10": 8, "liteguard ×10": 1})
    one = folder / "cells" / "digits-0.json"
    if fault == "a seed twice":
        (folder / "cells" / "again.json").write_text(one.read_text())
    else:
        one.write_text(one.read_text().replace('"score":0.5', '"score":NaN'))
    with pytest.raises(UsageError, match="sif bench metav"):
        _row("CNN on CIFAR-100", folder, "metav")


@pytest.mark.parametrize("label", ["metav ×ten", "metav ×٣", "metav ×" + 5000 * "9"])
def test_contenders_of_other_names_are_not_taken_for_numbers(tmp_path: Path, label: str) -> None:
    folder = _networks(tmp_path / "nets", {label: 8, label.replace("metav", "liteguard"): 1})
    found = _row("CNN on CIFAR-100", folder, "metav")
    assert found.judgement.word == "not here"


@pytest.mark.parametrize("table", ["metav", "activemark"])
def test_a_folder_of_something_else_is_refused(tmp_path: Path, table: str) -> None:
    with pytest.raises(UsageError, match=f"sif bench {table}"):
        _row("", tmp_path, table)

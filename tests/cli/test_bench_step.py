"""`sif bench step` on a mini folder: both spellings, what it writes, and what it refuses."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from sif.fingerprint.recipe import load_recipe
from tests.cli.command import Run, assert_one_line


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measures the matrix peak at one small size."""
    monkeypatch.setattr("sif.eval.step.machine.LONG", 0.0)
    monkeypatch.setattr("sif.eval.step.fitting.MOST", 8)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """The default one with answers of 8 tokens."""
    content = load_recipe("sif").model_dump(mode="json")
    content["objective"]["answer_tokens"] = 8
    path = tmp_path / "short.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def rows(folder: Path, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(folder / name).to_pylist()
    return found


def test_left_out_layers_are_extrapolated_to_what_the_whole_model_takes(
    sif: Run, tmp_path: Path, untrained_llava: Path, recipe: Path
) -> None:
    given = ("--set", f"shape={untrained_llava}", "--set", f"recipe={recipe}", "--set", "steps=2")
    given += ("--set", "batch=2", "--set", "dtype=f32")
    code, said, error = sif("bench", "step", "--out", tmp_path / "cut", *given, "--set", "layers=2")
    assert code == 0, error
    assert "| layers of the language model | 2 of 4 |" in said
    assert "a step of the whole model, extrapolated" in said
    assert "The whole model was not run" in said
    code, said, error = sif("bench", "step", "--out", tmp_path / "whole", *given)
    assert code == 0, error
    assert "extrapolated" not in said
    (cut,), (whole,) = (rows(tmp_path / name, "step.parquet") for name in ("cut", "whole"))
    assert cut["whole_flops"] == pytest.approx(whole["flops"])
    assert cut["flops"] < whole["flops"]
    assert (cut["tower_layers"], cut["tower_layers_of"]) == (2, 5)
    assert whole["whole_seconds"] is None
    assert whole["weights"] > cut["weights"]
    assert (whole["batch"], whole["largest_batch"], whole["passes"]) == (2, 8, 1)
    assert whole["share_of_peak"] == pytest.approx(
        whole["flops"] / whole["seconds"] / whole["matrix_peak"]
    )
    assert whole["fingerprint_seconds"] > 15 * 80 * min(
        row["seconds"] for row in rows(tmp_path / "whole", "times.parquet")
    )
    assert len(rows(tmp_path / "whole", "times.parquet")) == 2


def test_the_short_spelling_needs_no_folder(
    sif: Run, untrained_qwen: Path, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    typed = ("--shape", untrained_qwen, "--layers=1", "--dtype", "bf16", "--steps", "1")
    code, said, error = sif("bench", "step", *typed, "--set", f"recipe={recipe}")
    assert code == 0, error
    assert "| triggers at once | 8 |" in said  # auto, as in making
    assert "One layer draws no line" in said
    assert [path.name for path in tmp_path.iterdir()] == ["short.yaml"]


def test_auto_takes_fewer_where_memory_runs_out(
    sif: Run, untrained_qwen: Path, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sif.eval.step import study

    real, tried = study.step, list[int]()

    def step(*given: Any, batch: int, **named: Any) -> Any:
        tried.append(batch)
        if batch > 2:
            raise MemoryError
        return real(*given, batch=batch, **named)

    monkeypatch.setattr(study, "step", step)
    typed = ("--shape", untrained_qwen, "--layers", "1", "--steps", "1", "--recipe", recipe)
    code, said, error = sif("bench", "step", *typed)
    assert code == 0, error
    assert tried == [8, 4, 2]
    assert "| triggers at once | 2 |" in said
    code, _, error = sif("bench", "step", *typed, "--batch", "4")
    assert code == 2
    assert_one_line(error, "memory for 4 at once", "smaller --set batch")


def test_what_cannot_fit_is_refused_before_it_is_built(
    sif: Run, untrained_qwen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sif.eval.step.study.free_memory", lambda device: 2**20)
    code, _, error = sif("bench", "step", "--shape", untrained_qwen, "--layers", "1")
    assert code == 2
    assert_one_line(error, "expected memory for 1 at once", "--set checkpointing=true")


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (("--shape", "llava-9b"), "llava-1.5-7b, qwen2.5-vl-7b, qwen2.5-vl-72b, or a model folder"),
        (("--set", "shape=gpt"), "or a model folder, got 'gpt'"),
        (("--layers", "33"), "expected 1 to 32, which llava-1.5-7b has, got 33"),
        (("--layers", "0"), "--set layers: "),
        (("--layers", "-1"), "--set layers: "),
        (("--dtype", "int8"), "--set dtype: expected 'bf16', 'f16' or 'f32', got 'int8'"),
        (("--batch", "many"), "--set batch"),
        (("--recipe", "cropa"), "choose another recipe, such as sif"),
        (("--shape",), "has no --shape; write --set shape=…"),
        (("--shape", "--layers", "2"), "has no --shape; write --set shape=…"),
        (("--shap", "x"), "has no --shap; write --set shape=…"),
        (("--layers", "2", "--set", "layers=2"), "expected every setting once"),
        (("llava-1.5-7b",), "takes no 'llava-1.5-7b' on its own"),
    ],
)
def test_wrong_words_are_one_clear_line(sif: Run, typed: tuple[str, ...], words: str) -> None:
    code, _, error = sif("bench", "step", *typed)
    assert code == 2
    assert_one_line(error, words)


def test_a_folder_without_a_vision_language_model_is_told(sif: Run, text_only: Path) -> None:
    code, _, error = sif("bench", "step", "--shape", text_only)
    assert code == 1
    assert_one_line(error, "vision-language model", "llama")

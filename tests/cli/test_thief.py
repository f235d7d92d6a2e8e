import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sif.attacks.weights.provenance import Provenance
from sif.cli import main as cli
from sif.cli.thief import thief
from sif.vlm.folder import load_model


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """The exit code of `sif thief` with these arguments."""
    monkeypatch.setattr(cli, "COMMANDS", {"thief": thief, "other": thief})
    monkeypatch.setattr(sys, "argv", ["sif", "thief", *map(str, arguments)])
    with pytest.raises(SystemExit) as leaving:
        cli.main()
    return int(leaving.value.code or 0)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four examples about noise."""
    rng = np.random.default_rng(0)
    lines = []
    for index in range(4):
        pixels = rng.integers(0, 256, (72, 72, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{index}.png")
        lines.append({"image": f"{index}.png", "prompt": "what is it?", "answer": "a red ring"})
    file = tmp_path / "tune.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)))
    return file


def test_attacks_run_in_the_documented_order_whatever_that_of_the_options(
    monkeypatch, capsys, untrained_llava, tmp_path, data
) -> None:
    out = tmp_path / "out"
    tuning = ["--lora", "--rank", 4, "--finetune", data, "--steps", 2, "--batch-size", 2]
    rest = ["--quantize", "nf4", "--double-quant", "--noise", 0.02, "--prune", 0.4]
    assert run(monkeypatch, untrained_llava, "--out", out, *rest, *tuning, "--seed", 9) == 0
    history = Provenance.load(out)
    names = [record.attack for record in history.attacks]
    assert names == ["finetune", "prune", "noise", "quantize"]
    tuned, pruned, noisy, rounded = (record.parameters for record in history.attacks)
    assert tuned["training"]["lora"]["rank"] == 4
    assert (tuned["training"]["steps"], tuned["training"]["seed"]) == (2, 9)
    assert (pruned, noisy) == ({"fraction": 0.4}, {"sigma": 0.02, "seed": 9})
    assert (rounded["kind"], rounded["double"]) == ("nf4", True)
    assert load_model(out).num_parameters() == load_model(untrained_llava).num_parameters()
    said = capsys.readouterr().out
    assert said.endswith(
        "finetune, then prune (fraction 0.4), then noise (sigma 0.02, seed 9), "
        "then quantize (kind nf4, double True, threshold 6.0)\n"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "expected an attack"),
        (["--prune", 1.5], "fraction: input should be less than 1, got 1.5"),
        (["--prune", 0], "fraction: input should be greater than 0"),
        (["--noise", -1], "sigma: input should be greater than 0"),
        (["--lora", "--prune", 0.2], "no --finetune DATA"),
        (["--double-quant", "--quantize", "int8"], "--double-quant goes with"),
        (["--quantize", "int3"], "int8"),
        (["--finetune", "none.jsonl"], "expected a JSONL file at none.jsonl"),
        (["--finetune", "empty.jsonl"], "at least one example"),
        (["--finetune", "broken.jsonl"], "broken.jsonl, line 1"),
        (["--finetune", "tune.jsonl", "--batch-size", 0], "batch-size: input should be greater"),
        (["--finetune", "tune.jsonl", "--lora", "--rank", 0], "rank: input should be greater"),
    ],
    ids=str,
)
def test_wrong_usage_is_refused_with_exit_code_2(
    monkeypatch, capsys, untrained_llava, tmp_path, data, options, message
) -> None:
    monkeypatch.chdir(data.parent)
    Path("empty.jsonl").write_text("\n")
    Path("broken.jsonl").write_text("{\n")
    assert run(monkeypatch, untrained_llava, "--out", tmp_path / "out", *options) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_existing_folder_is_wrong_usage(monkeypatch, capsys, untrained_llava, tmp_path) -> None:
    assert run(monkeypatch, untrained_llava, "--out", tmp_path, "--prune", 0.2) == 2
    assert "exists already" in capsys.readouterr().err


def test_a_missing_model_fails_in_one_line(monkeypatch, capsys, tmp_path) -> None:
    missing = tmp_path / "no-model"
    assert run(monkeypatch, missing, "--out", tmp_path / "out", "--prune", 0.2) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: expected a model folder or a hub id")
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()

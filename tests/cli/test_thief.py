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


def test_a_copy_is_merged_before_it_is_pruned_and_rounded_before_it_is_quantised(
    monkeypatch, capsys, untrained_llava, tmp_path, data
) -> None:
    out, other = tmp_path / "out", tmp_path / "other"
    assert run(monkeypatch, untrained_llava, "--out", other, "--noise", 0.5) == 0
    tuning = ["--finetune", data, "--steps", 1, "--batch-size", 1]
    rest = ["--quantize", "int8", "--bits", 3, "--noise", 0.02, "--prune", 0.4, "--merge", other]
    assert run(monkeypatch, untrained_llava, "--out", out, *rest, *tuning) == 0
    history = Provenance.load(out)
    names = [record.attack for record in history.attacks]
    assert names == ["finetune", "merge-linear", "prune", "noise", "round", "quantize"]
    _, merged, _, _, rounded, _ = (record.parameters for record in history.attacks)
    assert merged == {"other": str(other), "weight": 0.5}
    assert rounded == {"bits": 3, "group_size": 64}
    said = capsys.readouterr().out.splitlines()[-1]
    assert f"then merge-linear (other {other}, weight 0.5), then prune" in said
    assert "then round (bits 3, group_size 64), then quantize" in said


@pytest.mark.parametrize(
    ("options", "attack", "parameters"),
    [
        (["--merge-weight", 0.25], "merge-linear", {"weight": 0.25}),
        (["--merge-method", "task"], "merge-task", {"weight": 0.4}),
        (["--merge-method", "task", "--merge-weight", 1.5], "merge-task", {"weight": 1.5}),
        (["--merge-method", "ties"], "merge-ties", {"weight": 1.0, "density": 0.2}),
        (["--merge-method", "ties", "--density", 0.5], "merge-ties", {"weight": 1, "density": 0.5}),
    ],
    ids=str,
)
def test_each_way_of_merging_is_written_down_as_it_was_asked_for(
    monkeypatch, untrained_llava, tmp_path, options, attack, parameters
) -> None:
    out, other = tmp_path / "out", str(untrained_llava)
    base = {} if attack == "merge-linear" else {"base": other}
    given = [*options, *(["--merge-base", other] if base else [])]
    assert run(monkeypatch, untrained_llava, "--out", out, "--merge", other, *given) == 0
    (record,) = Provenance.load(out).attacks
    assert record.attack == attack
    assert record.parameters == {"other": other} | base | parameters


def test_a_copy_gets_its_shell_first_and_loses_layers_before_weights(
    monkeypatch, capsys, untrained_llava, tmp_path, data
) -> None:
    out, other = tmp_path / "out", str(untrained_llava)
    rest = ["--prune", "2:4", "--drop-layers", 2, "--merge", other, "--transplant", other]
    tuning = ["--finetune", data, "--steps", 1, "--batch-size", 1]
    assert run(monkeypatch, untrained_llava, "--out", out, *rest, *tuning) == 0
    names = [record.attack for record in Provenance.load(out).attacks]
    assert names == ["transplant", "finetune", "merge-linear", "drop-layers", "prune-2:4"]
    said = capsys.readouterr().out
    assert said.endswith("then drop-layers (layers 2), then prune-2:4\n")


@pytest.mark.parametrize(
    ("said", "kept"), [("1", [0, 1, 3]), ("1,", [0, 2, 3]), ("0, 2", [1, 3])], ids=str
)
def test_layers_are_dropped_by_number_or_by_name(
    monkeypatch, untrained_llava, tmp_path, said, kept
) -> None:
    out = tmp_path / "out"
    assert run(monkeypatch, untrained_llava, "--out", out, "--drop-layers", said) == 0
    (record,) = Provenance.load(out).attacks
    assert record.facts["dropped"] == [layer for layer in range(4) if layer not in kept]


def test_removal_comes_after_tuning_and_takes_its_settings(
    monkeypatch, capsys, untrained_llava, tmp_path, data
) -> None:
    out = tmp_path / "out"
    tuning = ["--steps", 1, "--batch-size", 2, "--lora", "--rank", 4, "--vision"]
    rest = ["--prune", 0.2, "--remove", data, "--strength", 2.5, "--finetune", data]
    assert run(monkeypatch, untrained_llava, "--out", out, *rest, *tuning) == 0
    records = Provenance.load(out).attacks
    assert [record.attack for record in records] == ["finetune", "remove", "prune"]
    removed = records[1]
    assert removed.parameters["strength"] == 2.5
    assert removed.parameters["training"] == records[0].parameters["training"]
    assert 0 <= removed.facts["states_alike"] <= 1
    assert "then remove (strength 2.5), then prune" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--strength", 1], ["--strength", "--remove DATA"]),
        (["--remove", "DATA", "--strength", 0], ["strength", "got 0"]),
        (["--remove", "DATA", "--strength", 1001], ["strength", "got 1001"]),
        (["--remove", "DATA", "--strength", "nan"], ["strength", "got nan"]),
        (["--remove", "DATA", "--steps", 0], ["steps", "got 0"]),
        (["--remove", "missing.jsonl"], ["missing.jsonl"]),
    ],
    ids=str,
)
def test_a_removal_that_cannot_be_is_wrong_usage_in_one_line(
    monkeypatch, capsys, untrained_llava, tmp_path, data, options, words
) -> None:
    given = [data if one == "DATA" else one for one in options]
    assert run(monkeypatch, untrained_llava, "--out", tmp_path / "out", *given) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert all(word in line for word in words)
    assert not (tmp_path / "out").exists()


def test_a_shell_of_another_family_is_wrong_usage_in_one_line(
    monkeypatch, capsys, untrained_llava, untrained_qwen, tmp_path
) -> None:
    arguments = ["--out", tmp_path / "out", "--transplant", untrained_qwen]
    assert run(monkeypatch, untrained_llava, *arguments) == 2
    assert "got a Qwen2_5_VLForConditionalGeneration; a shell fits" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_group_size_is_that_asked_for(monkeypatch, untrained_llava, tmp_path) -> None:
    grid = ["--bits", 4, "--group-size", 32]
    assert run(monkeypatch, untrained_llava, "--out", tmp_path / "out", *grid) == 0
    (record,) = Provenance.load(tmp_path / "out").attacks
    assert record.parameters == {"bits": 4, "group_size": 32}


def test_another_architecture_to_merge_with_is_wrong_usage_in_one_line(
    monkeypatch, capsys, untrained_llava, untrained_qwen, tmp_path
) -> None:
    arguments = ["--out", tmp_path / "out", "--merge", untrained_qwen]
    assert run(monkeypatch, untrained_llava, *arguments) == 2
    assert "is missing in its Qwen2_5_VL" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "expected an attack"),
        (["--prune", 1.5], "fraction: input should be less than 1, got 1.5"),
        (["--prune", 0], "fraction: input should be greater than 0"),
        (["--prune", "nan"], "fraction: input should be less than 1, got nan"),
        (["--prune", "1:4"], "a share to prune between 0 and 1, or 2:4, got '1:4'"),
        (["--drop-layers", "two"], "expected how many layers to drop or which, got 'two'"),
        (["--drop-layers", "1,,2"], "got '1,,2'; write for example --drop-layers 2"),
        (["--drop-layers", "-1"], "got '-1'"),
        (["--drop-layers", 0], "expected 1 to 3 layers to drop of 4, got 0"),
        (["--drop-layers", 4], "expected 1 to 3 layers to drop of 4, got 4"),
        (["--drop-layers", "0,4"], "expected layers from 0 to 3, got 4"),
        (["--drop-layers", "1,1"], "expected different layers from 0 to 3, and not all, got 1, 1"),
        (["--noise", -1], "sigma: input should be greater than 0"),
        (["--lora", "--prune", 0.2], "no --finetune DATA"),
        (["--double-quant", "--quantize", "int8"], "--double-quant goes with"),
        (["--quantize", "int3"], "int8"),
        (["--bits", 1], "bits: input should be greater than or equal to 2, got 1"),
        (["--bits", 9], "bits: input should be less than or equal to 8, got 9"),
        (["--bits", 3, "--group-size", 0], "group-size: input should be greater than or equal"),
        (["--group-size", 32, "--prune", 0.2], "there is no --bits NUMBER"),
        (["--merge-weight", 0.3, "--prune", 0.2], "there is no --merge OTHER"),
        (["--merge-base", "b", "--prune", 0.2], "there is no --merge OTHER"),
        (["--merge-method", "ties", "--prune", 0.2], "there is no --merge OTHER"),
        (["--density", 0.3, "--prune", 0.2], "there is no --merge OTHER"),
        (["--merge", "m", "--merge-weight", 1.0], "weight: input should be less than 1"),
        (["--merge", "m", "--merge-base", "b"], "goes with --merge-method task or ties only"),
        (["--merge", "m", "--merge-method", "task"], "--merge-method task needs --merge-base BASE"),
        (["--merge", "m", "--merge-method", "ties"], "--merge-method ties needs --merge-base BASE"),
        (["--merge", "m", "--density", 0.3], "--density goes with --merge-method ties only"),
        (
            ["--merge", "m", "--merge-method", "task", "--merge-base", "b", "--density", 0.3],
            "--density goes with --merge-method ties only",
        ),
        (
            ["--merge", "m", "--merge-method", "ties", "--merge-base", "b", "--density", 2],
            "density: input should be less than or equal to 1",
        ),
        (
            ["--finetune", "none.jsonl"],
            "expected a JSONL file, a JSON list or parquet at none.jsonl",
        ),
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
    Path("broken.jsonl").write_text('{"image": "a.png",}\n')
    assert run(monkeypatch, untrained_llava, "--out", tmp_path / "out", *options) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_help_tells_the_order_and_every_default(monkeypatch, capsys) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert run(monkeypatch, "--help") == 0
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert (
        "transplant, finetune, remove, merge, drop layers, prune, noise, round (--bits), quantize."
        in said
    )
    for words in (
        "Peak rate. [default: (2e-4 with --lora, else 2e-5)]",
        "scale of the changes. [default: (0.5; task 0.4, ties 1)]",
        "share of the changes to keep. [default: (0.2)]",
        "with --bits. [default: (64)]",
    ):
        assert words in said


def test_an_existing_folder_is_wrong_usage(monkeypatch, capsys, untrained_llava, tmp_path) -> None:
    assert run(monkeypatch, untrained_llava, "--out", tmp_path, "--prune", 0.2) == 2
    assert "exists already" in capsys.readouterr().err


def test_a_missing_model_fails_in_one_line(monkeypatch, capsys, tmp_path) -> None:
    missing = tmp_path / "no-model"
    assert run(monkeypatch, missing, "--out", tmp_path / "out", "--prune", 0.2) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: expected a model folder, got")
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()

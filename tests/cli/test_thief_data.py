"""`sif thief --finetune` on data of others: it is learnt, or the command says why not."""

import json
from pathlib import Path

import pytest
import torch

from sif.attacks.weights.provenance import Provenance
from sif.vlm.folder import load_model
from tests.attacks.datasets.sets import ANSWER, PLAIN, PNG, TURNS, lines, room_in, with_fields
from tests.cli.command import Run, assert_one_line

SHORT = ("--steps", 2, "--batch-size", 2, "--learning-rate", 1e-3)


def changed(one: Path, other: Path) -> bool:
    pairs = zip(load_model(one).parameters(), load_model(other).parameters(), strict=True)
    return any(not torch.equal(old, new) for old, new in pairs)


SETS = {
    "every prompt has one": lines(*[with_fields(prompt="<image>\nWhat is this?")] * 4),
    "one prompt has one": lines(*[PLAIN] * 3, with_fields(prompt="<image>\nWhat is this?")),
    "an answer has one": lines(*[PLAIN] * 3, with_fields(answer=f"<image> {ANSWER}")),
    "as LLaVA writes": lines(*[{"image": "img/a.png", "conversations": TURNS}] * 4),
}


@pytest.mark.parametrize("kind", SETS)
def test_a_set_with_placeholders_is_learnt(
    sif: Run, untrained_llava: Path, tmp_path: Path, kind: str
) -> None:
    data, out = room_in(tmp_path) / "tune.jsonl", tmp_path / "out"
    data.write_bytes(SETS[kind])
    code, _, error = sif("thief", untrained_llava, "--out", out, "--finetune", data, *SHORT)
    assert code == 0, error
    assert "examples hold what stands for a picture (<image>)" in " ".join(error.split())
    (record,) = Provenance.load(out).attacks
    assert record.facts["steps"] == 2
    assert record.facts["last_loss"] > 0
    assert changed(untrained_llava, out)


def test_a_training_that_changes_nothing_writes_nothing(
    sif: Run, untrained_llava: Path, tmp_path: Path
) -> None:
    data, out = room_in(tmp_path) / "tune.jsonl", tmp_path / "out"
    data.write_bytes(lines(PLAIN, PLAIN))
    still = ("--steps", 1, "--batch-size", 1, "--learning-rate", 1e-30)
    code, _, error = sif("thief", untrained_llava, "--out", out, "--finetune", data, *still)
    assert code == 1
    assert_one_line(error, "bit for bit", "raise the learning rate")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["img", "tune.jsonl"]


def test_a_broken_picture_is_found_before_the_training(
    sif: Run, untrained_llava: Path, tmp_path: Path
) -> None:
    data, out = room_in(tmp_path) / "tune.json", tmp_path / "out"
    (tmp_path / "img" / "b.png").write_bytes(PNG[:20])
    data.write_text(json.dumps([PLAIN, with_fields(image="img/b.png")]))
    code, _, error = sif("thief", untrained_llava, "--out", out, "--finetune", data, *SHORT)
    assert code == 2
    assert_one_line(error, "tune.json, item 2", "b.png")
    assert not out.exists()

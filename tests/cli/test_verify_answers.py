"""`sif verify --answer-attack` on the real command line, with an untrained model."""

import json
from pathlib import Path

import pytest

from sif.suspects.journal import Journal
from sif.types import Answer
from sif.vlm.model import Vlm
from tests.cli.command import Run, assert_one_line
from tests.fingerprint.small import small_fingerprint


@pytest.fixture(scope="module")
def fingerprint(untrained_llava: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("fp") / "fp"
    small_fingerprint(Vlm.load(untrained_llava, device="cpu"), out)
    return out


def _texts(run: Path) -> list[str]:
    with Journal(run / "answers.sqlite") as journal:
        return [e.reply.text for e in journal.answers() if isinstance(e.reply, Answer)]


@pytest.mark.slow
def test_the_journal_and_the_run_hold_what_the_attacked_suspect_said(
    sif: Run, fingerprint: Path, untrained_llava: Path, tmp_path: Path
) -> None:
    asked = ("verify", fingerprint, f"hf:{untrained_llava}?max_new_tokens=8", "--json")
    attack = ("--answer-attack", "temperature:0.5+truncate:0.5", "--answer-attack", "prefix:Sure!")
    code, out, error = sif(*asked, "--run", tmp_path / "one", *attack, "--image-attack", "bits:4")
    assert code == 0, error
    verdict = json.loads(out)
    assert verdict["answered"] == 4
    name = json.loads((tmp_path / "one" / "run.json").read_text())["suspect"]
    assert name.endswith(
        ' (answers temperature:0.5) (answers truncate:0.5+prefix:"Sure!") (image bits:4)'
    )
    assert all(text.startswith("Sure! ") for text in _texts(tmp_path / "one"))

    again = sif(*asked, "--run", tmp_path / "one", *attack, "--image-attack", "bits:4")
    assert json.loads(again[1]) == verdict
    code, _, error = sif(*asked, "--run", tmp_path / "one", "--answer-attack", "truncate:0.5")
    assert code == 1
    assert_one_line(error, "suspect", "--run")

    code, _, error = sif("report", tmp_path / "one")
    assert code == 0, error
    assert "truncate:0.5" in (tmp_path / "one" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("attack", "words"),
    [
        ("flip:1", ("truncate, drop, shuffle", "flip:1")),
        ("truncate:7", ("0.01 to 1", "'7'")),
        ("truncate:0.5+watermark:2", ("hf: suspect", "before all other attacks")),
    ],
)
def test_a_wrong_attack_is_named_before_anything_is_asked(
    attack: str,
    words: tuple[str, ...],
    sif: Run,
    fingerprint: Path,
    untrained_llava: Path,
    tmp_path: Path,
) -> None:
    code, _, error = sif(
        *("verify", fingerprint, f"hf:{untrained_llava}", "--run", tmp_path / "run"),
        *("--answer-attack", attack),
    )
    assert code == 2
    assert_one_line(error, *words)
    assert not (tmp_path / "run").exists()

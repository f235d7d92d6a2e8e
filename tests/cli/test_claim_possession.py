"""`sif claim commit` with a model, its signature and possessions; showing one and checking it."""

import json
from pathlib import Path

import pytest

from sif.claims import read_commitment
from sif.fingerprint.model_manifest import MODEL_SIGNATURE
from tests.cli.command import Run, assert_one_line
from tools.time_audit import make_up


@pytest.fixture
def fp(tmp_path: Path) -> Path:
    return make_up(tmp_path / "fp", triggers=3, vocabulary_size=600).folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The files that the made-up fingerprint names."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_bytes(b"settings")
    (tmp_path / "model" / "model.safetensors").write_bytes(b"weights")
    return tmp_path / "model"


def test_what_is_possessed_is_committed_to_shown_and_checked(
    sif: Run, fp: Path, model: Path, tmp_path: Path
) -> None:
    state, signature = tmp_path / "state.pt", tmp_path / "model.sig"
    state.write_bytes(b"state")
    signature.write_text("{}")
    code, out, error = sif(
        *("claim", "commit", fp, "--model", model, "--model-signature", signature),
        *("--possession", f"optimiser={state}", "--possession", f"early={model}"),
    )
    assert code == 0, error
    assert "hidden in possession.key (mode 0600): early, optimiser" in out
    assert MODEL_SIGNATURE in read_commitment(fp).header.files
    proof = tmp_path / "proof.json"
    code, out, error = sif("claim", "show-possession", fp, "optimiser", "--out", proof)
    assert code == 0, error
    assert json.loads(proof.read_text())["name"] == "optimiser"
    key = ("--public-key", fp / "claim" / "public.pem")
    code, out, error = sif("claim", "check-possession", fp, proof, state, *key)
    assert code == 0, error
    assert "the file that was committed to as optimiser; signed by the given key" in out
    assert "no timestamp" in out
    code, _, error = sif("claim", "check-possession", fp, proof, model)
    assert code == 1
    assert_one_line(error, "not the file that was committed to")


def test_bad_input_is_one_line_each(sif: Run, fp: Path, model: Path, tmp_path: Path) -> None:
    text, nowhere = tmp_path / "text", tmp_path / "nowhere"
    text.write_text("hello")
    other = tmp_path / "other"
    other.mkdir()
    (other / "model.safetensors").write_bytes(b"other")
    cases: list[tuple[tuple[object, ...], int, str]] = [
        (("commit", fp, "--possession", text), 2, "NAME=PATH"),
        (("commit", fp, "--possession", f"x={nowhere}"), 2, "not there"),
        (("commit", fp, "--model", nowhere), 1, "where nothing lies"),
        (("commit", fp, "--model", other), 1, "is not the model"),
        (("commit", fp, "--model-signature", nowhere), 1, "signature of model-signing"),
        (("show-possession", fp, "x", "--out", text), 1, "expected the name of something"),
        (("check-possession", nowhere, text, text), 1, "no file"),
        (("check-possession", fp, text, text), 1, "sif claim commit"),
        (("audit", text, "--parent", nowhere), 2, "expected a parent"),
        (("audit", text, "--parent", f"{model}=2020-99-99"), 2, "expected a date"),
    ]
    for command, expected, words in cases:
        code, _, error = sif("claim", *command)
        assert code == expected, (command, error)
        assert_one_line(error, words)
    assert not (fp / "claim" / "commitment.dsse.json").exists()


def test_the_help_of_audit_teaches_title(sif: Run) -> None:
    code, out, _ = sif("claim", "audit", "--help")
    assert code == 0
    words = " ".join(out.replace("│", " ").split())
    assert "anybody can fingerprint a public model" in words
    assert "--model-released" in words
    assert "--parent" in words

import json
from pathlib import Path

import pytest
import yaml
from safetensors.torch import save_file

from sif.networks.weights import save_network
from tests.cli.command import Run, assert_one_line
from tests.networks.server import serving
from tests.networks.small import ARCHITECTURE, CONFIG, examples, noisy, trained


@pytest.fixture
def owner(tmp_path: Path) -> Path:
    data = examples()
    save_file({"inputs": data.inputs, "targets": data.targets}, tmp_path / "data.safetensors")
    mine = trained(1, data)
    save_network(mine, ARCHITECTURE, tmp_path / "mine.safetensors")
    save_network(noisy(mine, 99), ARCHITECTURE, tmp_path / "stolen.safetensors")
    save_network(trained(50, data), ARCHITECTURE, tmp_path / "other.safetensors")
    _write(tmp_path)
    return tmp_path


def _write(folder: Path, **changes: object) -> Path:
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(CONFIG | changes))
    return path


def _verify(sif: Run, owner: Path, fp: Path) -> tuple[list[str], list[dict]]:
    """Suspects and their verdicts: the owner's and the stolen network are found."""
    suspects = [f"torch:{owner / name}.safetensors" for name in ("mine", "stolen", "other")]
    code, said, error = sif("metav", "verify", fp, *suspects, "--json", "--protected", suspects[0])
    assert code == 0, error
    verdicts = json.loads(said)
    assert [verdict["decision"] for verdict in verdicts[:2]] == ["derived", "derived"]
    assert verdicts[2]["score"] < min(verdict["score"] for verdict in verdicts[:2])
    return suspects, verdicts


def test_a_trained_fingerprint_finds_the_stolen_network(sif: Run, owner: Path) -> None:
    fp, run = owner / "fp", owner / "run"
    code, said, error = sif("metav", "train", owner / "config.yaml", "--out", fp)
    assert code == 0, error
    assert "10 fingerprints" in said
    curve = json.loads((fp / "curve.json").read_text())
    assert 0 <= curve["aruc"] <= 1
    assert (fp / "curve.svg").read_text().startswith("<?xml")
    made = {path.name: path.stat().st_mtime_ns for path in (fp / "work").iterdir()}
    assert len(made) == 11

    code, again, error = sif("metav", "train", owner / "config.yaml", "--out", fp)
    assert (code, again) == (0, said), error
    assert {path.name: path.stat().st_mtime_ns for path in (fp / "work").iterdir()} == made

    suspects, verdicts = _verify(sif, owner, fp)

    with serving(noisy(trained(1, examples()), 99)) as server:
        code, said, error = sif("metav", "verify", fp, server.url, "--run", run)
    assert code == 0, error
    assert said.startswith(f"DERIVED  {server.url}")
    kept = json.loads((run / "verdicts.json").read_text())
    assert kept[0]["score"] == pytest.approx(verdicts[1]["score"], abs=1e-5)

    code, _, error = sif("metav", "verify", fp, suspects[1], "--fail-if", "derived")
    assert code == 3, error
    code, _, error = sif("metav", "verify", fp, suspects[1], "--protected", suspects[2])
    assert code == 1
    assert_one_line(error, "another protected network")


CONTRAST: dict = {
    "method": "contrast",
    "independent": {"made": 4, "training": {"epochs": 8, "learning_rate": 0.01}},
    "threshold": {"false_positive_rate": 0.2},
}


def test_references_find_the_stolen_network_and_are_made_once(sif: Run, owner: Path) -> None:
    fp, config = owner / "fp", _write(owner, **CONTRAST)
    code, said, error = sif("metav", "train", config, "--out", fp)
    assert code == 0, error
    assert "100 fingerprints and 4 references" in said
    assert "at most 0.2" in said
    made = {path.name: path.stat().st_mtime_ns for path in (fp / "work").iterdir()}
    # Of five heads four are made; every head has two copies by either theft, and quantising a
    # network twice gives the same file only where the seed is the same.
    assert len(made) == 4 + 5 * 4
    code, again, error = sif("metav", "train", config, "--out", fp)
    assert (code, again) == (0, said), error
    assert {path.name: path.stat().st_mtime_ns for path in (fp / "work").iterdir()} == made

    _, verdicts = _verify(sif, owner, fp)
    assert [verdict["p_value"] for verdict in verdicts[:2]] == pytest.approx([0.2, 0.2])

    few = CONTRAST["independent"] | {"made": 3}
    config = _write(owner, **(CONTRAST | {"independent": few}))
    code, said, error = sif("metav", "train", config, "--out", owner / "few")
    assert code == 0, error
    assert "fewer than 4 references" in said


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (CONTRAST | {"independent": {}}, ("independent", "got none")),
        (CONTRAST | {"threshold": {"made": 3}}, ("threshold", "references")),
        (CONTRAST | {"copies": {"networks": ["torch:stolen.safetensors"]}}, ("copies", "made")),
        ({"threshold": {}}, ("threshold", "got none")),
        ({"outputs": "tokens"}, ("outputs",)),
        ({"copies": {}}, ("copies", "got none")),
        ({"copies": {"made": [{"name": "melt"}]}}, ("copies.made.0",)),
        ({"inputs": {"shape": [6], "lower": 0.5}}, ("inside the bounds",)),
        ({"inputs": {"shape": [7], "lower": -1.0}}, ("shape",)),
        ({"data": "none.safetensors"}, ("none.safetensors",)),
        ({"colour": "red"}, ("colour",)),
        ({"protected": "http://127.0.0.1:1/x"}, ("gradients",)),
    ],
)
def test_a_wrong_configuration_is_one_clear_line(
    changes: dict, words: tuple[str, ...], sif: Run, owner: Path
) -> None:
    code, _, error = sif("metav", "train", _write(owner, **changes), "--out", owner / "fp")
    assert code == 2, error
    assert_one_line(error, *words)


def test_a_folder_that_is_no_fingerprint_is_refused(sif: Run, owner: Path) -> None:
    code, _, error = sif("metav", "verify", owner, "torch:x")
    assert code == 1
    assert_one_line(error, "manifest.json")

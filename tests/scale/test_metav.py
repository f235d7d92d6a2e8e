"""Networks of `sif metav train` made by several workers leave the fingerprint that one leaves."""

import json
import multiprocessing
import os
import signal
from pathlib import Path

import pytest
import yaml
from safetensors.torch import load_file, save_file

from sif.networks.commission import Commission, Examples, Origin, Theft
from sif.networks.config import read_config
from sif.networks.supply import Supply
from sif.networks.thefts import Noise
from sif.networks.train_folder import train_folder
from sif.networks.weights import save_network
from sif.networks.workshop import Workshop
from sif.scale.lent import Lent, NotHereError, give_back, unpack
from sif.scale.workforce import Workforce
from tests.cli.command import Run, assert_one_line
from tests.networks.small import ARCHITECTURE, CONFIG, DOMAIN, examples, trained
from tests.scale.parts import ignore

CONTRAST: dict[str, object] = {
    "method": "contrast",
    "independent": {"made": 4, "training": {"epochs": 8, "learning_rate": 0.01}},
    "threshold": {"false_positive_rate": 0.2},
}


@pytest.fixture
def owner(tmp_path: Path) -> Path:
    data = examples()
    save_file({"inputs": data.inputs, "targets": data.targets}, tmp_path / "data.safetensors")
    save_network(trained(1, data), ARCHITECTURE, tmp_path / "mine.safetensors")
    for name, changes in (("metav", {}), ("contrast", CONTRAST)):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(CONFIG | changes))
    return tmp_path


def made(folder: Path) -> dict[str, object]:
    """All that a training left, but for times."""
    manifest = json.loads((folder / "manifest.json").read_text())
    secret = {path.name: path.read_bytes() for path in folder.glob("*.safetensors")}
    networks = {
        path.name: {name: tensor.tolist() for name, tensor in load_file(path).items()}
        for path in (folder / "work").iterdir()
    }
    return {**secret, "manifest": manifest | {"created": ""}, "networks": networks}


@pytest.mark.slow
def test_processes_make_what_one_makes_though_one_of_them_is_killed(owner: Path) -> None:
    config, killed = read_config(owner / "metav.yaml"), list[int]()

    def kill_one(stage: str, done: float, total: float, words: object) -> None:
        if not killed and stage == "networks":
            (one, *_) = [child.pid for child in multiprocessing.active_children() if child.pid]
            killed.append(one)
            os.kill(one, signal.SIGKILL)

    train_folder(config, owner / "fp", show=kill_one, workforce=Workforce(jobs=2))
    train_folder(config, owner / "alone", show=ignore)
    assert killed
    assert made(owner / "fp") == made(owner / "alone")
    # The same command goes on: what is there is found, and what is not is made.
    files = sorted((owner / "fp" / "work").iterdir())
    times = {path: path.stat().st_mtime_ns for path in files[1:]}
    files[0].unlink()
    train_folder(config, owner / "fp", show=ignore)
    assert made(owner / "fp") == made(owner / "alone")
    assert {path: path.stat().st_mtime_ns for path in files[1:]} == times


@pytest.mark.slow
def test_a_cluster_makes_the_references_that_one_process_makes(sif: Run, owner: Path) -> None:
    config = owner / "contrast.yaml"
    train_folder(read_config(config), owner / "alone", show=ignore)
    force = ("--jobs", "2", "--ray", "local")
    code, said, error = sif("metav", "train", config, "--out", owner / "fp", *force)
    assert code == 0, error
    assert "4 references" in said
    assert made(owner / "fp") == made(owner / "alone")


def test_files_of_the_asker_are_sent_where_they_do_not_lie(owner: Path) -> None:
    mine = Lent.of(str(owner / "mine.safetensors"))
    assert mine.place() == str(owner / "mine.safetensors")
    data = Lent.of(str(owner / "data.safetensors"))
    theft = Theft(theft=Noise(sigma=0.1), seed=3)
    origin = Origin.of(f"torch:{owner}/mine.safetensors?outputs=logits")
    assert origin.lent == mine
    pieces = {lent: list(lent.pieces()) for lent in (mine, data)}
    here = Commission(origin, Examples(data, DOMAIN), theft).run(ignore)
    for path in (owner / "mine.safetensors", owner / "data.safetensors"):
        path.write_bytes(b"another file under that path")
    there = Commission(Origin(f"{origin.address}&", mine), Examples(data, DOMAIN), theft)
    with pytest.raises(NotHereError) as missing:
        there.run(ignore)
    assert missing.value.lent == mine
    try:
        for lent, some in pieces.items():
            unpack(lent, some)
        assert _weights(there.run(ignore), owner) == _weights(here, owner)
        assert Path(mine.place()).name == "mine.safetensors"
    finally:
        give_back()


def _weights(content: bytes, folder: Path) -> dict[str, list[float]]:
    (folder / "made").write_bytes(content)
    return {name: tensor.tolist() for name, tensor in load_file(folder / "made").items()}


def test_a_reference_is_begun_with_by_others_as_it_is_here(owner: Path) -> None:
    config, data = read_config(owner / "contrast.yaml"), examples()
    mine, other = trained(1, data), trained(7, data)
    supply = Supply(
        config=config,
        protected=mine,
        data=data,
        workshop=Workshop(owner / "work"),
        workforce=Workforce(),
        show=ignore,
    )
    elsewhere = supply.made(other).origin().network()
    assert elsewhere(data.inputs).equal(other(data.inputs))
    assert not elsewhere(data.inputs).equal(mine(data.inputs))
    assert supply.own().origin().network()(data.inputs).equal(mine(data.inputs))


def test_what_is_no_workforce_is_refused_in_one_line(sif: Run, owner: Path) -> None:
    train = ("metav", "train", owner / "metav.yaml", "--out", owner / "fp")
    for options, words in (
        (("--jobs", "0"), "jobs"),
        (("--ray", "ray://head:1"), "expected local, auto or HOST:PORT"),
        (("--worker-cpus", "2"), "without --ray"),
    ):
        code, _, error = sif(*train, *options)
        assert code == 2
        assert words in error
    assert_one_line(error, "without --ray")
    assert not (owner / "fp").exists()

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from sif.errors import ModelError
from sif.networks.architecture import Cnn, Mlp, Recurrent, build
from sif.networks.weights import digest_network, load_network, save_network

EVERY = [
    (Mlp(inputs=(2, 3), widths=(4,), outputs=(2, 2), squash=True), (2, 3), (2, 2)),
    (Cnn(inputs=(1, 7, 7), channels=(2, 3), outputs=(5,)), (1, 7, 7), (5,)),
    (Recurrent(inputs=(6, 2), hidden=3, outputs=(4,), cell="lstm"), (6, 2), (4,)),
    (Recurrent(inputs=(6, 2), hidden=3, layers=2, outputs=(4,)), (6, 2), (4,)),
]


@pytest.mark.parametrize(("architecture", "takes", "gives"), EVERY)
def test_a_network_comes_back_from_its_file(architecture, takes, gives, tmp_path: Path) -> None:
    network = build(architecture, seed=1).eval()
    save_network(network, architecture, tmp_path / "n.safetensors")
    again = load_network(tmp_path / "n.safetensors")
    inputs = torch.rand(3, *takes, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert again(inputs).shape == (3, *gives)
        torch.testing.assert_close(again(inputs), network(inputs))
    assert digest_network(again) == digest_network(network)


def test_the_digest_sees_one_weight() -> None:
    network = build(EVERY[0][0], seed=1)
    before = digest_network(network)
    with torch.no_grad():
        next(network.parameters()).view(-1)[0] += 1e-6
    assert digest_network(network) != before


def test_pickled_files_are_not_read(tmp_path: Path) -> None:
    torch.save(build(EVERY[0][0], seed=1), tmp_path / "n.pt")
    with pytest.raises(ModelError, match="pickled"):
        load_network(tmp_path / "n.pt")


def test_weights_without_an_architecture_are_refused(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "n.safetensors")
    with pytest.raises(ModelError, match="named architecture"):
        load_network(tmp_path / "n.safetensors")


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    network = build(EVERY[0][0], seed=1)
    wider = Mlp(inputs=(2, 3), widths=(5,), outputs=(2, 2))
    save_network(network, wider, tmp_path / "n.safetensors")
    with pytest.raises(ModelError, match="do not fit"):
        load_network(tmp_path / "n.safetensors")

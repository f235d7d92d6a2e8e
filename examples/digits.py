"""A classifier of digits, a stolen copy of it, and one that owes it nothing, for `sif metav`.

python examples/digits.py FOLDER        (needs scikit-learn)
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from sklearn.datasets import load_digits
from torch import Tensor, nn

from sif.networks.architecture import Mlp, build
from sif.networks.weights import save_network

SHAPE = Mlp(inputs=(1, 8, 8), widths=(64, 32), outputs=(10,))


def tune(network: nn.Module, images: Tensor, labels: Tensor, *, epochs: int) -> nn.Module:
    """The network, trained for so many epochs."""
    adam = torch.optim.Adam(network.parameters(), lr=3e-3)
    order = torch.Generator().manual_seed(0)
    for _ in range(epochs):
        for some in torch.randperm(len(images), generator=order).split(64):
            adam.zero_grad()
            nn.functional.cross_entropy(network(images[some]), labels[some]).backward()
            adam.step()
    return network


folder, digits = Path(sys.argv[1]), load_digits()
images, labels = torch.tensor(digits.images)[:, None].float() / 16, torch.tensor(digits.target)
owner, thief = (images[:800], labels[:800]), (images[800:], labels[800:])
mine, other = tune(build(SHAPE, seed=1), *owner, epochs=30), build(SHAPE, seed=2)
folder.mkdir(exist_ok=True)
save_file({"inputs": owner[0], "targets": owner[1]}, folder / "data.safetensors")
save_network(mine, SHAPE, folder / "mine.safetensors")
save_network(tune(mine, *thief, epochs=5), SHAPE, folder / "stolen.safetensors")
save_network(tune(other, *thief, epochs=30), SHAPE, folder / "other.safetensors")

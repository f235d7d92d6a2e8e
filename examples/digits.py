"""A digit classifier worth protecting, a copy of it, and one that owes it nothing.

Writes data.safetensors, mine.safetensors, stolen.safetensors and other.safetensors into the folder
that is given; `sif metav` reads them. Needs scikit-learn.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from sklearn.datasets import load_digits

from sif.networks.architecture import Mlp, build
from sif.networks.weights import save_network

SHAPE = Mlp(inputs=(1, 8, 8), widths=(64, 32), outputs=(10,))


def trained(network, images, labels, epochs):
    """The network after so many epochs of Adam."""
    adam = torch.optim.Adam(network.parameters(), lr=3e-3)
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).split(64):
            loss = torch.nn.functional.cross_entropy(network(images[batch]), labels[batch])
            adam.zero_grad()
            loss.backward()
            adam.step()
    return network


folder = Path(sys.argv[1])
folder.mkdir(exist_ok=True)
digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
labels = torch.tensor(digits.target)
save_file({"inputs": images[:800], "targets": labels[:800]}, folder / "data.safetensors")
mine = trained(build(SHAPE, seed=1), images[:800], labels[:800], 30)
save_network(mine, SHAPE, folder / "mine.safetensors")
save_network(trained(mine, images[800:], labels[800:], 5), SHAPE, folder / "stolen.safetensors")
other = trained(build(SHAPE, seed=2), images[800:], labels[800:], 30)
save_network(other, SHAPE, folder / "other.safetensors")

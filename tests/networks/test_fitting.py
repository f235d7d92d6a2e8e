"""Wrong words of a configuration show before anything is trained."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from sif.errors import ModelError, UsageError
from sif.networks.config import TrainConfig
from sif.networks.fitting import require_fit
from sif.networks.thefts.dataset import Dataset
from tests.networks.small import DOMAIN, Constant, Small, examples


def config(outputs: str) -> TrainConfig:
    return TrainConfig.model_validate(
        {
            "task": "made up",
            "inputs": DOMAIN,
            "outputs": outputs,
            "data": Path("data.safetensors"),
            "protected": "torch:mine",
            "copies": {},
            "independent": {},
        }
    )


def data_with(targets: Tensor) -> Dataset:
    return examples().retold(examples().inputs, targets, soft=False)


@pytest.mark.parametrize(
    ("outputs", "squash", "mend"),
    [
        ("logits", nn.Softmax(1), "outputs: probabilities"),
        ("probabilities", nn.Identity(), "outputs: logits"),
        ("probabilities", nn.LogSoftmax(1), "outputs: values"),
        ("logits", nn.LogSoftmax(1), None),
        ("probabilities", nn.Softmax(1), None),
        ("probabilities", nn.Sigmoid(), None),
        ("values", nn.Sigmoid(), None),
    ],
)
def test_outputs_on_another_scale_than_is_written_are_refused(
    outputs: str, squash: nn.Module, mend: str | None, world: Small
) -> None:
    network, data = nn.Sequential(world.protected, squash), examples()
    if outputs == "values":
        data = data_with(torch.zeros(len(data), 3))
    if mend is None:
        require_fit(network, data, config(outputs), name="mine")
        return
    with pytest.raises(UsageError, match=mend):
        require_fit(network, data, config(outputs), name="mine")


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        (torch.full((200,), 3), "from 0 to 2"),
        (torch.full((200,), -1), "from 0 to 2"),
        (torch.zeros(200, 4), r"of the shape \(3,\)"),
        (torch.full((200, 3), torch.nan), "finite"),
    ],
)
def test_targets_of_another_task_are_refused(targets: Tensor, words: str, world: Small) -> None:
    kind = "values" if targets.is_floating_point() else "logits"
    with pytest.raises(UsageError, match=words):
        require_fit(world.protected, data_with(targets), config(kind), name="mine")


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (nn.Linear(5, 3), "does not take inputs"),
        (nn.Flatten(0), "a row of outputs for each"),
        (Constant(torch.tensor([torch.nan, 0.0, 0.0])), "not finite"),
    ],
)
def test_networks_of_another_task_are_refused(network: nn.Module, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        require_fit(network, examples(), config("logits"), name="mine")

"""The most memory, on whatever a model lies."""

import pytest
import torch

from sif.eval.triggers.meter import peak_bytes

GPUS = [torch.device("cuda", number) for number in range(2)]


def test_memory_of_several_gpus_adds_up(monkeypatch: pytest.MonkeyPatch) -> None:
    most = dict(zip(GPUS, (3, 5), strict=True))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", most.__getitem__)
    assert peak_bytes(GPUS) == 8
    assert peak_bytes(GPUS[1:]) == 5
    assert peak_bytes([torch.device("cpu"), GPUS[0]]) == 3


def test_without_gpus_it_is_this_process() -> None:
    held = torch.ones(2**25)
    assert peak_bytes([torch.device("cpu")]) > held.nbytes

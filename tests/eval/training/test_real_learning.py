import torch
from torch import nn

from sif.eval.training.real_learning import EVERY, Learning, learn


class Killed(BaseException):
    pass


def trained(file, *, kill_at=None):
    torch.manual_seed(0)
    weight = nn.Parameter(torch.zeros(3))

    def loss_of(step):
        if step == kill_at:
            raise Killed
        return ((weight - torch.randn(3)) ** 2).sum()

    how = Learning(stage="x", seed=1, steps=EVERY + 10, rate=0.1, decay=0.0, file=file)
    seen = []
    try:
        learn(how, {"weight": weight}, loss_of, lambda progress: seen.append(progress.step))
    except Killed:
        return None
    return weight.detach(), seen


def test_a_training_that_was_killed_goes_on_as_if_never_stopped(tmp_path):
    whole, _ = trained(tmp_path / "whole.safetensors")
    assert trained(tmp_path / "cut.safetensors", kill_at=EVERY + 5) is None
    rest, seen = trained(tmp_path / "cut.safetensors")
    assert torch.equal(rest, whole)
    assert seen[0] == EVERY + 1

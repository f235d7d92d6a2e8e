import pytest
import torch

from sif.marks.copies import Copies
from sif.marks.recipe import CopiesRecipe
from sif.marks.training_images import show_clean
from tests.marks.small import pictures, tower


def simulated(**changes: object) -> tuple[Copies, torch.nn.Module]:
    vision = tower()
    training = show_clean(vision, vision.pictures(pictures()))
    settings = {"tuned": 2, "every": 5, "tuning_steps": 3, **changes}
    return Copies(vision, training, recipe=CopiesRecipe(**settings), seed=0), vision.module


def snapshot(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def test_every_kind_of_theft_is_drawn_and_the_weights_come_back() -> None:
    copies, module = simulated(plain=0.3)
    copies.prepare(5)
    copies.prepare(10)
    before, kinds = snapshot(module), set()
    for step in range(10, 60):
        with copies.at(step):
            now = snapshot(module)
        changed = {name for name in now if not torch.equal(now[name], before[name])}
        kinds.add(
            "none" if not changed else "tuned" if any("norm" in n for n in changed) else "worn"
        )
    assert kinds == {"none", "tuned", "worn"}
    after = snapshot(module)
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_a_fine_tuned_copy_is_made_when_it_is_time_and_leaves_the_model_alone() -> None:
    copies, module = simulated()
    before = snapshot(module)
    copies.prepare(4)
    assert all(not tensor.any() for tensor in copies.state().values())
    copies.prepare(5)
    assert any(tensor.any() for name, tensor in copies.state().items() if "copies/0" in name)
    assert not any(tensor.any() for name, tensor in copies.state().items() if "copies/1" in name)
    after = snapshot(module)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert not any(p.requires_grad for p in module.parameters())


def test_without_fine_tuned_copies_nothing_is_kept() -> None:
    copies, _module = simulated(tuned=0)
    copies.prepare(5)
    assert copies.state() == {}


def test_rates_of_zero_are_refused() -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        CopiesRecipe(rates=(0.0,))

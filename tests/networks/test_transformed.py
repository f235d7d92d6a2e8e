import torch

from sif.networks.domain import Domain, transformed

IMAGES = Domain(shape=(1, 5, 5), levels=256)


def test_nothing_is_changed_where_nothing_is_asked() -> None:
    inputs = IMAGES.store(IMAGES.sample(4, torch.Generator().manual_seed(0)))
    same = transformed(inputs, IMAGES, jitter=0.0, shift=0, generator=torch.Generator())
    assert torch.equal(same, inputs)


def test_changed_inputs_stay_storable_and_let_gradients_through() -> None:
    inputs = IMAGES.sample(4, torch.Generator().manual_seed(0)).requires_grad_()
    moved = transformed(inputs, IMAGES, jitter=0.3, shift=1, generator=torch.Generator())
    assert torch.equal(IMAGES.store(moved), moved)
    assert not torch.allclose(moved, inputs)
    moved.sum().backward()
    assert inputs.grad.abs().sum() > 0


def test_a_shift_moves_whole_pixels() -> None:
    inputs = torch.zeros(1, 1, 5, 5)
    inputs[0, 0, 2, 2] = 1.0
    generator = torch.Generator().manual_seed(0)
    moved = [
        transformed(inputs, IMAGES, jitter=0.0, shift=1, generator=generator) for _ in range(60)
    ]
    places = {tuple(one[0, 0].nonzero()[0].tolist()) for one in moved}
    assert places == {(row, column) for row in (1, 2, 3) for column in (1, 2, 3)}

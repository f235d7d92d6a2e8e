import pytest
import torch
from torch import Tensor, nn

from sif.errors import ModelError, UsageError
from sif.networks.curve import auc
from sif.networks.joint_training import Sides, train_fingerprints
from tests.networks.conftest import QUICK, train_quickly
from tests.networks.small import DOMAIN, Constant, Small


def test_training_tells_unseen_copies_from_unseen_others(world: Small) -> None:
    trained = train_quickly(world)
    copies, others = trained.scores(world.unseen_copies), trained.scores(world.unseen_others)
    assert auc(copies, others) == 1.0


def test_training_beats_the_inputs_and_verifier_it_began_with(world: Small) -> None:
    begun = train_quickly(world, QUICK.model_copy(update={"iterations": 1}))
    done = train_quickly(world)

    def margin(trained) -> float:
        return min(trained.scores(world.copies)) - max(trained.scores(world.others))

    assert margin(done) > margin(begun) + 0.1


@pytest.mark.parametrize("verifier", ["meta", "near"])
def test_every_verifier_learns(verifier: str, world: Small) -> None:
    trained = train_quickly(world, QUICK.model_copy(update={"verifier": verifier}))
    assert min(trained.scores(world.copies)) > max(trained.scores(world.others))


def test_the_same_seed_gives_the_same_fingerprints(world: Small) -> None:
    short = QUICK.model_copy(update={"iterations": 20})
    first, second = train_quickly(world, short, 3), train_quickly(world, short, 3)
    other = train_quickly(world, short, 4)
    assert torch.equal(first.inputs, second.inputs)
    assert first.scores(world.others) == second.scores(world.others)
    assert not torch.equal(first.inputs, other.inputs)


def test_inputs_are_kept_as_they_are_read_back(world: Small) -> None:
    images = DOMAIN.model_copy(update={"levels": 16})
    trained = train_fingerprints(
        world.protected,
        Sides(positives=world.copies, negatives=world.others),
        QUICK.model_copy(update={"iterations": 10}),
        domain=images,
        ordinary=world.data.inputs,
        kind="logits",
        seed=0,
    )
    assert torch.equal(images.decode(images.encode(trained.inputs)), trained.inputs)


def test_held_out_networks_stop_a_training_that_no_longer_helps(world: Small) -> None:
    # What is held out is labelled the wrong way round, so that every step makes it worse.
    wrong = Sides(positives=world.unseen_others, negatives=world.unseen_copies)
    steps = []
    trained = train_fingerprints(
        world.protected,
        Sides(positives=world.copies, negatives=world.others),
        QUICK.model_copy(update={"iterations": 1000, "patience": 50}),
        domain=DOMAIN,
        ordinary=world.data.inputs,
        kind="logits",
        seed=0,
        held_out=wrong,
        report=lambda step, total, words: steps.append(step),
    )
    assert steps[-1] < 1000
    assert trained.steps <= steps[-1] - 50


def test_an_empty_side_is_refused(world: Small) -> None:
    with pytest.raises(UsageError, match="negatives"):
        _train(world, Sides(positives=world.copies, negatives=[]))


def test_networks_of_other_shapes_are_refused(world: Small) -> None:
    with pytest.raises(ModelError, match=r"a negative.*\(4,\)"):
        _train(world, Sides(positives=world.copies, negatives=[Constant(torch.zeros(4))]))
    with pytest.raises(ModelError, match="does not take inputs"):
        _train(world, Sides(positives=world.copies, negatives=[nn.Linear(9, 3)]))


def test_numbers_that_are_not_finite_are_refused(world: Small) -> None:
    with pytest.raises(ModelError, match="not finite"):
        _train(
            world, Sides(positives=[Constant(torch.full((3,), torch.nan))], negatives=world.others)
        )


def test_a_plain_function_is_a_network(world: Small) -> None:
    def halved(inputs: Tensor) -> Tensor:
        return world.protected(inputs) / 2

    trained = train_quickly(
        world._replace(copies=[halved]), QUICK.model_copy(update={"iterations": 5})
    )
    assert len(trained.scores([halved])) == 1


def test_networks_without_gradients_are_refused(world: Small) -> None:
    def closed(network: nn.Module):
        return lambda inputs: network(inputs).detach()

    shut = Sides(positives=[closed(world.copies[0])], negatives=[closed(world.others[0])])
    with pytest.raises(ModelError, match="gradients"):
        _train(world._replace(protected=closed(world.protected)), shut)


def _train(world: Small, sides: Sides) -> None:
    train_fingerprints(
        world.protected,
        sides,
        QUICK,
        domain=DOMAIN,
        ordinary=world.data.inputs,
        kind="logits",
        seed=0,
    )

import math

import pytest
import torch
from torch import nn

from sif.errors import ModelError, UsageError
from sif.networks.architecture import Mlp, build
from sif.networks.contrast import (
    SHRUNK,
    ContrastVerifier,
    Family,
    choose_whitening,
    contrast_fingerprints,
    profiles_of,
)
from sif.networks.domain import Domain
from sif.networks.joint_training import Trained
from sif.networks.method import METHODS
from sif.networks.thefts import Harden, Noise
from sif.networks.thefts.fit import Fit
from tests.networks.conftest import draw_contrast, train_quickly
from tests.networks.small import Constant, Small, examples, noisy, trained

CONTRAST = METHODS["contrast"]
HARDEN = Harden(training=Fit(epochs=2, learning_rate=1e-3))


def family(head: nn.Module) -> Family:
    return Family(head, [HARDEN(head, examples(), 7)])


@pytest.fixture(scope="module")
def one(world: Small) -> Trained:
    return draw_contrast([family(world.protected), *map(family, world.others)])


def test_copies_of_any_kind_are_nearest_to_the_protected_family(one: Trained, world: Small) -> None:
    copies = [*world.copies, Noise(sigma=0.2)(world.protected, examples(), 5)]
    scores = one.scores([*copies, *world.unseen_others])
    assert min(scores[: len(copies)]) > max(scores[len(copies) :])
    assert min(scores[: len(copies)]) > 0.5
    p_values = one.verifier.p_values(one.readings(copies))
    assert p_values is not None
    assert p_values.tolist() == [0.25] * len(copies)


def test_similarities_are_fishers_transform_of_correlations(world: Small) -> None:
    made = draw_contrast([Family(head) for head in (world.protected, *world.others)])
    assert isinstance(made.verifier, ContrastVerifier)
    suspect = world.unseen_others[0]
    found = made.verifier.similarities(made.readings([suspect]))[0]

    def profile(network: nn.Module) -> torch.Tensor:
        logs = network(made.inputs).softmax(1).clamp(min=1e-3).log()
        read = logs - logs.mean(1, keepdim=True)
        return (read - read.mean(0)).flatten()

    both = [torch.stack([profile(suspect), profile(o)]) for o in (world.protected, *world.others)]
    by_hand = [math.atanh(float(torch.corrcoef(pair)[0, 1])) for pair in both]
    assert found.tolist() == pytest.approx(by_hand, abs=1e-4)


def test_the_nearest_member_stands_for_its_family(one: Trained, world: Small) -> None:
    assert isinstance(one.verifier, ContrastVerifier)
    profiles = one.verifier.profiles
    assert isinstance(profiles, torch.Tensor)
    asked = profiles_of(one.readings(world.copies), one.verifier.get_buffer("whitening"))
    nearest = torch.stack([(asked @ family.T).amax(1) for family in profiles], 1)
    found = one.verifier.similarities(one.readings(world.copies))
    assert torch.allclose(found, nearest.clamp(max=1 - 1e-6).atanh(), atol=1e-3)


def spread(alike: float, *, families: int = 3) -> torch.Tensor:
    """Readings of heads and copies: two shared numbers of any size, two that are theirs alone."""
    generator = torch.Generator().manual_seed(0)
    shared = 10 * torch.randn(1, 1, 80, 2, generator=generator).expand(families, 2, -1, -1)
    own = torch.randn(families, 1, 80, 2, generator=generator)
    noise = torch.randn(families, 2, 80, 2, generator=generator)
    return torch.cat([shared, alike * own + (1 - alike**2) ** 0.5 * noise], -1)


def test_what_all_share_is_shrunk_as_strongly_as_copies_bear() -> None:
    readings = spread(1.0)
    whitening = choose_whitening(readings)
    rows = (readings - readings.mean(-2, keepdim=True)).reshape(-1, 4)
    pooled = rows.T @ rows / len(rows)
    least = 0.003 * torch.linalg.eigvalsh(pooled).max()
    shrunk = whitening @ (pooled + least * torch.eye(4)) @ whitening
    assert torch.allclose(shrunk, torch.eye(4), atol=1e-4)
    raw, better = (profiles_of(readings, matrix) for matrix in (torch.eye(4), whitening))
    assert float((raw[0, 0] * raw[1, 0]).sum()) > 0.95 > float((better[0, 0] * better[1, 0]).sum())


def test_copies_stay_alike_at_the_strength_that_is_chosen_and_at_none_beyond() -> None:
    readings = spread(0.8)
    rows = (readings - readings.mean(-2, keepdim=True)).reshape(-1, 4)
    variances, directions = torch.linalg.eigh(rows.T @ rows / len(rows))

    def alike(share: float) -> float:
        shrunk = (variances + share * variances.max()).rsqrt()
        profiles = profiles_of(readings, directions * shrunk @ directions.T)
        return float((profiles[:, :1] * profiles[:, 1:]).sum(-1).mean())

    bearable = [share for share in SHRUNK if alike(share) >= 0.95]
    assert 0 < len(bearable) < len(SHRUNK)
    chosen = choose_whitening(readings)
    least = min(bearable) * variances.max()
    shrunk = chosen @ (rows.T @ rows / len(rows) + least * torch.eye(4)) @ chosen
    assert torch.allclose(shrunk, torch.eye(4), atol=1e-3)


def test_nothing_is_shrunk_where_copies_would_not_stay_alike() -> None:
    unlike = torch.randn(3, 2, 80, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(choose_whitening(unlike), torch.eye(4))
    assert torch.equal(choose_whitening(spread(1.0)[:, :1]), torch.eye(4))
    one_number = spread(1.0)[..., :1]
    assert torch.equal(choose_whitening(one_number), torch.eye(1))


def test_whitening_knows_nothing_of_who_is_protected() -> None:
    readings = spread(0.97)
    order = torch.tensor([2, 0, 1])
    found = choose_whitening(readings)
    assert torch.allclose(choose_whitening(readings[order]), found, atol=1e-5)


def test_with_one_reference_the_score_is_a_share_of_distances() -> None:
    profiles = torch.zeros(2, 1, 4)
    profiles[0, 0, 0] = profiles[1, 0, 1] = 1
    verifier = ContrastVerifier(profiles, torch.eye(1))
    nearly = torch.tensor([0.999, 0.02, 0.0, -1.019]).view(1, 4, 1)
    similar = profiles_of(nearly, torch.eye(1))[0, :2]
    vote = verifier(nearly, nearly[0])
    assert float(vote) == pytest.approx(
        2 * float(similar[0].atanh() - similar[1].atanh()), rel=1e-4
    )
    assert float(verifier.scores(nearly, nearly[0])) == pytest.approx(torch.sigmoid(vote).item())


def test_references_count_by_their_mean() -> None:
    profiles = torch.eye(4)[:3, None]
    verifier = ContrastVerifier(profiles, torch.eye(1))
    said = torch.tensor([0.5, 0.3, 0.0, -0.8]).view(1, 4, 1)
    protected, first, second = profiles_of(said, torch.eye(1))[0, :3].atanh().tolist()
    wanted = 2 * (protected - (first + second) / 2)
    assert float(verifier(said, said[0])) == pytest.approx(wanted, rel=1e-4)


def test_a_network_that_says_the_same_to_everything_is_like_nobody(one: Trained) -> None:
    flat = Constant(torch.tensor([1.0, 2.0, 3.0]))
    p_values = one.verifier.p_values(one.readings([flat]))
    assert p_values is not None
    assert p_values.tolist() == [1.0]
    assert one.scores([flat]) == pytest.approx([0.5])


def test_shifted_outputs_hide_nothing(one: Trained, world: Small) -> None:
    class Shifted(nn.Module):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            said: torch.Tensor = world.copies[0](inputs)
            return said + torch.tensor([0.3, -0.2, 0.1])

    assert one.scores([Shifted()])[0] > 0.5


def test_inputs_depend_on_the_seed_and_the_data_alone(world: Small) -> None:
    first = draw_contrast([Family(world.protected), Family(world.others[0])])
    other = draw_contrast([Family(world.others[1]), Family(world.others[2])])
    assert torch.equal(first.inputs, other.inputs)
    again = draw_contrast([Family(world.protected), Family(world.others[0])], seed=1)
    assert not torch.equal(first.inputs, again.inputs)


@pytest.mark.slow
def test_ranks_of_innocents_are_uniform_whatever_they_are() -> None:
    """1,500 innocents that learnt nothing, of two architectures neither of which is ours."""
    references, wide, tanh = 9, Mlp(inputs=(6,), widths=(40,), outputs=(3,)), "tanh"
    deep = Mlp(inputs=(6,), widths=(5, 5), outputs=(3,), activation=tanh)
    ours = Mlp(inputs=(6,), widths=(12,), outputs=(3,))
    p_values: list[float] = []
    for world in range(150):
        first = 10_000 + 100 * world
        heads = [build(ours, seed=first + place).eval() for place in range(1 + references)]
        made = draw_contrast([Family(head, [noisy(head, 3)]) for head in heads], seed=world)
        innocents = [build((wide, deep)[place % 2], seed=first + 50 + place) for place in range(10)]
        ranked = made.verifier.p_values(made.readings(innocents))
        assert ranked is not None
        p_values += ranked.tolist()
    # Innocents of a world share its references: the variance of a share is that of 150 worlds.
    for level in (0.1, 0.3, 0.5, 0.9):
        reached = sum(p <= level + 1e-9 for p in p_values) / len(p_values)
        assert abs(reached - level) < 4 * math.sqrt(level * (1 - level) / 150)


def test_ties_count_against_the_owner(world: Small) -> None:
    made = draw_contrast(
        [Family(world.protected), Family(world.protected), Family(world.others[0])]
    )
    p_values = made.verifier.p_values(made.readings([world.protected]))
    assert p_values is not None
    assert p_values.tolist() == pytest.approx([2 / 3])


def test_values_are_read_as_they_are() -> None:
    domain = Domain(shape=(4,), lower=-1.0, upper=1.0)
    heads = [build(Mlp(inputs=(4,), widths=(6,), outputs=(2,)), seed=seed) for seed in (1, 2)]
    made = contrast_fingerprints(
        Family(heads[0]),
        [Family(heads[1])],
        CONTRAST,
        domain=domain,
        ordinary=domain.sample(30, torch.Generator().manual_seed(0)),
        kind="values",
        seed=0,
    )
    said = heads[0](made.inputs)
    assert torch.equal(made.reading(said), said.flatten(1))
    assert made.inputs.shape == (100, 4)


def test_families_must_be_alike_and_finite(world: Small) -> None:
    with pytest.raises(UsageError, match="at least one reference"):
        draw_contrast([Family(world.protected)])
    with pytest.raises(UsageError, match="families of 1 and 2"):
        draw_contrast([family(world.protected), Family(world.others[0])])
    broken = Constant(torch.tensor([float("nan"), 0.0, 0.0]))
    with pytest.raises(ModelError, match="not finite"):
        draw_contrast([Family(world.protected), Family(broken)])
    other = build(Mlp(inputs=(6,), widths=(4,), outputs=(2,)), seed=0)
    with pytest.raises(ModelError, match="expected outputs of shape"):
        draw_contrast([Family(world.protected), Family(other)])


def test_contrast_is_nothing_that_could_be_trained(world: Small) -> None:
    with pytest.raises(UsageError, match="a method that trains"):
        train_quickly(world, CONTRAST)


def test_the_protected_network_is_itself_among_many(world: Small) -> None:
    heads = [world.protected, *(trained(100 + seed, examples(), epochs=2) for seed in range(4))]
    made = draw_contrast([family(head) for head in heads])
    p_values = made.verifier.p_values(made.readings([world.protected]))
    assert p_values is not None
    assert p_values.tolist() == pytest.approx([0.2])


def test_answers_that_are_the_same_are_as_alike_as_anything_can_be(
    one: Trained, world: Small
) -> None:
    assert isinstance(one.verifier, ContrastVerifier)
    found = one.verifier.similarities(one.readings([world.protected, *world.others]))
    assert torch.allclose(found.diagonal(), torch.tensor(1 - 1e-6).atanh().expand(4), rtol=1e-3)
    assert torch.isfinite(found).all()

import torch

from sif.networks.verifier import LocalVerifiers, MetaVerifier, NearVerifiers, build_verifier

READINGS = torch.randn(7, 5, 3, generator=torch.Generator().manual_seed(0))
OWN = READINGS[0]


def test_local_votes_are_sigmoids_of_scalar_products() -> None:
    verifier = build_verifier("local", fingerprints=5, numbers=3, seed=0)
    assert isinstance(verifier, LocalVerifiers)
    by_hand = torch.stack(
        [
            torch.sigmoid(torch.stack([verifier.weights[i] @ readings[i] for i in range(5)])).mean()
            for readings in READINGS
        ]
    )
    assert torch.allclose(verifier.scores(READINGS, OWN), by_hand)


def test_a_local_vote_sees_only_its_own_fingerprint() -> None:
    verifier = build_verifier("local", fingerprints=5, numbers=3, seed=0)
    changed = READINGS.clone()
    changed[:, 2] += 1
    moved = (verifier(changed, OWN) != verifier(READINGS, OWN)).any(0)
    assert moved.tolist() == [False, False, True, False, False]


def test_the_meta_verifier_casts_one_vote_on_everything() -> None:
    verifier = build_verifier("meta", fingerprints=5, numbers=3, seed=0)
    assert isinstance(verifier, MetaVerifier)
    assert verifier(READINGS, OWN).shape == (7, 1)


def test_the_loss_is_the_mean_cross_entropy_of_the_votes() -> None:
    verifier = build_verifier("local", fingerprints=5, numbers=3, seed=0)
    votes = verifier(READINGS, OWN).sigmoid()
    labels = torch.tensor([1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0])
    right = torch.where(labels[:, None] == 1, votes, 1 - votes)
    assert torch.allclose(verifier.losses(READINGS, OWN, labels), -right.log().mean(1), atol=1e-6)


def test_the_seed_decides_the_weights_and_torchs_generator_stays() -> None:
    before = torch.random.get_rng_state()
    first = build_verifier("meta", fingerprints=5, numbers=3, seed=4)
    second = build_verifier("meta", fingerprints=5, numbers=3, seed=4)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(first(READINGS, OWN), second(READINGS, OWN))


def test_a_near_vote_falls_with_the_distance_on_either_side() -> None:
    verifier = build_verifier("near", fingerprints=5, numbers=3, seed=0)
    assert isinstance(verifier, NearVerifiers)
    with torch.no_grad():
        verifier.weights.zero_()
        verifier.sharpness.fill_(0.5)
        verifier.bias.fill_(2.0)
    step = torch.tensor([1.0, -2.0, 0.5])
    moved = torch.stack([OWN, OWN + step, OWN - step, OWN + 2 * step])
    votes = verifier(moved, OWN)
    square = float(step.square().mean() * torch.tensor(0.5).exp())
    wanted = torch.tensor([2.0, 2 - square, 2 - square, 2 - 4 * square])
    assert torch.allclose(votes, wanted[:, None].expand(4, 5), atol=1e-5)


def test_only_near_votes_look_at_the_protected_networks_answer() -> None:
    looks = {}
    for kind in ("meta", "local", "near"):
        verifier = build_verifier(kind, fingerprints=5, numbers=3, seed=0)
        looks[kind] = not torch.equal(verifier(READINGS, OWN), verifier(READINGS, OWN + 1))
    assert looks == {"meta": False, "local": False, "near": True}

import torch

from sif.metav.verifier import LocalVerifiers, MetaVerifier, build_verifier

READINGS = torch.randn(7, 5, 3, generator=torch.Generator().manual_seed(0))


def test_local_votes_are_sigmoids_of_scalar_products() -> None:
    verifier = build_verifier("local", fingerprints=5, numbers=3, seed=0)
    assert isinstance(verifier, LocalVerifiers)
    by_hand = torch.stack(
        [
            torch.sigmoid(torch.stack([verifier.weights[i] @ readings[i] for i in range(5)])).mean()
            for readings in READINGS
        ]
    )
    assert torch.allclose(verifier.scores(READINGS), by_hand)


def test_a_local_vote_sees_only_its_own_fingerprint() -> None:
    verifier = build_verifier("local", fingerprints=5, numbers=3, seed=0)
    changed = READINGS.clone()
    changed[:, 2] += 1
    moved = (verifier(changed) != verifier(READINGS)).any(0)
    assert moved.tolist() == [False, False, True, False, False]


def test_the_meta_verifier_casts_one_vote_on_everything() -> None:
    verifier = build_verifier("meta", fingerprints=5, numbers=3, seed=0)
    assert isinstance(verifier, MetaVerifier)
    assert verifier(READINGS).shape == (7, 1)


def test_the_loss_is_the_mean_cross_entropy_of_the_votes() -> None:
    verifier = build_verifier("local", fingerprints=5, numbers=3, seed=0)
    votes = verifier(READINGS).sigmoid()
    labels = torch.tensor([1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0])
    right = torch.where(labels[:, None] == 1, votes, 1 - votes)
    assert torch.allclose(verifier.losses(READINGS, labels), -right.log().mean(1), atol=1e-6)


def test_the_seed_decides_the_weights_and_torchs_generator_stays() -> None:
    before = torch.random.get_rng_state()
    first = build_verifier("meta", fingerprints=5, numbers=3, seed=4)
    second = build_verifier("meta", fingerprints=5, numbers=3, seed=4)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(first(READINGS), second(READINGS))

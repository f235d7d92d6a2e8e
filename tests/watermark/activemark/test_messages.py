import numpy as np
import pytest
import torch

from sif.errors import UsageError
from sif.watermark.activemark.messages import message_label, message_of, secret_messages
from sif.watermark.keys import KeyRing

KEYS = KeyRing(bytes(range(32)))
DIGESTS = [f"{number:064x}" for number in range(200)]


def test_a_known_key_gives_a_known_message() -> None:
    bits = message_of(bytes(32), bits=32)
    assert np.packbits(bits).tobytes().hex() == "00c5aedf"


def test_a_longer_message_begins_with_the_shorter() -> None:
    assert (message_of(bytes(32), bits=40)[:13] == message_of(bytes(32), bits=13)).all()


def test_messages_follow_from_the_secret_and_the_image_alone() -> None:
    whole = secret_messages(KEYS, DIGESTS[:5], bits=32)
    assert torch.equal(secret_messages(KEYS, DIGESTS[2:5], bits=32), whole[2:])
    other = secret_messages(KeyRing(bytes(32)), DIGESTS[:5], bits=32)
    assert not torch.equal(other, whole)


def test_a_message_comes_from_the_key_of_the_image() -> None:
    key = KEYS.key(message_label(DIGESTS[7]))
    assert (
        secret_messages(KEYS, [DIGESTS[7]], bits=32)[0].numpy() == message_of(key, bits=32)
    ).all()


def test_bits_are_fair_and_unrelated() -> None:
    signs = 2.0 * secret_messages(KEYS, DIGESTS, bits=64).float() - 1.0
    total = signs.numel()
    assert abs(float(signs.sum())) < 4 * total**0.5
    between = (signs.T @ signs / len(signs)).fill_diagonal_(0)
    assert float(between.abs().max()) < 5 * len(signs) ** -0.5


def test_an_image_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="different hold-out images"):
        secret_messages(KEYS, [DIGESTS[0], DIGESTS[0]], bits=32)


def test_no_torch_generator_is_touched() -> None:
    before = torch.random.get_rng_state()
    secret_messages(KEYS, DIGESTS[:3], bits=32)
    assert torch.equal(torch.random.get_rng_state(), before)

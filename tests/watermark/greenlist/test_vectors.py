"""The committed vectors hold for the package and for a second implementation written from the spec.

The second one uses neither numpy nor torch, and shares no code with the package.
"""

import hashlib
import hmac
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sif.watermark.greenlist.mask import green_mask
from sif.watermark.greenlist.published import published_green_mask
from sif.watermark.keys import KeyRing

VECTORS = json.loads((Path(__file__).parents[2] / "data" / "green_vectors.json").read_text())


def reference_key(secret: bytes, label: str) -> bytes:
    return hmac.new(secret, b"sif green key 1\0" + label.encode(), "sha256").digest()


def reference_green(key: bytes, vocabulary_size: int, gamma: str) -> list[int]:
    stream = hashlib.shake_256(b"sif green mask 1\0" + key).digest(8 * vocabulary_size)
    number = [int.from_bytes(stream[8 * v : 8 * v + 8], "little") for v in range(vocabulary_size)]
    order = sorted(range(vocabulary_size), key=lambda v: (number[v], v))
    return sorted(order[: int(Decimal(gamma) * vocabulary_size)])


def reference_published(hash_key: int, previous: int | None, size: int, gamma: float) -> list[int]:
    """Fisher-Yates on a Mersenne Twister: what torch.randperm does on the CPU."""
    seed = (hash_key if previous is None else hash_key * previous) % (2**64 - 1)
    twister = np.random.MT19937()
    twister._legacy_seeding(seed % 2**32)
    order = list(range(size))
    for i in range(size - 1):
        j = i + int(twister.random_raw()) % (size - i)
        order[i], order[j] = order[j], order[i]
    return sorted(order[: int(gamma * size)])


def digest(green: list[int]) -> str:
    return hashlib.sha256(" ".join(map(str, green)).encode()).hexdigest()


@pytest.mark.parametrize("vector", VECTORS["keys"], ids=lambda vector: vector["label"])
def test_keys_and_commitments_are_the_committed_ones(vector: dict[str, str]) -> None:
    secret = bytes.fromhex(vector["secret"])
    ring = KeyRing(secret)
    assert ring.key(vector["label"]).hex() == vector["key"]
    assert reference_key(secret, vector["label"]).hex() == vector["key"]
    assert ring.commitment(vector["label"]) == vector["commitment"]
    expected = hashlib.sha256(b"sif key commitment 1\0" + bytes.fromhex(vector["key"]))
    assert expected.hexdigest() == vector["commitment"]


@pytest.mark.parametrize("vector", VECTORS["masks"], ids=lambda v: f"{v['vocabulary_size']}")
def test_green_lists_are_the_committed_ones(vector: dict[str, Any]) -> None:
    key, size = bytes.fromhex(vector["key"]), vector["vocabulary_size"]
    mask = green_mask(key, vocabulary_size=size, gamma=float(vector["gamma"]))
    green = np.flatnonzero(mask).tolist()
    assert green == reference_green(key, size, vector["gamma"])
    assert (len(green), green[:8], digest(green)) == (
        vector["green"],
        vector["first"],
        vector["sha256"],
    )


@pytest.mark.parametrize("vector", VECTORS["published"], ids=lambda v: str(v["hash_key"]))
def test_published_lists_are_the_committed_ones(vector: dict[str, Any]) -> None:
    size, gamma, previous = vector["vocabulary_size"], vector["gamma"], vector["previous"]
    mask = published_green_mask(
        vector["scheme"],
        vocabulary_size=size,
        gamma=gamma,
        previous=previous,
        hash_key=vector["hash_key"],
    )
    green = np.flatnonzero(mask).tolist()
    assert green == reference_published(vector["hash_key"], previous, size, gamma)
    assert (green[:8], digest(green)) == (vector["first"], vector["sha256"])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
@pytest.mark.parametrize("vector", VECTORS["masks"], ids=lambda v: f"{v['vocabulary_size']}")
def test_green_lists_are_the_same_on_a_gpu(vector: dict[str, Any]) -> None:
    mask = green_mask(
        bytes.fromhex(vector["key"]),
        vocabulary_size=vector["vocabulary_size"],
        gamma=float(vector["gamma"]),
    )
    green = torch.from_numpy(mask).cuda().nonzero().flatten().tolist()
    assert digest(green) == vector["sha256"]

"""Seeds under a root: some triggers are revealed, and the others stay secret.

In a seeded key ring (`sif.watermark.keys`) the key of a trigger follows from a seed of its own and
the anchor. Before the anchor exists, the root of an RFC 6962 tree (`sif.claims.merkle`) over all
seeds is timestamped in beforehand.json; leaf i, from 0, is

    `sif seed leaf 1` NUL label NUL seed,   label = i + 1 in four digits.

Seeds are pseudorandom, so that a leaf hides its own. `claim/seeds.json` in a bundle reveals some,
each with its path. **Nobody can choose a seed afterwards**: a label has one place in the tree, so
that two seeds of one label under one root would be a collision of SHA-256. That the seeds follow
from one secret is not shown, and need not be: whoever chose each of them by itself did so before
the anchor, of which every key is an HMAC. Without a trusted anchor he could have tried each of them
many times over, so that no number of tries for the secret covers it (`sif.claims.check_world`).
Knows nothing of batches or triggers.
"""

import re
from collections.abc import Iterable
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sif.claims.canonical import canonical
from sif.claims.commitment import one_line
from sif.claims.merkle import inclusion_paths, merkle_root, root_from_path
from sif.errors import ClaimError
from sif.watermark.keys import KeyRing

SEEDS_FILE: Final = "seeds.json"
MOST_SEEDS: Final = 9999
LONGEST_PATH: Final = 14
LARGEST: Final = 1 << 24
_LEAF_DOMAIN: Final = b"sif seed leaf 1\x00"
_LABEL: Final = re.compile("[0-9]{4}")

Digits = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class RevealedSeed(BaseModel):
    """One seed with the path of its leaf, lowest first; its repr hides the seed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str
    seed: Digits = Field(repr=False)
    path: tuple[Digits, ...] = Field(max_length=LONGEST_PATH, repr=False)


class Seeds(BaseModel):
    """claim/seeds.json: what a bundle holds instead of the secret.

    Attributes:
        batch: whose triggers these are, from 1; none where the claim has no batches.
        seeds: in the order of their labels.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    batch: int | None
    seeds: tuple[RevealedSeed, ...] = Field(min_length=1, max_length=MOST_SEEDS, repr=False)

    @classmethod
    def parse(cls, data: bytes, *, where: str) -> "Seeds":
        """Reads the file; there is one way to write it.

        Raises:
            ClaimError: something else, too large, or labels twice or out of order.
        """
        if len(data) > LARGEST:
            raise ClaimError(f"expected {where} of at most 16 MiB, got {len(data)} bytes")
        try:
            found = cls.model_validate_json(data)
        except ValidationError as error:
            raise ClaimError(
                f"expected seeds of version 1 in {where}, got something else: {one_line(error)}"
            ) from error
        labels = [one.label for one in found.seeds]
        if labels != sorted(set(labels)) or found.data() != data:
            raise ClaimError(f"expected every seed in {where} once, in order and nothing besides")
        return found

    def data(self) -> bytes:
        """The bytes of the file: seeds in the clear."""
        return canonical(self.model_dump(mode="json"))

    def check(self, *, root: str, size: int) -> dict[str, bytes]:
        """The seeds by label, each shown to be a leaf of the tree in the place of its label.

        Args:
            root: of the tree that was timestamped.
            size: leaves in it.

        Raises:
            ClaimError: one is not.
        """
        found: dict[str, bytes] = {}
        for one in self.seeds:
            seed, path = bytes.fromhex(one.seed), [bytes.fromhex(step) for step in one.path]
            if root_from_path(leaf_of(one.label, seed), place_of(one.label), size, path) != root:
                raise ClaimError(
                    f"the seed of trigger {one.label} is not the one that was fixed beforehand: "
                    "its path does not lead to the root"
                )
            found[one.label] = seed
        return found


def label_of(place: int) -> str:
    """The label of the leaf at a place, from 0."""
    return f"{place + 1:04d}"


def place_of(label: str) -> int:
    """The place of a label's leaf, from 0.

    Raises:
        ClaimError: no label of a trigger.
    """
    if not _LABEL.fullmatch(label) or int(label) < 1:
        raise ClaimError(f"expected a trigger such as '0001', got {label[:20]!r}")
    return int(label) - 1


def leaf_of(label: str, seed: bytes) -> bytes:
    """What is hashed into the tree."""
    return _LEAF_DOMAIN + label.encode() + b"\x00" + seed


def seeds_root(keys: KeyRing, size: int) -> str:
    """The root over the first so many seeds of a secret, whatever its anchor; hex digits."""
    return merkle_root(_leaves(keys, size))


def reveal_seeds(keys: KeyRing, labels: Iterable[str], *, size: int, batch: int | None) -> Seeds:
    """The seeds of some triggers, each with its path."""
    named = sorted(labels)
    paths = inclusion_paths(_leaves(keys, size), [place_of(label) for label in named])
    return Seeds(
        batch=batch,
        seeds=tuple(
            RevealedSeed(
                label=label, seed=keys.seed(label).hex(), path=tuple(step.hex() for step in path)
            )
            for label, path in zip(named, paths, strict=True)
        ),
    )


def _leaves(keys: KeyRing, size: int) -> list[bytes]:
    labels = [label_of(place) for place in range(size)]
    return [leaf_of(label, keys.seed(label)) for label in labels]

"""Seeds under a root: keys that are shown one by one, and paths that lead nowhere else."""

import copy
import hashlib
import hmac
import json
import pickle
from pathlib import Path

import pytest

from sif.claims.anchor import Beforehand, begin, finish
from sif.claims.merkle import inclusion_path, inclusion_paths, merkle_root, root_from_path
from sif.claims.seeds import Seeds, leaf_of, reveal_seeds, seeds_root
from sif.claims.timestamp import Token
from sif.errors import ClaimError, FingerprintError, UsageError
from sif.fingerprint.arguments import check_seeds
from sif.watermark.keys import SEEDS, KeyRing, RevealedKeys
from tests.claims.authority import Authority
from tests.claims.test_merkle import LEAVES, ROOTS
from tools.time_audit import build_tokenizer, make_up

SECRET, ANCHOR = bytes(range(32)), bytes(range(32, 64))
RING = KeyRing(SECRET, anchor=ANCHOR, seeded=True)
# The paths of the reference implementation of RFC 6962 (certificate transparency), 8 leaves.
PATHS = {
    0: (
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ),
    5: (
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
}


def seeds_of(*labels: str, size: int = 64) -> Seeds:
    return reveal_seeds(RING, labels, size=size, batch=1)


def test_seeded_keys_are_as_the_text_says() -> None:
    seed = hmac.digest(SECRET, b"sif seed 1\x00" + b"0001", "sha256")
    assert RING.seed("0001") == seed
    expected = hmac.digest(seed, b"sif green key 3\x00" + ANCHOR + b"0001", "sha256")
    assert RING.key("0001") == expected
    assert seed.hex() == "3a76767cc10a90f20184363a523f4048125d22ac7295d98ed2f01e01f411861e"
    assert expected.hex() == "5060671d8d22852146dcd772a2041d20724463b9fbc41c2a1821ccaed4353c3d"
    assert RevealedKeys({"0001": seed}, anchor=ANCHOR).key("0001") == expected
    other = KeyRing(SECRET, anchor=ANCHOR)
    assert other != RING
    assert RING.key("0001") != other.key("0001")
    assert KeyRing(SECRET).anchored(ANCHOR, seeded=True) == RING
    with pytest.raises(UsageError, match="anchor"):
        KeyRing(SECRET, seeded=True)


def test_a_seeded_key_file_is_read_back(tmp_path: Path) -> None:
    RING.save(tmp_path / "secret.key")
    assert KeyRing.load(tmp_path / "secret.key") == RING
    assert RING.text().startswith("sif-key-ring 3\n")


def test_revealed_keys_give_nothing_but_their_own(tmp_path: Path) -> None:
    keys = RevealedKeys({"0001": RING.seed("0001")}, anchor=ANCHOR)
    assert keys.commitment("0001") == RING.commitment("0001")
    with pytest.raises(FingerprintError, match="not among the revealed"):
        keys.key("0002")
    assert RING.seed("0001").hex() not in repr(keys)
    assert "hidden" in repr(keys)
    for act in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled"):
            act(keys)
    with pytest.raises(UsageError, match="32 bytes"):
        RevealedKeys({"0001": b"short"}, anchor=ANCHOR)


@pytest.mark.parametrize("place", PATHS)
def test_paths_are_those_of_certificate_transparency(place: int) -> None:
    assert tuple(step.hex() for step in inclusion_path(LEAVES, place)) == PATHS[place]


def test_every_path_of_every_size_leads_to_the_root_and_to_no_other_place() -> None:
    for size in range(1, 65):
        leaves = [bytes([number]) for number in range(size)]
        root = merkle_root(leaves)
        paths = inclusion_paths(leaves, range(size))
        for place, path in enumerate(paths):
            assert root_from_path(leaves[place], place, size, path) == root
            other = (place + 1) % size
            if size > 1:
                assert leads(leaves[place], other, size, path) != root
                assert leads(leaves[other], place, size, path) != root
                assert leads(leaves[place], place, size, path[:-1]) != root
                assert leads(leaves[place], place, size, [bytes(32), *path[1:]]) != root
            assert leads(leaves[place], place, size, [*path, bytes(32)]) != root


def leads(leaf: bytes, place: int, size: int, path: list[bytes]) -> str | None:
    try:
        return root_from_path(leaf, place, size, path)
    except ClaimError:
        return None


@pytest.mark.parametrize("place", [-1, 8, 9])
def test_a_place_outside_the_tree_has_no_path(place: int) -> None:
    with pytest.raises(ClaimError, match="among 8"):
        root_from_path(b"", place, 8, [])
    assert ROOTS[8] == root_from_path(LEAVES[5], 5, 8, [bytes.fromhex(one) for one in PATHS[5]])


def test_the_root_is_over_labels_and_seeds_and_knows_no_anchor() -> None:
    labels = [f"{number:04d}" for number in range(1, 6)]
    leaves = [b"sif seed leaf 1\x00" + n.encode() + b"\x00" + RING.seed(n) for n in labels]
    assert seeds_root(RING, 5) == merkle_root(leaves) == seeds_root(KeyRing(SECRET), 5)
    assert leaf_of("0001", RING.seed("0001")) == leaves[0]


def test_some_seeds_are_shown_with_their_paths_and_read_back() -> None:
    shown = seeds_of("0007", "0001", size=64)
    assert [one.label for one in shown.seeds] == ["0001", "0007"]
    again = Seeds.parse(shown.data(), where="it")
    assert again == shown
    found = again.check(root=seeds_root(RING, 64), size=64)
    assert found == {name: RING.seed(name) for name in ("0001", "0007")}
    hidden = {RING.seed(f"{n:04d}").hex() for n in range(1, 65)} - {s.hex() for s in found.values()}
    text = shown.data().decode()
    assert SECRET.hex() not in text
    assert not [seed for seed in hidden if seed in text]


def test_no_seed_stands_in_a_repr_or_an_error() -> None:
    shown = seeds_of("0001")
    assert RING.seed("0001").hex() not in repr(shown) + str(shown) + repr(shown.seeds[0])
    with pytest.raises(ClaimError) as caught:
        shown.check(root="0" * 64, size=64)
    assert RING.seed("0001").hex() not in str(caught.value)
    wrong = shown.data().replace(RING.seed("0001").hex().encode(), b"ab")
    with pytest.raises(ClaimError) as caught:
        Seeds.parse(wrong, where="it")
    assert "\n" not in str(caught.value)


def test_a_seed_in_the_place_of_another_is_refused() -> None:
    root, one, two = seeds_root(RING, 64), *seeds_of("0001", "0002").seeds
    changes = {
        "another label": one.model_copy(update={"label": "0003"}),
        "another seed": one.model_copy(update={"seed": two.seed}),
        "another path": one.model_copy(update={"path": two.path}),
        "leaf and path of another": one.model_copy(update={"seed": two.seed, "path": two.path}),
        "no path": one.model_copy(update={"path": ()}),
        "beyond the tree": one.model_copy(update={"label": "0065"}),
        "no label": one.model_copy(update={"label": "１２３４"}),
        "number zero": one.model_copy(update={"label": "0000"}),
    }
    for name, changed in changes.items():
        with pytest.raises(ClaimError):
            Seeds(batch=1, seeds=(changed,)).check(root=root, size=64)
            pytest.fail(name)
    with pytest.raises(ClaimError):
        Seeds(batch=1, seeds=(one,)).check(root=root, size=65)


def test_the_file_is_written_in_one_way_and_bounded() -> None:
    shown = seeds_of("0001", "0002")
    content = json.loads(shown.data())
    wrong = {
        "spaces": json.dumps(content).encode(),
        "twice": json.dumps({**content, "seeds": content["seeds"][:1] * 2}).encode(),
        "order": json.dumps({**content, "seeds": content["seeds"][::-1]}).encode(),
        "more": json.dumps({**content, "more": 1}).encode(),
        "none": json.dumps({**content, "seeds": []}).encode(),
        "version": json.dumps({**content, "schema_version": 2}).encode(),
        "large": b" " * (1 << 24) + shown.data(),
        "nothing": b"",
    }
    for name, data in wrong.items():
        with pytest.raises(ClaimError):
            Seeds.parse(data, where="it")
            pytest.fail(name)
    long = content["seeds"][0] | {"path": ["0" * 64] * 15}
    with pytest.raises(ClaimError, match="14"):
        Seeds.parse(json.dumps({**content, "seeds": [long]}).encode(), where="it")


def test_a_new_secret_has_seeds_that_are_fixed_beforehand(
    tmp_path: Path, authority: Authority
) -> None:
    folder = tmp_path / "secret"
    response = authority.reply(begin(folder, build_tokenizer(500), gamma=0.5))
    keys = finish(folder, Token.parse(response), response)
    fixed = Beforehand.parse((folder / "beforehand.json").read_bytes())
    assert (fixed.schema_version, fixed.seeds) == (3, SEEDS)
    assert keys.seeded
    assert fixed.seeds_root == seeds_root(keys, SEEDS)
    fixed.check_ring(keys)
    for wrong in (KeyRing(SECRET, anchor=ANCHOR), RING):
        with pytest.raises(ClaimError, match="seeds"):
            fixed.check_ring(wrong)


def test_a_secret_that_was_begun_without_seeds_ends_without_them(
    tmp_path: Path, authority: Authority
) -> None:
    from sif.claims.canonical import canonical
    from sif.claims.timestamp import new_request

    folder = tmp_path / "secret"
    begin(folder, build_tokenizer(500), gamma=0.5)
    content = json.loads((folder / "beforehand.json").read_bytes())
    del content["seeds"], content["seeds_root"]
    data = canonical({**content, "schema_version": 2})
    (folder / "beforehand.json").write_bytes(data)
    (folder / "anchor.tsq").write_bytes(new_request(data))
    response = authority.reply((folder / "anchor.tsq").read_bytes())
    keys = finish(folder, Token.parse(response), response)
    assert not keys.seeded
    assert keys.text().startswith("sif-key-ring 2\n")
    Beforehand.parse(data).check_ring(keys)
    with pytest.raises(ClaimError, match="version 2"):
        Beforehand.parse(data).check_ring(RING)


def test_more_triggers_than_seeds_are_refused(tmp_path: Path) -> None:
    check_seeds(RING, SEEDS)
    check_seeds(KeyRing(SECRET), SEEDS + 1)
    with pytest.raises(UsageError, match="at most 4096 triggers"):
        check_seeds(RING, SEEDS + 1)
    owned = make_up(tmp_path / "fp", triggers=3, vocabulary_size=500, keys=RING)
    fixed = Beforehand(
        schema_version=3,
        secret_commitment="0" * 64,
        tokenizer_json_sha256=owned.manifest.tokenizer_json_sha256,
        seeds=2,
        seeds_root=seeds_root(RING, 2),
        vocabulary_size=500,
        gamma=owned.manifest.gamma,
    )
    with pytest.raises(ClaimError, match="at most 2 triggers"):
        fixed.check(owned)
    fixed.model_copy(update={"seeds": 3}).check(owned)


def test_a_leaf_hides_its_seed_and_the_tree_is_quick() -> None:
    path = reveal_seeds(RING, ["0001"], size=4, batch=None).seeds[0].path
    assert path[0] == hashlib.sha256(b"\x00" + leaf_of("0002", RING.seed("0002"))).hexdigest()
    everything = reveal_seeds(RING, [f"{n:04d}" for n in range(1, 4097)], size=4096, batch=None)
    assert len(everything.data()) < 1 << 23

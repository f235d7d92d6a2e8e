"""A fingerprint made in shares is the one that is made at once."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sif.errors import FingerprintError, UsageError
from sif.fingerprint.folder import FingerprintSet
from sif.fingerprint.plan import Wish
from sif.fingerprint.shards import make_shard, merge_shards
from sif.scale.shard import Shard
from sif.vlm.model import Vlm
from sif.watermark.keys import KeyRing
from tests.cli.command import Run, assert_one_line
from tests.fingerprint.small import KEYS, PROMPTS, pictures, small_fingerprint, small_recipe
from tests.fingerprint.test_make import public_bytes

pytestmark = pytest.mark.slow
SETTINGS = {"images": pictures(5), "recipe": small_recipe(steps=1), "batch_size": 2}


@pytest.fixture(scope="module")
def vlm(untrained_llava: Path) -> Vlm:
    return Vlm.load(untrained_llava, device="cpu")


def share(vlm: Vlm, out: Path, text: str, **changes: object) -> Path:
    wish = {"prompts": PROMPTS, "keys": KEYS} | SETTINGS | changes
    make_shard(Wish.of(vlm, **wish), out=out, shard=Shard.parse(text))  # type: ignore[arg-type]
    return out


@pytest.fixture(scope="module")
def shares(vlm: Vlm, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two of three lots, and one; read only."""
    room = tmp_path_factory.mktemp("shares")
    return [share(vlm, room / str(number), f"{number}/2") for number in (1, 2)]


@pytest.fixture
def copies(shares: list[Path], tmp_path: Path) -> list[Path]:
    return [shutil.copytree(path, tmp_path / f"share-{path.name}") for path in shares]


def test_shares_joined_are_the_same_bytes(
    vlm: Vlm, shares: list[Path], tmp_path: Path, sif: Run
) -> None:
    small_fingerprint(vlm, tmp_path / "whole", **SETTINGS)
    KEYS.save(tmp_path / "my.key")
    for path in (file for folder in shares for file in folder.rglob("*")):
        assert "secret" not in path.name
    code, said, error = sif(
        "merge", tmp_path / "fp", *reversed(shares), "--secret", tmp_path / "my.key"
    )
    assert code == 0, error
    assert "5 triggers" in said
    assert public_bytes(tmp_path / "fp") == public_bytes(tmp_path / "whole")
    assert FingerprintSet.load(tmp_path / "fp").keys == KEYS
    again = merge_shards(shares, out=tmp_path / "fp")
    assert len(again.triggers) == 5
    public = merge_shards(shares, out=tmp_path / "public")
    assert public.keys is None
    assert public_bytes(tmp_path / "public") == public_bytes(tmp_path / "whole")


def test_a_share_goes_on_where_it_stopped(vlm: Vlm, shares: list[Path], copies: list[Path]) -> None:
    first = copies[0]
    before = (first / "triggers" / "0001.json").stat().st_mtime_ns
    for name in ("share.json", "triggers/0005.json"):
        (first / name).unlink()
    with pytest.raises(UsageError, match=r"1/2 in .*, which is not; run its command again"):
        merge_shards(copies, out=first.parent / "fp")
    share(vlm, first, "1/2")
    assert (first / "triggers" / "0001.json").stat().st_mtime_ns == before
    for name in ("triggers/0005.json", "triggers/0005.png", "chances/0005.npy"):
        assert (first / name).read_bytes() == (shares[0] / name).read_bytes()


def test_a_folder_is_one_share_and_no_whole_one(vlm: Vlm, copies: list[Path]) -> None:
    with pytest.raises(FingerprintError, match="got share 1/2"):
        share(vlm, copies[0], "2/2")
    with pytest.raises(FingerprintError, match="begun with, got others"):
        share(vlm, copies[0], "1/2", seed=3)
    with pytest.raises(FingerprintError, match=r"shard\.json"):
        small_fingerprint(vlm, copies[0], **SETTINGS)
    with pytest.raises(UsageError, match="secret that all shares have in common"):
        share(vlm, copies[0].parent / "new", "1/2", keys=None)
    assert not (copies[0].parent / "new").exists()


def _rewrite(name: str, **changes: object) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        said = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(said | changes))

    return damage


def _flip(name: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        data = bytearray((folder / name).read_bytes())
        data[-20] ^= 1
        (folder / name).write_bytes(data)

    return damage


def _pipe(name: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        os.mkfifo(folder / name)

    return damage


def _room(name: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).mkdir()

    return damage


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "another request": (_rewrite("request.json", seed=9), r"of one request.*request\.seed: 0 then"),
    "another statement": (_rewrite("share.json", gamma=0.25), r"stated\.gamma"),
    "another tokenizer": (_flip("tokenizer/tokenizer.json"), r"tokenizer\.json"),
    "another picture": (_flip("triggers/0003.png"), "trigger 0003 in .* changed or missing"),
    "a missing picture": (lambda f: (f / "triggers/0004.base.png").unlink(), "trigger 0004"),
    "another record": (
        lambda f: (f / "triggers/0003.json").write_bytes((f / "triggers/0004.json").read_bytes()),
        "trigger 0003",
    ),
    "half a table": (
        lambda f: (f / "chances/0003.npy").write_bytes((f / "chances/0003.npy").read_bytes()[:99]),
        r"0003\.npy as it was written",
    ),
    "no table": (lambda f: (f / "chances/0003.npy").unlink(), r"0003\.npy as it was written"),
    "no json": (lambda f: (f / "share.json").write_text("{"), r"share\.json as it was written"),
    "another version": (_rewrite("shard.json", schema_version=2), r"shard\.json as it was"),
    "a billion shares": (_rewrite("shard.json", of=10**9), r"shard\.json as it was"),
    "deep json": (lambda f: (f / "request.json").write_text("[" * 100_000), r"request\.json as it"),
    "a record of nothing": (lambda f: (f / "triggers/0003.json").write_text("{"), "trigger 0003"),
    "no text": (lambda f: (f / "triggers/0003.json").write_bytes(b"\xff"), "trigger 0003"),
    "a pipe for a record": (_pipe("triggers/0003.json"), "trigger 0003"),
    "a pipe for a picture": (_pipe("triggers/0003.png"), "trigger 0003"),
    "a folder for a picture": (_room("triggers/0003.png"), "trigger 0003"),
    "a picture from elsewhere": (
        _rewrite("triggers/0003.json", file="../../../../etc/passwd"),
        "trigger 0003",
    ),
    "no tokenizer": (lambda f: shutil.rmtree(f / "tokenizer"), "tokenizer as it was"),
    "a pipe in the tokenizer": (_pipe("tokenizer/more"), "more as it was written"),
    "a folder in the tokenizer": (_room("tokenizer/more"), "more as it was written"),
    "a pipe for a share": (_pipe("share.json"), "which is not; run its command again"),
    "a pipe for a shard": (_pipe("shard.json"), "expected the folder of a share"),
    "fewer triggers": (_rewrite("share.json", triggers=[]), "got 3"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_share_is_refused_in_one_line(copies: list[Path], damage: str) -> None:
    spoil, complaint = DAMAGES[damage]
    spoil(copies[1])
    out = copies[0].parent / "fp"
    with pytest.raises((FingerprintError, UsageError), match=complaint) as caught:
        merge_shards(copies, out=out, keys=KEYS)
    assert "\n" not in str(caught.value)
    assert not (out / "manifest.json").exists()


def test_a_request_of_a_billion_triggers_in_all_shares_is_refused(copies: list[Path]) -> None:
    for folder in copies:
        _rewrite("request.json", count=10**9)(folder)
    with pytest.raises(FingerprintError, match="expected 1000000000 triggers in all shares, got 5"):
        merge_shards(copies, out=copies[0].parent / "fp")


def test_what_does_not_make_a_whole_is_named(
    sif: Run, vlm: Vlm, shares: list[Path], tmp_path: Path
) -> None:
    for folders, words in (
        (shares[:1], "expected all 2 shares, got 1: 2/2 missing"),
        ([*shares, shares[0]], "got 1/2 in"),
        ([*shares, tmp_path], "expected the folder of a share"),
        ([*shares, tmp_path / "none"], "expected the folder of a share"),
    ):
        code, _, error = sif("merge", tmp_path / "fp", *folders)
        assert code == 2
        assert_one_line(error, words)
        assert not (tmp_path / "fp").exists()
    third = share(vlm, tmp_path / "third", "3/3")
    with pytest.raises(UsageError, match="some of 2 and some of 3"):
        merge_shards([*shares, third], out=tmp_path / "fp")
    with pytest.raises(FingerprintError, match="secret that the shares"):
        merge_shards(shares, out=tmp_path / "fp", keys=KeyRing.generate())
    assert not (tmp_path / "fp").exists()

"""Who works, and which share, as it is typed."""

import socket
import sys
import threading
from pathlib import Path

import pytest

from sif.errors import SifError, UsageError
from sif.scale import connection
from sif.scale.lent import Lent, NotHereError, give_back, unpack
from sif.scale.shard import Shard
from sif.scale.workforce import Workforce
from tests.cli.command import Run, assert_one_line


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"jobs": 0}, "at least 1 job, got 0"),
        ({"threads": 0}, "at least 1 thread, got 0"),
        ({"cpus": -1.0}, "worker cpus: expected a number from 0 to"),
        ({"gpus": float("nan")}, "worker gpus: expected a number from 0 to"),
        ({"memory": float("inf")}, "worker memory"),
        ({"jobs": 10**9}, "at most 10000 jobs, got 1000000000"),
        ({"jobs": -1}, "at least 1 job, got -1"),
        ({"threads": 10**6}, "at most 1024 threads"),
        ({"cpus": 1e300}, "worker cpus"),
        ({"gpus": 1.5}, "expected a part of one, or whole ones, got 1.5; give 2"),
        ({"ray": ""}, "local, auto or HOST:PORT, got ''"),
        ({"ray": "head"}, "HOST:PORT, got 'head'"),
        ({"ray": "head:0"}, "HOST:PORT"),
        ({"ray": "head:65536"}, "HOST:PORT"),
        ({"ray": "ray://head:10001"}, "run this on a node of the cluster"),
        ({"ray": "http://head:8265"}, "HOST:PORT"),
        ({"ray": "a b:1"}, "HOST:PORT"),
        ({"ray": "\x1b[1m:6379"}, r"got '\\x1b"),
    ],
)
def test_a_workforce_that_makes_no_sense_is_refused(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words.replace("[", r"\[")) as caught:
        Workforce(**wrong)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("address", ["local", "auto", "10.0.0.1:6379", "head.example:1", "[::1]:2"])
def test_addresses_are_taken(address: str) -> None:
    assert Workforce(ray=address).ray == address


def test_shares_of_a_work_are_all_of_it_once() -> None:
    parts = [*range(10)]
    for of in (1, 3, 10, 12):
        shares = [Shard(number, of).among(parts) for number in range(1, of + 1)]
        assert sorted(part for share in shares for part in share) == parts
        assert max(map(len, shares)) - min(map(len, shares)) <= 1
    assert str(Shard.parse("2/5")) == "2/5"


@pytest.mark.parametrize("wrong", ["", "1", "0/3", "4/3", "1/0", "-1/3", "1/3/3", "a/b", "1 / 2"])
def test_a_share_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(UsageError, match="--shard: expected I/N"):
        Shard.parse(wrong)


def test_a_lent_folder_is_found_by_what_is_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights").write_bytes(b"one")
    (folder / ".git").mkdir()
    lent = Lent.of(str(folder))
    assert lent.place() == str(folder)
    assert "one" not in repr(lent)
    pieces = list(lent.pieces())
    (folder / "weights").write_bytes(b"two")  # as on a machine with another folder there
    with pytest.raises(NotHereError):
        lent.place()
    try:
        unpack(lent, pieces)
        elsewhere = Path(lent.place())
        assert (elsewhere / "weights").read_bytes() == b"one"
        assert elsewhere.name == "model"
    finally:
        give_back()
    assert not elsewhere.exists()
    with pytest.raises(NotHereError):
        lent.place()
    assert Lent.of("owner/model").place() == "owner/model"


def test_without_ray_installed_one_sentence_says_how_to_get_it(
    sif: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    for command in (
        ("fingerprint", "m", "--images", "i", "--out", tmp_path / "o", "--ray", "local"),
        ("bench", "memory", "--out", tmp_path / "o", "--ray", "auto"),
    ):
        code, _, error = sif(*command)
        assert code == 2
        assert_one_line(error, "pip install 'sif-lvlm[ray]'", "--jobs")
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (("--ray", "there"), "--ray: expected local, auto or HOST:PORT, got 'there'"),
        (("--worker-gpus", "1"), "without --ray"),
        (("--shard", "1/2"), "--shard: expected --secret KEYFILE, the same for all shares"),
        (("--shard", "3/2"), "--shard: expected I/N"),
    ],
)
def test_what_makes_no_sense_is_said_before_anything_is_read(
    sif: Run, tmp_path: Path, typed: tuple[str, ...], words: str
) -> None:
    out = tmp_path / "fp"
    code, _, error = sif("fingerprint", "no-model", "--images", "none", "--out", out, *typed)
    assert code == 2
    assert_one_line(error, words)
    assert not out.exists()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (None, "no answer within"),
        (b"", "somebody who is no Ray cluster"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "somebody who is no Ray cluster"),
        (b"\0\0\0\4", "no answer within"),
    ],
)
def test_an_address_where_no_cluster_answers_is_told_soon(
    said: bytes | None, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        held: list[socket.socket] = []

        def answer() -> None:
            came, _ = server.accept()
            held.append(came)
            came.recv(1000)
            came.sendall(said or b"")
            if said is not None and words.startswith("somebody"):
                came.close()

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(SifError, match=words) as caught:
            connection._knock(address, address)
    assert "\n" not in str(caught.value)
    for one in held:
        one.close()

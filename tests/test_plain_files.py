"""What lies under a file's name in a folder from elsewhere: never waited for, never endless."""

import ast
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import pytest

from sif.claims.possession import read_proof
from sif.errors import SifError
from sif.fingerprint.folder import FingerprintSet
from sif.networks.fingerprint import NetworkFingerprint
from sif.networks.weights import load_network
from sif.ownership.calibration import read_calibration
from sif.ownership.run import read_record
from sif.plain_files import read_file, read_text_file
from sif.tokenizer_bounds import bounded_tokenizer, read_bounded
from sif.watermark.keys import KeyRing
from tests.test_habits import trees

Reader = Callable[[Path], object]
# What the user names on the command line, where a pipe of the shell is welcome, and our own files.
READ_DIRECTLY = {
    Path(name)
    for name in (
        "attacks/answers/quoting.py",
        "attacks/answers/thesaurus.py",
        "sif/claims/rules.py",
        "sif/claims/timestamp.py",
        "sif/cli/bench.py",
        "sif/fingerprint/memory.py",
        "sif/suspects/prefaced.py",
        "sif/suspects/server.py",
        "sif/suspects/weights.py",
        "sif/vlm/folder.py",
    )
}
READERS: dict[str, tuple[str, Reader]] = {
    "a manifest": ("manifest.json", FingerprintSet.load),
    "a calibration": ("calibration.json", read_calibration),
    "a run": ("run.json", read_record),
    "a secret": ("secret.key", lambda folder: KeyRing.load(folder / "secret.key")),
    "a tokenizer": (
        "tokenizer.json",
        lambda folder: bounded_tokenizer(
            read_bounded(folder / "tokenizer.json"), where="tokenizer.json"
        ),
    ),
    "a proof": ("proof.json", lambda folder: read_proof(folder / "proof.json")),
    "networks": ("manifest.json", NetworkFingerprint.load),
    "a network": ("a.safetensors", lambda folder: load_network(folder / "a.safetensors")),
}


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError("still waiting after 20 s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def terabytes(path: Path) -> None:
    path.touch()
    os.truncate(path, 2**41)


@pytest.mark.parametrize("make", [pipe, device, terabytes])
@pytest.mark.parametrize("kind", READERS)
def test_no_reader_waits_or_reads_for_ever(
    tmp_path: Path, kind: str, make: Callable[[Path], None]
) -> None:
    name, read = READERS[kind]
    make(tmp_path / name)
    with pytest.raises(SifError) as refused:
        read(tmp_path)
    assert name in str(refused.value) or "manifest" in str(refused.value)


def test_a_file_that_is_longer_than_it_says_is_read_to_the_bound() -> None:
    assert Path("/proc/self/status").stat().st_size == 0
    assert b"VmRSS" in read_file(Path("/proc/self/status"))
    with pytest.raises(OSError, match=r"at most \S+ MB in the file, got [\d,]+ bytes"):
        read_file(Path("/proc/self/status"), most=100)


def test_a_folder_is_no_file_and_a_link_is_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one\r\ntwo")
    (tmp_path / "b").symlink_to("a")
    assert read_file(tmp_path / "b") == b"one\r\ntwo"
    assert read_text_file(tmp_path / "b") == "one\ntwo"
    with pytest.raises(OSError, match="directory"):
        read_file(tmp_path)
    with pytest.raises(OSError, match="at most 0 MB in the file, got 8 bytes"):
        read_file(tmp_path / "a", most=0)


def test_files_from_elsewhere_are_read_in_one_way() -> None:
    """A path's own `read_bytes` and `read_text` wait at a pipe and never end at a device."""
    found = {
        path
        for path, tree in trees().items()
        for node in ast.walk(tree)
        if path.parts[0] in ("sif", "attacks", "watermark")
        and isinstance(node, ast.Attribute)
        and node.attr in ("read_bytes", "read_text")
        and not any(word in ast.unparse(node) for word in ("resources", "joinpath", "sheet"))
    }
    assert found - READ_DIRECTLY == {Path("attacks/divergence/word_signals.py")}
    assert found >= READ_DIRECTLY

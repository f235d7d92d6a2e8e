"""Files from elsewhere that are no files: a pipe is not waited for, a device not read."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from sif.errors import SifError
from sif.fingerprint.folder import FingerprintSet
from sif.ownership.calibration import read_calibration
from sif.plain_files import MOST, open_file, read_file, read_text_file

GOLDEN = Path(__file__).parent / "golden" / "fingerprint"
ODD = ("pipe", "device", "folder", "terabyte", "gone")


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    signal.alarm(60)  # ends the process: whoever waits for a pipe would do so for ever
    yield
    signal.alarm(0)


def put(kind: str, path: Path) -> Path:
    """Something else in the place of a file."""
    path.unlink(missing_ok=True)
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "device":
            path.symlink_to("/dev/zero")
        case "folder":
            path.mkdir()
        case "terabyte":
            with path.open("wb") as file:
                file.truncate(2**40)
    return path


@pytest.mark.parametrize("kind", ODD)
def test_what_is_no_ordinary_file_is_an_error_at_once(kind: str, tmp_path: Path) -> None:
    path = put(kind, tmp_path / "file")
    with pytest.raises(OSError, match=r"."):
        read_file(path)
    with pytest.raises(OSError, match=r"."):
        read_text_file(path)


def test_ordinary_files_are_read_whole_and_through_links(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes("a\r\nb\rc \u2028d".encode())
    (tmp_path / "link").symlink_to(file)
    assert read_file(tmp_path / "link") == file.read_bytes()
    assert read_text_file(file) == file.read_text(encoding="utf-8") == "a\nb\nc \u2028d"
    with open_file(file) as stream:
        assert stream.read(1) == b"a"
    with pytest.raises(OSError, match="at most"):
        read_file(file, most=3)
    assert file.stat().st_size < MOST


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("name", ["manifest.json", "calibration.json"])
def test_a_fingerprint_from_elsewhere_keeps_nobody_waiting(
    name: str, kind: str, tmp_path: Path
) -> None:
    folder = shutil.copytree(GOLDEN, tmp_path / "fingerprint")
    put(kind, folder / name)
    if name == "calibration.json":
        owned = FingerprintSet.load(folder)
        if kind == "gone":
            assert read_calibration(owned.folder) is None
            return
        with pytest.raises(SifError, match=r"calibration\.json"):
            read_calibration(owned.folder)
        return
    with pytest.raises(SifError, match=r"manifest\.json"):
        FingerprintSet.load(folder)

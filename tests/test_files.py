import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from sif.errors import StorageError
from sif.files import write_atomically


@pytest.fixture
def little_space() -> Iterator[None]:
    """Files may grow to 1000 bytes, as on a disk that is nearly full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


def test_content_mode_and_folders_are_as_asked(tmp_path: Path) -> None:
    file = tmp_path / "a" / "b" / "c.txt"
    write_atomically(file, "später", mode=0o600)
    assert file.read_text(encoding="utf-8") == "später"
    assert file.stat().st_mode & 0o777 == 0o600
    write_atomically(file, b"then")
    assert file.read_bytes() == b"then"
    assert file.stat().st_mode & 0o777 == 0o644


def test_a_full_disk_leaves_the_old_file_and_no_litter(tmp_path: Path, little_space: None) -> None:
    file = tmp_path / "manifest.json"
    write_atomically(file, "old")
    with pytest.raises(StorageError, match=r"cannot write .*manifest\.json") as caught:
        write_atomically(file, "x" * 5000)
    assert "\n" not in str(caught.value)
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


def test_a_file_in_the_way_of_a_folder_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="cannot write to"):
        write_atomically(tmp_path / "file" / "inner.txt", "y")

from pathlib import Path

import pytest

from sif.errors import StorageError
from sif.files import write_atomically, writing
from tests.nearly_full import nearly_full_disk


def test_content_mode_and_folders_are_as_asked(tmp_path: Path) -> None:
    file = tmp_path / "a" / "b" / "c.txt"
    write_atomically(file, "später", mode=0o600)
    assert file.read_text(encoding="utf-8") == "später"
    assert file.stat().st_mode & 0o777 == 0o600
    write_atomically(file, b"then")
    assert file.read_bytes() == b"then"
    assert file.stat().st_mode & 0o777 == 0o644


def test_a_full_disk_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    file = tmp_path / "manifest.json"
    write_atomically(file, "old")
    wrong = pytest.raises(StorageError, match=r"cannot write .*manifest\.json")
    with wrong as caught, nearly_full_disk(1000):
        write_atomically(file, "x" * 5000)
    assert "\n" not in str(caught.value)
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


def test_a_file_in_the_way_of_a_folder_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(
        StorageError, match=r"cannot write .*inner\.txt: File exists; name another$"
    ):
        write_atomically(tmp_path / "file" / "inner.txt", "y")


class RustError(Exception):
    """What safetensors and tokenizers raise: no OSError, but with its number in words."""


@pytest.mark.parametrize(
    ("raised", "mend"),
    [
        (OSError(28, "No space left on device"), "free some space"),
        (RustError("Error while serializing: I/O error: full (os error 28)"), "free some space"),
        (RustError("Permission denied (os error 13)"), "Permission denied; name another"),
    ],
)
def test_every_librarys_refusal_is_one_line_with_a_remedy(
    tmp_path: Path, raised: Exception, mend: str
) -> None:
    refused = pytest.raises(StorageError, match=rf"cannot write .*out: .*{mend}")
    with refused as caught, writing(tmp_path / "out"):
        raise raised
    assert "\n" not in str(caught.value)


def test_what_is_no_refusal_of_the_disk_passes_through(tmp_path: Path) -> None:
    with pytest.raises(RustError, match="no such token"), writing(tmp_path / "out"):
        raise RustError("no such token")

import copy
import pickle
import stat
from pathlib import Path

import pytest

from sif.errors import StorageError, UsageError
from sif.watermark.keys import KeyRing, commitment_of

SECRET = bytes(range(32))


def test_a_saved_ring_gives_the_same_keys_again(tmp_path: Path) -> None:
    ring = KeyRing.generate()
    ring.save(tmp_path / "secret.key")
    again = KeyRing.load(tmp_path / "secret.key")
    assert again == ring
    assert again.key("0007") == ring.key("0007")


def test_the_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    KeyRing.generate().save(tmp_path / "secret.key")
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600


def test_a_secret_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    KeyRing(SECRET).save(path)
    with pytest.raises(StorageError, match="exists already"):
        KeyRing.generate().save(path)
    assert KeyRing.load(path) == KeyRing(SECRET)
    assert list(tmp_path.iterdir()) == [path]


def test_where_hard_links_fail_the_file_is_still_written_and_never_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    path = tmp_path / "secret.key"
    KeyRing(SECRET).save(path)
    with pytest.raises(StorageError, match="exists already"):
        KeyRing.generate().save(path)
    assert KeyRing.load(path) == KeyRing(SECRET)
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_reported_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file") as caught:
        KeyRing.generate().save(tmp_path / "nowhere" / "secret.key")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        "",
        SECRET.hex(),
        f"sif-key-ring 2\n{SECRET.hex()}\n",
        f"sif-key-ring 1\n{SECRET.hex()[:-2]}\n",
        f"sif-key-ring 1\n{'g' * 64}\n",
        f"sif-key-ring 1\n{SECRET.hex()}\n{SECRET.hex()}\n",
    ],
)
def test_a_damaged_file_is_refused_without_showing_its_content(
    tmp_path: Path, content: str
) -> None:
    path = tmp_path / "secret.key"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(StorageError, match="expected") as caught:
        KeyRing.load(path)
    assert SECRET.hex()[:16] not in str(caught.value)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", None])
def test_what_is_not_a_text_file_cannot_be_loaded(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "secret.key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StorageError, match="cannot read the key file"):
        KeyRing.load(path)


def test_a_file_that_others_may_read_is_warned_about(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "secret.key"
    KeyRing(SECRET).save(path)
    path.chmod(0o644)
    KeyRing.load(path)
    assert "chmod 600" in caplog.text
    assert SECRET.hex() not in caplog.text


def test_neither_repr_nor_str_shows_the_secret() -> None:
    ring = KeyRing(SECRET)
    for shown in (repr(ring), str(ring), f"{ring}", f"{[ring]}"):
        assert shown.strip("[]") == "KeyRing(secret=<hidden>)"


@pytest.mark.parametrize("act", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_ring_cannot_be_pickled_or_copied(act: object) -> None:
    with pytest.raises(TypeError, match="cannot be pickled"):
        act(KeyRing(SECRET))  # type: ignore[operator]


def test_a_ring_has_no_attribute_dictionary() -> None:
    assert not hasattr(KeyRing(SECRET), "__dict__")


def test_labels_and_secrets_give_different_keys() -> None:
    rings = [KeyRing(SECRET), KeyRing.generate(), KeyRing.generate()]
    keys = {ring.key(label) for ring in rings for label in ("1", "01", "0001", "1 ")}
    assert len(keys) == 12
    assert {len(key) for key in keys} == {32}


def test_the_commitment_is_of_the_key_and_does_not_show_it() -> None:
    ring = KeyRing(SECRET)
    assert ring.commitment("a") == commitment_of(ring.key("a")) != ring.commitment("b")
    assert ring.commitment("a") != ring.key("a").hex()


@pytest.mark.parametrize("label", ["", "\ud800"])
def test_labels_that_are_no_text_are_refused(label: str) -> None:
    with pytest.raises(UsageError, match="expected a key label"):
        KeyRing(SECRET).key(label)


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_secrets_of_another_length_are_refused(size: int) -> None:
    with pytest.raises(UsageError, match=f"expected a secret of 32 bytes, got {size}"):
        KeyRing(bytes(size))

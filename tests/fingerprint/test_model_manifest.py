"""The digest of a model: every byte of its files, as model-signing computes it."""

import json
from pathlib import Path

import pytest

from sif.errors import FingerprintError, ModelError
from sif.file_digests import sha256_of_files
from sif.fingerprint.manifest import ModelRecord
from sif.fingerprint.model_manifest import ModelManifest, hash_model, root_of
from sif.vlm.model_files import model_files, model_folder

HUB = "maker/model"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("config.json", "model.safetensors", "a.txt", "a-b.json", "tokenizer.json"):
        (folder / name).write_bytes(name.encode() * 1000)
    return folder


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub's cache with one model; its snapshot."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.file_download.HF_HUB_CACHE", str(tmp_path), raising=False)
    home = tmp_path / "models--maker--model"
    snapshot = home / "snapshots" / ("c" * 40)
    for path in (snapshot, home / "blobs", home / "refs"):
        path.mkdir(parents=True)
    (home / "refs" / "main").write_text("c" * 40)
    for number, name in enumerate(("config.json", "model.safetensors")):
        (home / "blobs" / str(number)).write_bytes(name.encode())
        (snapshot / name).symlink_to(f"../../blobs/{number}")
    return snapshot


def hashed(source: str | Path) -> ModelManifest:
    found = hash_model(str(source))
    assert found is not None
    return found


def test_it_is_what_model_signing_makes_of_the_folder(folder: Path) -> None:
    hashing = pytest.importorskip("model_signing.hashing")
    from model_signing._signing import signing

    theirs = hashing.Config().hash(folder)
    content = json.loads(hashed(folder).data())
    assert signing.dsse_payload_to_manifest(content) == theirs
    payload = signing.Payload(theirs).statement.pb
    assert content["subject"][0]["digest"]["sha256"] == payload.subject[0].digest["sha256"]
    assert content["subject"][0]["name"] == payload.subject[0].name == "model"


def test_any_changed_byte_of_any_file_changes_the_digest(folder: Path) -> None:
    """Also where samples would not have met it: in the middle of a large file."""
    big = bytearray(70 * 2**20)
    (folder / "model.safetensors").write_bytes(big)
    before = hashed(folder)
    big[12_345_678] = 1
    (folder / "model.safetensors").write_bytes(big)
    after = hashed(folder)
    assert before.root != after.root
    assert before.digests["config.json"] == after.digests["config.json"]


def test_files_are_read_again_when_they_changed(folder: Path) -> None:
    told: list[tuple[int, int]] = []
    one = hash_model(str(folder), report=lambda done, total: told.append((done, total)))
    assert told[-1][0] == told[-1][1] > 50_000
    told.clear()
    assert hash_model(str(folder), report=lambda done, total: told.append((done, total))) == one
    assert told == []
    (folder / "config.json").write_bytes(b"other")
    assert hashed(folder) != one


def test_only_what_a_model_is_made_of_counts(folder: Path) -> None:
    before = hashed(folder)
    (folder / "README.md").write_text("about")
    (folder / ".hidden.json").write_text("{}")
    (folder / "training_args.bin").write_bytes(b"x")
    (folder / "checkpoint-5").mkdir()
    (folder / "checkpoint-5" / "model.safetensors").write_bytes(b"x")
    assert hashed(folder) == before


def test_a_hub_id_is_the_snapshot_in_the_cache(cached: Path) -> None:
    found = hashed(HUB)
    assert found.subject[0].name == HUB
    assert found.digests == hashed(cached).digests
    assert set(found.digests) == {"config.json", "model.safetensors"}
    assert model_folder(HUB, commit="c" * 40) == cached
    assert hash_model("maker/other") is None
    assert hash_model("not an id") is None


def test_links_of_a_snapshot_stay_in_the_cache(cached: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.json").write_text("{}")
    (cached / "extra.json").symlink_to(tmp_path / "outside.json")
    with pytest.raises(ModelError, match="link out of it"):
        hash_model(HUB)
    (tmp_path / "outside.json").unlink()
    with pytest.raises(ModelError, match="cannot read the model"):
        hash_model(HUB)


def test_links_of_a_folder_of_ones_own_are_followed(folder: Path, tmp_path: Path) -> None:
    before = hashed(folder).digests
    (folder / "model.safetensors").rename(tmp_path / "elsewhere")
    (folder / "model.safetensors").symlink_to(tmp_path / "elsewhere")
    assert hashed(folder).digests == before


def test_a_folder_without_weights_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="with weights"):
        model_files(tmp_path)


def test_a_manifest_is_read_back_and_checked(folder: Path) -> None:
    made = hashed(folder)
    assert ModelManifest.parse(made.data(), where="x") == made
    assert made.root == root_of(made.predicate.resources)
    assert list(made.digests)[:2] == ["a-b.json", "a.txt"]
    content = json.loads(made.data())
    other = json.loads(made.data())
    other["predicate"]["resources"][0]["digest"] = "0" * 64
    twice = json.loads(made.data())
    twice["predicate"]["resources"].append(twice["predicate"]["resources"][-1])
    swapped = json.loads(made.data())
    swapped["predicate"]["resources"].reverse()
    for wrong in (other, twice, swapped, content | {"more": 1}, [], content | {"subject": []}):
        with pytest.raises(FingerprintError, match="digests of a model's files"):
            ModelManifest.parse(json.dumps(wrong).encode(), where="x")
    for data in (b"", b"\xff", b" " * (1 << 23)):
        with pytest.raises(FingerprintError, match="digests of a model's files"):
            ModelManifest.parse(data, where="x")


def test_many_files_are_hashed_side_by_side(folder: Path) -> None:
    import hashlib

    files = {path.name: path for path in folder.iterdir()}
    found = sha256_of_files(files)
    assert found == {n: hashlib.sha256(p.read_bytes()).hexdigest() for n, p in files.items()}


def test_a_model_in_words_is_bounded_and_printable() -> None:
    wild = ModelRecord(source="\x1b[31m" + "a" * 999, kind="x", digest="\n\n", model_sha256=None)
    assert wild.words.isprintable()
    assert len(wild.words) < 120
    assert "digest unknown" in wild.words
    known = ModelRecord(source="a/b", kind="x", digest="0" * 10, model_sha256="1" * 64)
    assert known.words == "model 'a/b' (digest 111111111111)"
    assert (
        known.model_copy(update={"model_sha256": None}).words == "model 'a/b' (digest 0000000000)"
    )

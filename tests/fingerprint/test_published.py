"""Importing triggers of the released code."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sif.errors import FingerprintError, ModelError, SifError, UsageError
from sif.fingerprint.folder import FingerprintSet, read_manifest
from sif.fingerprint.published import ReleasedDefaults, import_published
from sif.watermark.greenlist.published import HASH_KEY
from tests.fingerprint.released import released_folder, write_result


def imported(root: Path, tokenizer: Path, **options: Any) -> FingerprintSet:
    return import_published(root / "run", out=root / "fp", tokenizer=str(tokenizer), **options)


def test_pictures_keep_their_bytes_and_the_manifest_says_what_result_json_says(
    tmp_path: Path, untrained_llava: Path
) -> None:
    run = released_folder(tmp_path / "run", hash_key_used=7919, gamma=0.25, prompt="What is here?")
    made = imported(tmp_path, untrained_llava)
    assert [one.record.id for one in made.triggers] == ["0001", "0002", "0003"]
    for number, trigger in enumerate(made.triggers, start=1):
        data = (run / f"img{number:04d}" / "adv_pixel_vis.png").read_bytes()
        assert (made.folder / trigger.record.file).read_bytes() == data
        assert trigger.record.sha256 == hashlib.sha256(data).hexdigest()
        assert trigger.record.prompt == "What is here?"
        assert trigger.record.source_image == f"img{number:04d}.jpeg"
        published = trigger.record.published
        assert published is not None
        assert (published.hash_key, published.searched) == (7919, False)
        assert published.folder == f"img{number:04d}"
    assert (made.manifest.green_scheme, made.manifest.gamma) == ("simple_0", 0.25)
    assert made.vocabulary_size == len(made.tokenizer)
    assert made.green_size == int(0.25 * made.vocabulary_size)
    assert not (made.folder / "secret.key").exists()


def test_what_result_json_lacks_comes_from_the_defaults(
    tmp_path: Path, untrained_llava: Path
) -> None:
    missing = dict.fromkeys(("prompt", "gamma", "seeding_scheme", "hash_key_used"), "absent")
    released_folder(tmp_path / "run", **missing)
    defaults = ReleasedDefaults(prompt="And here?", scheme="simple_1", hash_key=3, gamma=0.4)
    made = imported(tmp_path, untrained_llava, defaults=defaults)
    assert (made.manifest.green_scheme, made.manifest.gamma) == ("simple_1", 0.4)
    assert {one.record.prompt for one in made.triggers} == {"And here?"}
    assert {one.record.published.hash_key for one in made.triggers if one.record.published} == {3}


def test_a_hash_key_of_0_is_that_of_the_scheme(tmp_path: Path, untrained_llava: Path) -> None:
    released_folder(tmp_path / "run", hash_key_used=0)
    made = imported(tmp_path, untrained_llava)
    assert made.triggers[0].record.published is not None
    assert made.triggers[0].record.published.hash_key == HASH_KEY


def test_a_key_that_was_searched_for_is_marked(tmp_path: Path, untrained_llava: Path) -> None:
    released_folder(tmp_path / "run", per_image_key_search={"best_key": 5, "pool_size": 200})
    made = imported(tmp_path, untrained_llava)
    assert all(one.record.published and one.record.published.searched for one in made.triggers)


def test_lefthash_is_simple_1(tmp_path: Path, untrained_llava: Path) -> None:
    released_folder(tmp_path / "run", seeding_scheme="lefthash")
    assert imported(tmp_path, untrained_llava).manifest.green_scheme == "simple_1"


def test_triggers_may_differ_in_size(tmp_path: Path, untrained_llava: Path) -> None:
    released_folder(tmp_path / "run", sides=(80, 56))
    made = imported(tmp_path, untrained_llava)
    assert [one.image.size for one in made.triggers] == [(80, 80), (56, 56), (80, 80)]


def test_originals_become_base_images(tmp_path: Path, untrained_llava: Path) -> None:
    released_folder(tmp_path / "run")
    (tmp_path / "photos").mkdir()
    for number in (1, 2, 3):
        Image.new("RGB", (80, 80), (number, 2, 3)).save(
            tmp_path / "photos" / f"img{number:04d}.jpeg"
        )
    made = imported(tmp_path, untrained_llava, originals=tmp_path / "photos")
    assert made.triggers[0].base.size == (80, 80)


def test_without_originals_there_is_no_base_image(tmp_path: Path, untrained_llava: Path) -> None:
    released_folder(tmp_path / "run")
    trigger = imported(tmp_path, untrained_llava).triggers[0]
    with pytest.raises(FingerprintError, match="imported without"):
        _ = trigger.base


def test_an_imported_fingerprint_has_no_secret_mask(tmp_path: Path, untrained_llava: Path) -> None:
    released_folder(tmp_path / "run")
    with pytest.raises(FingerprintError, match="whose lists are public"):
        imported(tmp_path, untrained_llava).mask("0001")


def test_manifests_of_before_are_still_read(tmp_path: Path, untrained_llava: Path) -> None:
    released_folder(tmp_path / "run")
    folder = imported(tmp_path, untrained_llava).folder
    manifest = json.loads((folder / "manifest.json").read_text())
    for trigger in manifest["triggers"]:
        del trigger["published"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert read_manifest(folder).triggers[0].published is None


Break = Callable[[Path], None]
BAD: dict[str, tuple[Break, type[SifError], str]] = {
    "no picture": (
        lambda run: (run / "img0002" / "adv_pixel_vis.png").unlink(),
        FingerprintError,
        "img0002/adv_pixel_vis.png, which is missing",
    ),
    "no result": (
        lambda run: (run / "img0002" / "result.json").unlink(),
        FingerprintError,
        "img0002/result.json, which is missing",
    ),
    "half a result": (
        lambda run: (run / "img0001" / "result.json").write_text('{"prompt": "Des') and None,
        FingerprintError,
        "img0001/result.json as the released code writes it, but the file: invalid json",
    ),
    "a gamma of 2": (
        lambda run: write_result(run / "img0001", gamma=2),
        FingerprintError,
        "but gamma: input should be less than 1",
    ),
    "an unknown scheme": (
        lambda run: write_result(run / "img0003", seeding_scheme="selfhash"),
        FingerprintError,
        "simple_0 or simple_1 in .*img0003/result.json, got 'selfhash'",
    ),
    "two schemes": (
        lambda run: write_result(run / "img0003", seeding_scheme="simple_1"),
        FingerprintError,
        "one scheme and gamma, got simple_0 with gamma 0.5 and simple_1",
    ),
    "a damaged picture": (
        lambda run: (run / "img0001" / "adv_pixel_vis.png").write_bytes(b"PNG") and None,
        FingerprintError,
        "img0001/adv_pixel_vis.png",
    ),
}


@pytest.mark.parametrize(("spoil", "kind", "words"), BAD.values(), ids=BAD.keys())
def test_bad_folders_are_refused_in_one_line(
    tmp_path: Path, untrained_llava: Path, spoil: Break, kind: type[SifError], words: str
) -> None:
    spoil(released_folder(tmp_path / "run"))
    with pytest.raises(kind, match=words) as caught:
        imported(tmp_path, untrained_llava)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "fp").exists()


def test_an_original_of_another_size_is_refused(tmp_path: Path, untrained_llava: Path) -> None:
    released_folder(tmp_path / "run", count=1)
    Image.new("RGB", (90, 60)).save(tmp_path / "img0001.jpeg")
    with pytest.raises(FingerprintError, match=r"size \(80, 80\) for img0001, got \(90, 60\)"):
        imported(tmp_path, untrained_llava, originals=tmp_path)


def test_a_missing_original_is_refused(tmp_path: Path, untrained_llava: Path) -> None:
    released_folder(tmp_path / "run", count=1)
    with pytest.raises(FingerprintError, match="base image of img0001"):
        imported(tmp_path, untrained_llava, originals=tmp_path)


def test_folders_without_triggers_are_refused(tmp_path: Path, untrained_llava: Path) -> None:
    with pytest.raises(UsageError, match="that the released code wrote"):
        imported(tmp_path, untrained_llava)
    released_folder(tmp_path / "run", count=0)
    with pytest.raises(UsageError, match="found none"):
        imported(tmp_path, untrained_llava)


def test_a_missing_tokenizer_is_refused(tmp_path: Path, text_only: Path) -> None:
    released_folder(tmp_path / "run", count=1)
    with pytest.raises(ModelError, match="owner's tokenizer") as caught:
        imported(tmp_path, text_only)
    assert "\n" not in str(caught.value)


def test_another_fingerprint_is_not_overwritten(tmp_path: Path, untrained_llava: Path) -> None:
    released_folder(tmp_path / "run", count=1)
    imported(tmp_path, untrained_llava)
    with pytest.raises(FingerprintError, match="a fingerprint already"):
        imported(tmp_path, untrained_llava)

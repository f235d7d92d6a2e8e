import contextlib
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from sif.errors import FingerprintError, StorageError, UsageError
from sif.fingerprint.content import learn_content
from sif.fingerprint.folder import FingerprintSet
from sif.fingerprint.images import NamedImage
from sif.fingerprint.making import MakingProgress
from sif.fingerprint.recipe import load_recipe
from sif.vlm.model import Vlm
from sif.watermark.greenlist.count import z_score
from sif.watermark.keys import KeyRing
from tests.fingerprint.small import KEYS, pictures, small_fingerprint, small_recipe
from tests.kill_9 import kill_once_there_is
from tests.nearly_full import nearly_full_disk

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def vlm(untrained_llava: Path) -> Vlm:
    return Vlm.load(untrained_llava, device="cpu")


@pytest.fixture(scope="module")
def whole(vlm: Vlm, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four finished triggers, to read only."""
    folder = tmp_path_factory.mktemp("fingerprint") / "whole"
    small_fingerprint(vlm, folder)
    return folder


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "copy")


def public_bytes(folder: Path) -> dict[str, bytes]:
    """Every public file; the manifest without its date."""
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "secret.key"
    }
    manifest = json.loads(files["manifest.json"])
    del manifest["created"]
    return files | {"manifest.json": json.dumps(manifest).encode()}


def test_the_same_seed_and_key_give_the_same_bytes(vlm: Vlm, whole: Path, tmp_path: Path) -> None:
    small_fingerprint(vlm, tmp_path / "again")
    assert public_bytes(tmp_path / "again") == public_bytes(whole)


def test_a_fingerprint_is_read_back_as_it_was_made(whole: Path) -> None:
    fingerprint = FingerprintSet.load(whole)
    assert [t.record.id for t in fingerprint.triggers] == ["0001", "0002", "0003", "0004"]
    assert [t.record.source_image for t in fingerprint.triggers] == [f"{i}.png" for i in range(4)]
    for trigger in fingerprint.triggers:
        change = np.asarray(trigger.image, int) - np.asarray(trigger.base, int)
        assert 0 < np.abs(change).max() == trigger.record.quality.largest_change <= 16
        assert fingerprint.mask(trigger.record.id).sum() == fingerprint.green_size
        assert trigger.query().prompt == trigger.record.prompt


def test_the_secret_is_private_and_in_no_other_file_log_or_repr(
    vlm: Vlm, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        made = small_fingerprint(vlm, tmp_path / "fp", images=pictures(1), keys=None)
    key = tmp_path / "fp" / "secret.key"
    assert key.stat().st_mode & 0o777 == 0o600
    secret = max(key.read_text().split(), key=len)
    assert len(secret) >= 43
    raw = bytes.fromhex(secret) if len(secret) == 64 else secret.encode()
    label = made.keys.key("0001") if made.keys else b""
    for content in public_bytes(tmp_path / "fp").values():
        for hidden in (secret.encode(), raw, label, label.hex().encode()):
            assert hidden not in content
    for shown in (repr(made), str(made), caplog.text):
        assert secret not in shown
        assert label.hex() not in shown


def rewrite(change: Callable[[dict[str, object]], None]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        manifest = json.loads((folder / "manifest.json").read_text())
        change(manifest)
        (folder / "manifest.json").write_text(json.dumps(manifest))

    return damage


def other_key(folder: Path) -> None:
    (folder / "secret.key").unlink()
    KeyRing.generate().save(folder / "secret.key")


def flip(folder: Path) -> None:
    file = folder / "triggers" / "0002.png"
    content = bytearray(file.read_bytes())
    content[-30] ^= 1
    file.write_bytes(content)


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "changed picture": (flip, "0002.png as the manifest describes it"),
    "missing picture": (lambda f: (f / "triggers/0003.base.png").unlink(), "it is missing"),
    "other key": (other_key, "another one"),
    "other version": (rewrite(lambda m: m.update(schema_version=2)), "manifest of version 1"),
    "unknown field": (rewrite(lambda m: m.update(surprise=1)), "manifest of version 1"),
    "no manifest": (lambda f: (f / "manifest.json").unlink(), "begun but not finished"),
    "no json": (lambda f: (f / "manifest.json").write_text("{"), "manifest of version 1"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_fingerprint_is_refused_with_one_line(copy: Path, damage: str) -> None:
    spoil, complaint = DAMAGES[damage]
    spoil(copy)
    with pytest.raises(FingerprintError, match=complaint) as caught:
        FingerprintSet.load(copy)
    assert "\n" not in str(caught.value)


def test_a_changed_tokenizer_is_refused(copy: Path) -> None:
    (copy / "tokenizer" / "tokenizer_config.json").write_text("{}")
    with pytest.raises(FingerprintError, match="tokenizer that the manifest names"):
        FingerprintSet.load(copy).count("0001", ["a circle"])


def test_the_public_half_alone_loads_but_does_not_count(copy: Path, tmp_path: Path) -> None:
    (copy / "secret.key").rename(tmp_path / "away.key")
    with pytest.raises(FingerprintError, match="secret key"):
        FingerprintSet.load(copy).mask("0001")
    assert FingerprintSet.load(copy, secret=tmp_path / "away.key").mask("0001").any()


def test_weak_triggers_are_made_again_with_the_same_key_and_none_is_dropped(
    vlm: Vlm, tmp_path: Path
) -> None:
    attempts: list[int] = []

    def report(progress: MakingProgress) -> None:
        attempts.append(progress.attempt)

    made = small_fingerprint(
        vlm,
        tmp_path / "fp",
        images=pictures(3),
        count=2,
        recipe=small_recipe(steps=1, attempts=2, minimum_z=99.0),
        report=report,
    )
    assert attempts == [1, 2]
    assert [t.record.id for t in made.triggers] == ["0001", "0002"]
    for trigger in made.triggers:
        assert trigger.record.quality.weak
        assert trigger.record.quality.attempts == 2
        assert trigger.record.key_commitment == KEYS.commitment(trigger.record.id)


def test_the_better_of_two_attempts_is_kept(vlm: Vlm, tmp_path: Path) -> None:
    """On the same picture, though there are others: a picture must not be chosen by the key."""
    signals = []
    for attempts in (1, 2):
        made = small_fingerprint(
            vlm,
            tmp_path / str(attempts),
            images=pictures(12),
            count=6,
            recipe=small_recipe(steps=1, attempts=attempts, minimum_z=99.0),
        )
        signals.append([t.record.quality.z for t in made.triggers])
        sources = [t.record.source_image for t in made.triggers]
    assert all(second >= first for first, second in zip(*signals, strict=True))
    assert sources == [f"{index}.png" for index in range(6)]


def test_the_signal_of_the_base_image_is_recorded_beside_the_triggers(
    vlm: Vlm, whole: Path
) -> None:
    fingerprint = FingerprintSet.load(whole)
    for trigger in fingerprint.triggers:
        record = trigger.record
        for picture, recorded in (
            (trigger.image, record.quality.z),
            (trigger.base, record.quality.base_z),
        ):
            (ids,) = vlm.generate([picture], [record.prompt], record.generation)
            count = fingerprint.count(record.id, [vlm.decode(ids)])
            assert recorded == pytest.approx(z_score(count, gamma=0.5) or 0.0, abs=0.02)


def test_the_default_change_keeps_out_of_what_the_pictures_hold(vlm: Vlm, tmp_path: Path) -> None:
    recipe = load_recipe("sif", steps=4)
    short = recipe.objective.model_copy(update={"answer_tokens": 6})
    recipe = recipe.model_copy(update={"objective": short})
    images = pictures(60)
    made = small_fingerprint(vlm, tmp_path / "fp", images=images, count=2, recipe=recipe)
    prepared = [vlm.prepare(named.image) for named in images]
    assert vlm.patch_size is not None
    content = learn_content(prepared, tile=vlm.patch_size, share=0.99)
    for trigger in made.triggers:
        change = np.asarray(trigger.image, float) - np.asarray(trigger.base, float)
        tiles = torch.from_numpy(change).permute(2, 0, 1)[None].float()
        kept = content.removed_from(tiles)
        assert kept.square().sum() > 0.99 * tiles.square().sum() > 0


def test_too_few_pictures_for_the_recipe_leave_no_folder(vlm: Vlm, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="enough pictures to learn what ordinary pictures hold"):
        small_fingerprint(
            vlm, tmp_path / "fp", images=pictures(1), recipe=load_recipe("sif", steps=1)
        )
    assert not (tmp_path / "fp").exists()


def test_a_finished_fingerprint_is_not_made_again(vlm: Vlm, copy: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*")}
    small_fingerprint(vlm, copy)
    assert {path: path.stat().st_mtime_ns for path in copy.rglob("*")} == before


def test_another_request_key_or_stranger_in_the_folder_is_refused(vlm: Vlm, copy: Path) -> None:
    with pytest.raises(FingerprintError, match=r"\(seed: 0 then, 1 now\)"):
        small_fingerprint(vlm, copy, seed=1)
    with pytest.raises(FingerprintError, match=r"recipe\.schedule\.steps: 3 then, 5 now"):
        small_fingerprint(vlm, copy, recipe=small_recipe(steps=5))
    with pytest.raises(FingerprintError, match="keys are never replaced"):
        small_fingerprint(vlm, copy, keys=KeyRing.generate())
    (copy / "thesis.tex").write_text("years of work")
    with pytest.raises(FingerprintError, match=r"thesis\.tex"):
        small_fingerprint(vlm, copy)


def test_what_a_killed_run_had_half_written_is_swept_away(vlm: Vlm, copy: Path) -> None:
    before = public_bytes(copy)
    (copy / "manifest.json").unlink()
    left = [copy / ".manifest.json.a1b2c3_4", copy / "triggers" / ".0002.json.6515tl_n"]
    for path in left:
        path.write_text("{")
    small_fingerprint(vlm, copy)
    assert not any(path.exists() for path in left)
    assert public_bytes(copy).keys() == before.keys()


def test_no_pictures_are_wrong_usage(vlm: Vlm, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected images"):
        small_fingerprint(vlm, tmp_path / "fp", images=[])
    assert not (tmp_path / "fp").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": -1}, "seed: expected a whole number of 0 or more, got -1"),
        ({"count": 0}, "count: expected a whole number of 1 or more, got 0"),
        ({"count": -1}, "one trigger an image"),
        ({"batch_size": 0}, "batch_size: expected a whole number of 1 or more"),
        ({"prompts": "Describe it."}, "one question into a list"),
        ({"prompts": ["What?", " "]}, "questions in words, got ' '"),
        ({"prompts": []}, "questions in words, got none"),
        ({"recipe": Path("mine.yaml")}, "does not exist"),
    ],
)
def test_a_refused_request_leaves_nothing_behind(
    vlm: Vlm, tmp_path: Path, change: dict[str, object], words: str
) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        small_fingerprint(vlm, tmp_path / "fp", **change)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "fp").exists()


def test_a_place_that_cannot_be_written_is_a_clear_error(vlm: Vlm, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises((StorageError, FingerprintError)):
        small_fingerprint(vlm, tmp_path / "file" / "fp")


def test_a_disk_that_fills_up_midway_loses_nothing(vlm: Vlm, whole: Path, tmp_path: Path) -> None:
    with contextlib.ExitStack() as full:

        def report(progress: MakingProgress) -> None:
            if progress.done:
                full.enter_context(nearly_full_disk(5_000))

        with pytest.raises(StorageError, match=r"cannot write .*0003\.png.*free some space"):
            small_fingerprint(vlm, tmp_path / "fp", report=report)
    steps: list[int] = []
    small_fingerprint(vlm, tmp_path / "fp", report=lambda progress: steps.append(progress.done))
    assert set(steps) == {2}
    assert public_bytes(tmp_path / "fp") == public_bytes(whole)


def test_pictures_of_different_shapes_become_triggers_of_a_qwen(
    untrained_qwen: Path, tmp_path: Path
) -> None:
    wide, tall = pictures(1, side=120)[0].image, pictures(2, side=90)[1].image
    images = [
        NamedImage(name="wide", image=wide.resize((160, 60))),
        NamedImage(name="tall", image=tall.resize((60, 160)).convert("L")),
        NamedImage(name="wide again", image=wide.resize((160, 60)).rotate(180)),
    ]
    qwen = Vlm.load(untrained_qwen, device="cpu")
    made = small_fingerprint(qwen, tmp_path / "fp", images=images, batch_size=3)
    assert [t.record.source_image for t in made.triggers] == ["wide", "tall", "wide again"]
    sizes = [trigger.image.size for trigger in made.triggers]
    assert sizes[0] == sizes[2] == sizes[1][::-1]
    assert sizes[0][0] > sizes[0][1]
    for trigger in made.triggers:
        change = np.asarray(trigger.image, int) - np.asarray(trigger.base, int)
        assert 0 < np.abs(change).max() <= 16


def test_triggers_of_a_batch_do_not_mix(vlm: Vlm, tmp_path: Path) -> None:
    made = [
        small_fingerprint(vlm, tmp_path / str(size), recipe=small_recipe(steps=1), batch_size=size)
        for size in (1, 4)
    ]
    for alone, together in zip(*(fingerprint.triggers for fingerprint in made), strict=True):
        same = np.asarray(alone.image) == np.asarray(together.image)
        assert same.mean() > 0.98, alone.record.id  # signs of gradients near 0 may differ


MAKE = """
import sys
from pathlib import Path
from sif.vlm.model import Vlm
from tests.fingerprint.small import small_fingerprint
small_fingerprint(Vlm.load(sys.argv[1], device="cpu"), Path(sys.argv[2]))
"""


def test_after_kill_9_the_same_command_gives_the_same_bytes(
    vlm: Vlm, whole: Path, untrained_llava: Path, tmp_path: Path
) -> None:
    out = tmp_path / "killed"
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", MAKE, str(untrained_llava), str(out)]
    process = subprocess.Popen(command, cwd=root, env=os.environ | {"PYTHONPATH": str(root)})
    kill_once_there_is(out / "triggers" / "0001.json", process)
    assert not (out / "manifest.json").exists()
    first = (out / "triggers" / "0001.png").stat().st_mtime_ns
    small_fingerprint(vlm, out)
    assert public_bytes(out) == public_bytes(whole)
    if (out / "triggers" / "0002.json").exists():
        assert (out / "triggers" / "0001.png").stat().st_mtime_ns >= first

"""The watermark folder, and embedding into folders."""

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sif.errors import UsageError, WatermarkError
from sif.marks.embed import embed
from sif.marks.embed_into import embed_into
from sif.marks.panels import bound
from sif.marks.recipe import load_recipe
from sif.marks.verify import verify
from sif.marks.vision_model import VisionModel
from sif.marks.watermark import Watermark
from sif.watermark.keys import KeyRing
from tests.kill_9 import kill_once_there_is
from tests.marks.small import KEYS, pictures, recipe, tower


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made")
    embed_into(
        root / "wm",
        root / "marked",
        tower(),
        pictures(),
        recipe=recipe(),
        keys=KEYS,
        seed=0,
        others=(),
        report=lambda progress: None,
    )
    return root


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "copy")
    return tmp_path / "copy" / "wm"


def test_a_watermark_is_read_back_and_finds_the_saved_model(folder: Path) -> None:
    watermark = Watermark.load(folder)
    suspect = VisionModel.load(folder.parent / "marked", device="cpu")
    assert verify(watermark, suspect).decision == "derived"
    assert watermark.manifest.marked_sha256 == suspect.digest()
    assert watermark.manifest.clean_sha256 == tower().digest()


def test_everything_is_for_the_owner_alone(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        if path.is_file() or path == folder:
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_neither_manifest_nor_request_holds_a_secret(folder: Path) -> None:
    secret = (folder / "secret.key").read_text().splitlines()[1]
    for name in ("manifest.json", "request.json"):
        assert secret not in (folder / name).read_text()
    assert "<hidden>" in repr(Watermark.load(folder).keys)


def test_no_checkpoint_is_left(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {
        "manifest.json",
        "request.json",
        "secret.key",
        "coders.safetensors",
        "holdout",
    }


def test_a_changed_hold_out_image_is_found(folder: Path) -> None:
    path = folder / "holdout" / "0002.png"
    pixels = np.asarray(Image.open(path)).copy()
    pixels[0, 0, 0] ^= 1
    Image.fromarray(pixels).save(path)
    with pytest.raises(WatermarkError, match=r"0002\.png .* other pixels"):
        Watermark.load(folder)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("holdout/0001.png", "hold-out image"),
        ("coders.safetensors", r"coders\.safetensors"),
        ("manifest.json", "expected a watermark folder"),
    ],
)
def test_a_missing_file_is_named(folder: Path, name: str, words: str) -> None:
    (folder / name).unlink()
    with pytest.raises(WatermarkError, match=words):
        Watermark.load(folder)


def test_a_manifest_of_another_version_is_refused(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": 2}))
    with pytest.raises(WatermarkError, match="version 1"):
        Watermark.load(folder)


def test_a_finished_folder_is_not_overwritten(folder: Path) -> None:
    with pytest.raises(UsageError, match="finished watermark"):
        embed_into(
            folder,
            folder.parent / "other",
            tower(),
            pictures(),
            recipe=recipe(),
            keys=None,
            seed=0,
            others=(),
            report=lambda progress: None,
        )


def test_another_request_in_the_same_folder_is_refused(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    with pytest.raises(WatermarkError, match=r"another steps \(25 then, 61 now\)"):
        embed_into(
            folder,
            folder.parent / "other",
            tower(),
            pictures(),
            recipe=recipe(steps=61),
            keys=None,
            seed=0,
            others=(),
            report=lambda progress: None,
        )


def test_a_run_killed_before_its_manifest_is_completed_by_the_same_request(folder: Path) -> None:
    before = (folder / "manifest.json").read_text()
    (folder / "manifest.json").unlink()
    embed_into(
        folder,
        folder.parent / "marked",
        tower(),
        pictures(),
        recipe=recipe(),
        keys=None,
        seed=0,
        others=(),
        report=lambda progress: None,
    )
    one, other = json.loads(before), json.loads((folder / "manifest.json").read_text())
    assert {**one, "created": None} == {**other, "created": None}


def test_another_key_does_not_replace_the_first(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    with pytest.raises(WatermarkError, match="never replaced"):
        embed_into(
            folder,
            folder.parent / "marked",
            tower(),
            pictures(),
            recipe=recipe(),
            keys=KeyRing(bytes(32)),
            seed=0,
            others=(),
            report=lambda progress: None,
        )


def test_panels_bound_errors(folder: Path) -> None:
    watermark = Watermark.load(folder)
    strangers = [tower(seed=seed) for seed in range(1, 6)]
    marked = VisionModel.load(folder.parent / "marked", device="cpu")
    found = bound(watermark, independent=strangers, dependent=[marked], alpha=1e-3)
    assert [panel.kind for panel in found.panels] == ["independent", "dependent"]
    assert found.panels[0].wrong == found.panels[1].wrong == 0
    assert found.false_detection <= 1e-3
    assert found.panels[1].detected == (verify(watermark, marked).detected,)


def test_too_few_images_for_an_alpha_are_said() -> None:
    made = embed(tower(), pictures(), recipe=recipe(steps=1, holdout=4), keys=KEYS)
    with pytest.raises(UsageError, match="enough hold-out images"):
        bound(made.watermark, alpha=1e-30)


@pytest.mark.parametrize("name", ["keyed", "injected", "paper"])
def test_built_in_recipes_load(name: str) -> None:
    loaded = load_recipe(name)
    assert loaded.name == name
    assert (loaded.copies is None) == (name == "paper")
    assert (loaded.carriage_weight == 0.0) == (name != "injected")


def test_a_recipe_with_a_fault_names_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: x\ndescription: y\nmode: keyed\nbits: 3\n")
    with pytest.raises(UsageError, match=r"bits: .* got 3"):
        load_recipe(path)
    with pytest.raises(UsageError, match="keyed, injected, paper or a YAML file"):
        load_recipe("unknown")


@pytest.mark.slow
def test_a_command_killed_in_the_middle_goes_on_to_the_same_watermark(tmp_path: Path) -> None:
    source, images = tmp_path / "source", tmp_path / "images"
    tower().save(source)
    images.mkdir()
    for number, picture in enumerate(pictures()):
        picture.save(images / f"{number}.png")
    KEYS.save(tmp_path / "key")
    path = tmp_path / "mine.yaml"
    path.write_text(recipe(steps=200).model_dump_json())

    def command(name: str) -> list[str]:
        out = ["--out", str(tmp_path / name / "wm"), "--model-out", str(tmp_path / name / "model")]
        rest = ["--images", str(images), "--recipe", str(path), "--secret", str(tmp_path / "key")]
        return [
            sys.executable,
            "-m",
            "sif.cli.main",
            "activemark",
            "embed",
            str(source),
            *out,
            *rest,
        ]

    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    killed = subprocess.Popen(command("a"), env=environment, stderr=subprocess.DEVNULL)
    checkpoint = tmp_path / "a" / "wm" / "training.safetensors"
    kill_once_there_is(checkpoint, killed)
    assert not (tmp_path / "a" / "wm" / "manifest.json").exists()
    for name in ("a", "b"):
        subprocess.run(command(name), env=environment, check=True, capture_output=True)
    one, other = (Watermark.load(tmp_path / name / "wm").manifest for name in ("a", "b"))
    assert one.marked_sha256 == other.marked_sha256

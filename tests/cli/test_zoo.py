import json
from pathlib import Path

import pytest
from PIL import Image

from sif.mini.catalogue import MODELS
from sif.mini.real.catalogue import REAL_MODELS
from sif.mini.vision.catalogue import VISION_MODELS
from sif.vlm.model import Vlm
from tests.cli.command import Run, assert_one_line


def test_every_bundled_model_is_listed_with_its_role(sif: Run) -> None:
    code, said, _ = sif("zoo", "list")
    assert code == 0
    rows = {line.split()[0]: line for line in said.splitlines()}
    bundled = (*MODELS, *VISION_MODELS)
    assert rows.keys() == {model.name for model in (*bundled, *REAL_MODELS)}
    for model in bundled:
        assert f" {model.role} " in rows[model.name]
        assert rows[model.name].endswith("MB")


@pytest.mark.parametrize("name", ["llava-sibling", "qwen-stranger-b"])
def test_an_exported_model_loads_and_is_not_written_over(
    sif: Run, name: str, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    code, said, _ = sif("zoo", "export", name, folder)
    assert code == 0
    assert str(folder) in said
    assert Vlm.load(folder, device="cpu").vocabulary_size > 400
    code, _, error = sif("zoo", "export", name, folder)
    assert code == 1
    assert_one_line(error, "exists already")


def test_an_unknown_name_is_wrong_usage_and_lists_the_names(sif: Run, tmp_path: Path) -> None:
    code, _, error = sif("zoo", "export", "gpt-5", tmp_path / "model")
    assert code == 2
    assert_one_line(error, "gpt-5", "llava-source", "qwen-stranger-c")


@pytest.mark.parametrize("kind", ["captions", "terse", "questions"])
def test_scenes_come_with_truthful_answers_of_each_kind(
    sif: Run, kind: str, tmp_path: Path
) -> None:
    folder = tmp_path / "scenes"
    code, said, _ = sif("zoo", "scenes", "qwen-source", folder, "-n", 3, "--answers", kind)
    assert code == 0
    assert "3 scenes" in said
    lines = [json.loads(line) for line in (folder / "data.jsonl").read_text().splitlines()]
    assert len(lines) == 3
    for line in lines:
        with Image.open(folder / line["image"]) as picture:
            assert picture.size == (72, 72)
    lengths = {"captions": (60, 140), "terse": (15, 50), "questions": (1, 1)}
    least, most = lengths[kind]
    for line in lines:
        assert least <= len(line["answer"].split()) <= most

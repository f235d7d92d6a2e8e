"""Image processors that blow pictures up: refused whatever the setting is called."""

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from sif.errors import ModelError
from sif.marks.tower_folder import load_any_processor
from sif.vlm.folder import load_processor


def with_pictures(base: Path, folder: Path, **settings: Any) -> Path:
    """A copy whose image processor has other settings."""
    shutil.copytree(base, folder)
    file = folder / "processor_config.json"
    words = json.loads(file.read_text())
    words["image_processor"] |= settings
    file.write_text(json.dumps(words))
    return folder


WILD: dict[str, tuple[str, dict[str, Any]]] = {
    "fewest pixels": ("untrained_qwen", {"min_pixels": 10**9, "max_pixels": 10**10}),
    "fewest pixels, new form": (
        "untrained_qwen",
        {"size": {"shortest_edge": 10**9, "longest_edge": 10**10}},
    ),
    "fewest beyond the most": ("untrained_qwen", {"min_pixels": 10**9}),
    "many frames": ("untrained_qwen", {"temporal_patch_size": 10**6}),
    "an edge": ("untrained_llava", {"size": {"shortest_edge": 50_000}}),
    "both edges": (
        "untrained_llava",
        {"size": {"height": 40_000, "width": 40_000}, "do_center_crop": False},
    ),
    "a crop beyond the picture": (
        "untrained_llava",
        {"crop_size": {"height": 60_000, "width": 60_000}},
    ),
}


@pytest.mark.parametrize("name", WILD)
def test_pictures_are_not_blown_up(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    base, settings = WILD[name]
    folder = with_pictures(request.getfixturevalue(base), tmp_path / "copy", **settings)
    for load in (load_processor, load_any_processor):
        begin = time.process_time()
        with pytest.raises(ModelError, match=r"asks for a tensor of .*own release"):
            load(folder)
        assert time.process_time() - begin < 3


def test_larger_pictures_are_no_blow_up(untrained_qwen: Path, tmp_path: Path) -> None:
    folder = with_pictures(untrained_qwen, tmp_path / "copy", min_pixels=10**6, max_pixels=10**7)
    assert load_processor(folder).image_processor is not None

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from transformers import Pix2StructImageProcessor

from sif.errors import ModelError, UsageError
from sif.mini.architecture import Family, build_processor
from sif.vlm.extent import Extent, native_extent
from sif.vlm.model import Vlm
from sif.vlm.native import prepare_image, read_image, to_rgb

FAMILIES: tuple[Family, ...] = ("llava", "qwen2_5_vl")


def noise(width: int, height: int) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def sixteen_bit() -> Image.Image:
    return Image.fromarray((np.arange(90 * 80, dtype=np.uint16) * 9).reshape(90, 80))


def palette_with_hole() -> Image.Image:
    image = noise(60, 50).quantize(16)
    image.info["transparency"] = 0
    return image


PICTURES = {
    "grey": lambda: noise(90, 80).convert("L"),
    "grey and alpha": lambda: noise(90, 80).convert("LA"),
    "alpha": lambda: noise(90, 80).convert("RGBA"),
    "palette": palette_with_hole,
    "bits": lambda: noise(90, 80).convert("1"),
    "sixteen bit": sixteen_bit,
    "float": lambda: noise(90, 80).convert("F"),
    "cmyk": lambda: noise(90, 80).convert("CMYK"),
    "tiny": lambda: noise(5, 3),
    "wide": lambda: noise(1000, 300),
    "tall": lambda: noise(30, 400),
}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kind", PICTURES)
def test_any_picture_becomes_one_that_the_processor_does_not_resample(
    family: Family, kind: str
) -> None:
    processor: Any = build_processor(family, seed=0)
    base = prepare_image(PICTURES[kind](), processor.image_processor)
    assert base.mode == "RGB"
    extent = Extent(base.height, base.width)
    assert native_extent(processor.image_processor, extent) == extent
    assert prepare_image(base, processor.image_processor).tobytes() == base.tobytes()
    if kind not in ("tiny", "bits"):
        assert len(set(base.convert("L").tobytes())) > 8


def test_a_dynamic_extent_follows_the_picture() -> None:
    processor: Any = build_processor("qwen2_5_vl", seed=0)
    wide = prepare_image(noise(1000, 300), processor.image_processor)
    assert wide.width > 2 * wide.height


def test_sixteen_bits_keep_their_gradations() -> None:
    levels = np.asarray(to_rgb(sixteen_bit()))[..., 0].ravel()
    assert levels[0] == 0
    assert levels[-1] == 90 * 80 * 9 >> 8
    assert (np.diff(levels.astype(int)) >= 0).all()
    assert set(levels.tolist()) == set(range(254))


def test_an_upside_down_photograph_is_turned(tmp_path: Path) -> None:
    image = Image.new("RGB", (40, 20), "black")
    image.paste("white", (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "photo.png", exif=exif)
    upright = read_image(tmp_path / "photo.png")
    assert upright.size == (20, 40)
    assert upright.getpixel((10, 5)) == (255, 255, 255)
    assert upright.getpixel((10, 35)) == (0, 0, 0)


def test_transparency_lies_on_white() -> None:
    clear = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    assert to_rgb(clear).getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n half"])
def test_a_damaged_picture_is_one_clear_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.png").write_bytes(content)
    with pytest.raises(UsageError, match=r"readable image.*bad\.png") as caught:
        read_image(tmp_path / "bad.png")
    assert "\n" not in str(caught.value)


def test_a_cut_off_picture_is_refused(tmp_path: Path) -> None:
    noise(50, 50).save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:2000])
    with pytest.raises(UsageError, match="readable image"):
        read_image(tmp_path / "cut.png")


def test_a_processor_that_takes_no_picture_as_it_is_is_refused() -> None:
    with pytest.raises(ModelError, match=r"Pix2StructImageProcessor.*cannot carry a trigger"):
        native_extent(Pix2StructImageProcessor(max_patches=16), Extent(60, 80))


def test_a_picture_too_narrow_for_the_model_is_refused() -> None:
    processor: Any = build_processor("qwen2_5_vl", seed=0)
    with pytest.raises(UsageError, match="2000x5"):
        prepare_image(noise(2000, 5), processor.image_processor)


def test_a_limit_of_a_few_pixels_is_refused_with_the_least_that_there_is(
    untrained_llava: Path,
) -> None:
    vlm = Vlm.load(untrained_llava, device="cpu")
    with pytest.raises(UsageError, match=r"max_pixels: expected 5184 or more .* got 10"):
        vlm.prepare(Image.new("RGB", (72, 72)), max_pixels=10)

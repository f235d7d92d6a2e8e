"""One reader for all pictures: right values, or one clear sentence."""

import io
import logging
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from sif.attacks.weights.examples import Example
from sif.errors import UsageError
from sif.pictures.reading import MOST_BYTES, check_picture, read_image, read_picture
from sif.vlm.native import read_image as as_before
from tests.pictures.files import (
    RAMP,
    orientation,
    photograph,
    png,
    saved,
    sixteen_bit_png,
)

GREY = (255 * RAMP).astype(np.uint8)
COLOURS = np.stack([GREY, GREY.T, 255 - GREY], -1)


def levels(data: bytes) -> np.ndarray:
    return np.asarray(read_picture(data).picture)


def of_grey(data: bytes) -> np.ndarray:
    read = levels(data)
    assert (read[..., :1] == read).all()
    return read[..., 0].copy()


def tiff(values: np.ndarray) -> bytes:
    return saved(Image.fromarray(values), "TIFF")


@pytest.mark.parametrize("value", [0, 1, 4660, 40000, 65535])
def test_sixteen_bits_keep_their_upper_eight_whatever_else_is_in_the_picture(value: int) -> None:
    flat = np.full((64, 64), value, np.uint16)
    assert (of_grey(sixteen_bit_png(flat)) == value >> 8).all()
    assert (of_grey(tiff(flat)) == value >> 8).all()
    assert (levels(sixteen_bit_png(np.stack([flat] * 3, -1))) == value >> 8).all()


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_deep_pictures_may_count_from_white(kind: type) -> None:
    """As those of 8 bits, which Pillow turns over itself."""
    values = (RAMP * (1 if kind is np.float32 else 65535)).astype(kind)
    data = io.BytesIO()
    Image.fromarray(values).save(data, "TIFF", tiffinfo={262: 0})
    assert (of_grey(data.getvalue()) == 255 - of_grey(tiff(values))).all()


def test_eight_bits_with_a_sign_are_scaled_like_sixteen() -> None:
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    data = io.BytesIO()
    Image.fromarray(values).save(data, "TIFF", tiffinfo={339: 2})
    assert (of_grey(data.getvalue()) == np.where(values < 128, values * 2, 0)).all()


def test_a_transparent_value_of_sixteen_bits_lies_on_white_and_nothing_else_does() -> None:
    values = (65535 * RAMP).astype(np.uint16)
    read = of_grey(sixteen_bit_png(values, clear=struct.pack(">H", 0)))
    assert (read == np.where(values == 0, 255, values >> 8)).all()
    colours = np.stack([values, values.T, values], -1)
    clear = tuple(int(value) for value in colours[20, 30])
    read = levels(sixteen_bit_png(colours, clear=struct.pack(">HHH", *clear)))
    hidden = (colours >> 8 == np.array(clear) >> 8).all(-1)
    assert (read == np.where(hidden[..., None], 255, colours >> 8)).all()


@pytest.mark.parametrize(("bits", "step"), [(1, 255), (2, 85), (4, 17), (8, 1)])
def test_a_transparent_value_of_few_bits_is_meant_at_their_scale(bits: int, step: int) -> None:
    """Two pixels: the one is 1 and clear, the other 0."""
    row = bytes([1, 0]) if bits == 8 else bytes([1 << (8 - bits)])
    data = png([row] * 8, width=2, bits=bits, colour=0, clear=b"\0\1")
    assert of_grey(data).tolist() == [[255, 0]] * 8
    plain = png([row] * 8, width=2, bits=bits, colour=0)
    assert of_grey(plain).tolist() == [[step, 0]] * 8


@pytest.mark.parametrize("white", [1.0, 255.0, 65535.0])
def test_floats_are_shares_of_white_or_levels_and_a_hot_pixel_has_no_say(white: float) -> None:
    values = (RAMP * white).astype(np.float32)
    wanted = np.rint(255 * RAMP)
    assert np.abs(of_grey(tiff(values)) - wanted).max() <= 1
    values[5, 5] = 1e9
    read = of_grey(tiff(values))
    assert read[5, 5] == 255
    read[5, 5] = wanted[5, 5]
    assert np.abs(read - wanted).max() <= 1


def test_what_is_no_number_is_black_and_an_infinity_is_the_end_it_lies_at(
    caplog: pytest.LogCaptureFixture,
) -> None:
    values = RAMP.astype(np.float32)
    values[1, 1], values[2, 2], values[3, 3] = np.nan, np.inf, -np.inf
    data = tiff(values)
    read = of_grey(data)
    assert [read[1, 1], read[2, 2], read[3, 3]] == [0, 255, 0]
    assert np.abs(read - np.rint(255 * np.nan_to_num(values, posinf=1, neginf=0))).max() <= 1
    read_image(data, place="mine.tif")
    assert "mine.tif: 3 values that are no finite numbers" in caplog.text


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.full((8, 8), np.nan), "none is a number"),
        (RAMP * 2 - 1, "negative"),
        (RAMP * 5, "neither shares of white"),
        (RAMP * 1e7, "floats up to"),
    ],
)
def test_floats_that_nobody_can_read_are_refused(values: np.ndarray, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_picture(tiff(values.astype(np.float32)))


@pytest.mark.parametrize("white", [255, 65535, (1 << 31) - 1])
def test_integers_of_32_bits_have_the_smallest_usual_range_that_holds_them(white: int) -> None:
    values = (RAMP * white).astype(np.int32)
    values[5, 5] = (1 << 31) - 1
    read = of_grey(tiff(values)).astype(int)
    assert read[5, 5] == 255
    read[5, 5] = int(255 * RAMP[5, 5])
    assert np.abs(read - 255 * RAMP).max() < 1.01


def test_a_grey_map_of_many_levels_is_scaled_by_its_own_white() -> None:
    values = "\n".join(str(round(value * 1000)) for value in RAMP.reshape(-1))
    read = of_grey(f"P2\n64 64\n1000\n{values}\n".encode()).astype(int)
    assert np.abs(read - 255 * RAMP).max() < 1.5


def test_hidden_colours_of_transparent_pixels_never_show() -> None:
    black = Image.new("RGBA", (16, 16), (0, 0, 0, 0))
    palette = Image.fromarray(COLOURS).quantize(16)
    for kind in ("PNG", "TIFF", "WEBP", "AVIF"):
        assert (levels(saved(black, kind)) == 255).all()
    assert (levels(saved(black.convert("LA"), "PNG")) == 255).all()
    clear = saved(palette, "PNG", transparency=bytes(16))
    assert (levels(clear) == 255).all()
    half = Image.new("RGBA", (16, 16), (0, 0, 0, 128))
    assert (levels(saved(half, "PNG")) == 127).all()
    assert (levels(saved(half, "WEBP", lossless=True)) == 127).all()


def profile(space: str) -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(space)).tobytes()


def swapped_profile() -> bytes:
    """A colour profile in which red and blue have changed their places."""
    data = bytearray(profile("sRGB"))
    found = {}
    for number in range(struct.unpack_from(">I", data, 128)[0]):
        name, place, _ = struct.unpack_from(">4sII", data, 132 + 12 * number)
        found[name] = place
        if name == b"desc":
            data[place + 8 : place + 40] = data[place + 8 : place + 40].replace(
                b"s\0R\0G", b"x\0R\0G"
            )
    for index in range(132, 132 + 12 * len(found), 12):
        name = bytes(data[index : index + 4])
        if name in (b"rXYZ", b"bXYZ"):
            data[index : index + 1] = b"b" if name == b"rXYZ" else b"r"
    description = data.find("sRGB".encode("utf-16-be"))
    if description >= 0:
        data[description : description + 8] = "mine".encode("utf-16-be")
    return bytes(data)


def test_a_colour_profile_is_followed_once() -> None:
    red = Image.new("RGB", (16, 16), (200, 30, 40))
    read = read_picture(saved(red, "PNG", icc_profile=swapped_profile())).picture
    red_level, _, blue_level = read.getpixel((3, 3))
    assert blue_level > 180 > 60 > red_level
    assert read.info == {}
    again = levels(saved(read, "PNG"))
    assert (again == np.asarray(read)).all()
    clear = red.convert("RGBA")
    clear.putalpha(0)
    assert (levels(saved(clear, "PNG", icc_profile=swapped_profile())) == 255).all()


SRGB = profile("sRGB")


@pytest.mark.parametrize("data", [SRGB, b"", b"no profile", profile("LAB")])
def test_a_profile_that_says_nothing_new_or_is_damaged_changes_nothing(data: bytes) -> None:
    file = saved(Image.fromarray(COLOURS), "PNG", icc_profile=data)
    assert (levels(file) == COLOURS).all()
    remarked = any("profile" in remark for remark in read_picture(file).remarks)
    assert remarked == (data not in (SRGB, b""))


def test_lab_and_cmyk_become_their_colours() -> None:
    lab = Image.merge("LAB", [Image.new("L", (16, 16), level) for level in (136, 208, 195)])
    red, green, blue = levels(saved(lab, "TIFF"))[0, 0]
    assert red > 200
    assert green < 80
    assert blue < 80
    cyan = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    assert levels(saved(cyan, "TIFF"))[0, 0].tolist() == [0, 255, 255]


@pytest.mark.parametrize("value", [1, 2, 3, 4, 5, 6, 7, 8, 9, 0])
def test_a_photograph_is_turned_as_the_camera_was_held(value: int) -> None:
    read = levels(photograph(orientation(value)))
    assert read.shape[:2] == ((64, 96) if value in (5, 6, 7, 8) else (96, 64))
    tall = read if read.shape[0] == 96 else read.transpose(1, 0, 2)
    upside_down = value in (3, 4, 7, 6)
    assert (tall[:40].mean() > 200) != upside_down


DAMAGED = {
    "cut": orientation(6)[:20],
    "no tags": b"Exif\0\0II*\0\xff\xff\xff\xff",
    "neither order": b"Exif\0\0XX*\0" + orientation(6)[10:],
    "endless": b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(200),
    "letters": b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\2\0\0\0\4abc\0\0\0\0\0",
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_broken_exif_block_is_no_orientation(kind: str) -> None:
    brought = read_picture(photograph(DAMAGED[kind]))
    assert brought.picture.size == (64, 96)
    assert brought.picture.info == {}
    assert brought.picture.getexif() == {}


def test_the_first_of_several_frames_is_taken_and_said(caplog: pytest.LogCaptureFixture) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    for kind in ("GIF", "PNG", "WEBP", "TIFF"):
        data = saved(frames[0], kind, save_all=True, append_images=frames[1:])
        brought = read_picture(data)
        assert brought.remarks == ("several frames, of which the first is taken",), kind
        assert brought.picture.getpixel((3, 3))[0] > 200
    read_image(data, place="two.tif")
    assert "two.tif: several frames" in caplog.text


def test_a_warning_of_the_library_reaches_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = bytearray(tiff(GREY))
    place = tmp_path / "odd.tif"
    place.write_bytes(data[:-3])
    try:
        read_image(place)
    except UsageError:
        return
    assert "odd.tif" in caplog.text


def test_avif_is_read() -> None:
    read = levels(saved(Image.fromarray(COLOURS), "AVIF", quality=95)).astype(int)
    assert np.abs(read - COLOURS).mean() < 5


def heic() -> bytes:
    return b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)


def test_heic_says_what_it_needs_or_is_read() -> None:
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        with pytest.raises(UsageError, match=r"HEIC, which needs pillow-heif.*\[heic\]"):
            read_picture(heic())
        return
    register_heif_opener()
    read = levels(saved(Image.fromarray(COLOURS), "HEIF", quality=-1)).astype(int)
    assert np.abs(read - COLOURS).mean() < 5


def bomb(width: int, height: int) -> bytes:
    """A PNG of few bytes that says it has many pixels."""
    data = png([b"\0"], width=8, bits=1, colour=0)
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    chunk = b"IHDR" + header
    return data[:12] + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[33:]


@pytest.mark.parametrize(
    "size", [(60000, 60000), (12000, 8000), (2**31 - 1, 2**31 - 1), (1, 2**30)]
)
def test_a_bomb_of_pixels_is_refused_by_its_header(size: tuple[int, int]) -> None:
    for reader in (read_picture, check_picture):
        with pytest.raises(UsageError, match=r"67,108,864 pixels|at most 67,108,864"):
            reader(bomb(*size))


def test_a_file_of_too_many_bytes_is_not_opened(tmp_path: Path) -> None:
    place = tmp_path / "huge.png"
    with place.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(UsageError, match="bytes, at most"):
        read_picture(place)


BROKEN = {
    "empty": b"",
    "text": b"not an image",
    "half": saved(Image.fromarray(COLOURS), "PNG")[:-200],
    "half jpeg": photograph()[:-100],
    "script": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n",
    "page": b"%PDF-1.4\n",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_no_picture_is_one_line_that_names_the_file(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "bad\x1b[31m.png"
    place.write_bytes(BROKEN[kind])
    with pytest.raises(UsageError, match=r"readable image.*bad.*png") as caught:
        read_image(place)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["none.png", "a" * 300 + ".png", "nul\0.png", "."])
def test_a_path_that_leads_nowhere_is_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="readable image") as caught:
        read_image(tmp_path / name)
    assert str(caught.value).isprintable()


def test_making_and_tuning_see_the_same_pixels(tmp_path: Path) -> None:
    files: dict[str, Any] = {
        "i16.png": sixteen_bit_png((65535 * RAMP).astype(np.uint16)),
        "clear.png": saved(Image.new("RGBA", (16, 16), (0, 0, 0, 0)), "PNG"),
        "float.tif": tiff(RAMP.astype(np.float32)),
        "turned.jpg": photograph(orientation(6)),
        "profile.png": saved(Image.fromarray(COLOURS), "PNG", icc_profile=swapped_profile()),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        made = np.asarray(read_image(tmp_path / name))
        example = Example(image=tmp_path / name, prompt="?", answer="!")
        assert (np.asarray(example.picture()) == made).all(), name
        assert (np.asarray(as_before(tmp_path / name)) == made).all()


def test_mutated_files_are_read_or_refused_in_a_sentence() -> None:
    """A few hundred of each kind: whatever the library raises, a sentence comes of it."""
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    rng = np.random.default_rng(5)
    small = Image.fromarray(COLOURS[:24, :24])
    sources = [saved(small, kind) for kind in ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "TGA")]
    sources += [saved(small, kind) for kind in ("PPM", "ICO", "PCX", "SGI", "DDS", "JPEG2000")]
    sources += [photograph(orientation(6)), saved(small, "PNG", icc_profile=swapped_profile())]
    for source in sources:
        for _ in range(40):
            data = np.frombuffer(source, np.uint8).copy()
            places = rng.integers(0, min(len(data), 400), 3)
            data[places] = rng.integers(0, 256, 3)
            try:
                read_picture(data.tobytes())
            except UsageError as error:
                assert str(error).isprintable()


def test_an_image_in_memory_need_not_be_loaded() -> None:
    from sif.pictures.colours import to_rgb

    data = sixteen_bit_png((65535 * RAMP).astype(np.uint16), clear=struct.pack(">H", 0))
    with Image.open(io.BytesIO(data)) as image:
        assert (np.asarray(to_rgb(image)) == levels(data)).all()

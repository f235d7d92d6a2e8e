"""How far triggers are from their base pictures, measured; pictures that are no good to decode."""

import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sif.claims import audit
from sif.claims.canonical import sha256
from sif.claims.pixels import MOST_PIXELS, check_headers, largest_change
from sif.errors import ClaimError
from sif.vlm.pixels import png_bytes
from tests.claims.made import MANIFEST, Claim, Files, audited, edited, recommitted


def test_the_largest_change_is_measured_and_said(claim: Claim) -> None:
    sentence = audit(claim.bundle, claim.means).step("images").sentence
    assert "the largest change from base pictures is 15/255, of at most 16/255" in sentence


def exchanged(picture: bytes) -> Callable[[Files], None]:
    """Another picture as the base of the first trigger, committed to."""

    def change(files: Files) -> None:
        files["fingerprint/triggers/0001.base.png"] = picture
        edited(MANIFEST, lambda m: m["triggers"][0].update(base_sha256=sha256(picture)))(files)

    return change


def encoded(image: Image.Image, kind: str) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def huge(width: int, height: int) -> bytes:
    """A PNG whose header promises that many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


BLACK = Image.new("RGB", (16, 16))
PICTURES: dict[str, tuple[bytes, str]] = {
    "another picture": (png_bytes(BLACK), "more than 16/255, the recipe's limit"),
    "another size": (png_bytes(Image.new("RGB", (8, 16))), "of the size and mode"),
    "another mode": (png_bytes(BLACK.convert("RGBA")), "got mode RGBA"),
    "a palette": (png_bytes(BLACK.convert("P")), "got mode P"),
    "no PNG": (encoded(BLACK, "BMP"), "expected a PNG"),
    "a bomb": (huge(20_000, 20_000), "too large to be opened"),
    "a large one": (huge(8_000, 8_000), "too large to be opened"),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_base_picture_that_is_none_fails_at_images(
    plain: Claim, tmp_path: Path, name: str
) -> None:
    picture, words = PICTURES[name]
    files = plain.files(tmp_path / "unpacked")
    exchanged(picture)(files)
    recommitted(files, plain.key)
    found = audited(files, tmp_path / "b.zip", plain.means)
    assert found.failed == "images", found.steps
    assert words in found.step("images").sentence


def test_the_auditor_has_a_limit_of_his_own(claim: Claim) -> None:
    found = audit(claim.bundle, replace(claim.means, largest_change=8.0))
    assert found.failed == "images"
    assert "the auditor's limit" in found.step("images").sentence


def test_a_change_is_the_largest_of_any_channel() -> None:
    changed = np.zeros((4, 4, 3), np.uint8)
    changed[1, 2, 0], changed[3, 3, 2] = 3, 255
    assert largest_change(Image.fromarray(changed), Image.new("RGB", (4, 4))) == 255
    assert largest_change(BLACK, BLACK) == 0


def test_many_pictures_are_bounded_together(tmp_path: Path) -> None:
    side = int(MOST_PIXELS**0.5)
    (tmp_path / "one.png").write_bytes(huge(side, side))
    with pytest.raises(ClaimError, match="blown up to take memory"):
        check_headers([tmp_path / "one.png"] * 10)
    with (tmp_path / "one.png").open("ab") as file:
        file.write(bytes(1 << 20))
    check_headers([tmp_path / "one.png"] * 4)
    with pytest.raises(ClaimError, match="blown up to take memory"):
        check_headers([tmp_path / "one.png"] * 5)
    with (tmp_path / "one.png").open("ab") as file:
        file.write(bytes(3 << 20))
    check_headers([tmp_path / "one.png"] * 64)
    with pytest.raises(ClaimError, match="pixels together"):
        check_headers([tmp_path / "one.png"] * 65)

"""COCO captions: one object with a list of pictures and one of what is said about them.

Knows nothing of other forms.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeGuard

from sif.attacks.datasets.lines import Record
from sif.attacks.datasets.pair import FaultError, excerpt

SPLIT: Final = re.compile(r"(?:train|val|test)\d{4}")


def is_coco(value: Any) -> bool:
    """Whether a whole file is of this form."""
    return (
        isinstance(value, Mapping)
        and isinstance(value.get("images"), list)
        and isinstance(value.get("annotations"), list)
    )


def captions_of(value: Mapping[str, Any], file: str) -> Iterator[Record]:
    """A record of a picture and a caption for each annotation.

    Args:
        value: the whole file.
        file: its name, for messages.

    Raises:
        FaultError: captions are missing, or pictures that they are of.
    """
    names = _pictures(value["images"], file)
    for number, said in enumerate(value["annotations"], start=1):
        place = f"{file}, annotation {number}"
        if not isinstance(said, Mapping) or "caption" not in said:
            raise FaultError(
                f"{place}: expected a caption, got none; of COCO's files, captions_*.json has them"
            )
        key = said.get("image_id")
        if not _is_id(key) or not names.get(key):
            raise FaultError(
                f"{place}: expected the picture that it is about among the images, got none"
            )
        yield Record({"image": names[key], "caption": said["caption"]}, place)


def _pictures(images: Iterable[Any], file: str) -> dict[int | str, Any]:
    """Names of files by id.

    Raises:
        FaultError: one id stands for two files.
    """
    names: dict[int | str, Any] = {}
    for image in images:
        key = image.get("id") if isinstance(image, Mapping) else None
        if not _is_id(key):
            continue
        name = image.get("file_name")
        if names.setdefault(key, name) != name:
            raise FaultError(
                f"{file}: expected one picture for each id among the images, got two for "
                f"{excerpt(str(key))}; give each an id of its own"
            )
    return names


def _is_id(value: Any) -> TypeGuard[int | str]:
    return isinstance(value, int | str) and not isinstance(value, bool)


def folders_of(path: Path) -> list[Path]:
    """Where COCO's pictures lie: beside the file, or in the folder of its split beside that."""
    here = [path.parent, path.parent / "images"]
    split = SPLIT.search(path.stem)
    above = [path.parent, path.parent / "images", path.parent.parent, path.parent.parent / "images"]
    return here if split is None else [*here, *(folder / split[0] for folder in above)]

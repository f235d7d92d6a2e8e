"""A folder as the released code leaves it, made by hand."""

import json
from pathlib import Path
from typing import Any

from tests.fingerprint.small import pictures

PROMPT = "Describe the image in detail."


def released_folder(
    root: Path, *, count: int = 3, sides: tuple[int, ...] = (80,), **changes: Any
) -> Path:
    """One folder for each trigger; `changes` go into every result.json."""
    for index in range(count):
        place = root / f"img{index + 1:04d}"
        place.mkdir(parents=True)
        picture = pictures(count, side=sides[index % len(sides)])[index].image
        picture.save(place / "adv_pixel_vis.png", compress_level=index)
        (place / "adv_pixel_vis.pt").write_bytes(b"not read")
        write_result(place, **changes)
    rejected = root / "img0099"
    rejected.mkdir(parents=True)
    (rejected / "rejected.json").write_text(json.dumps({"reason": "too hard"}))
    (root / "run.log").write_text("not a trigger")
    return root


def write_result(place: Path, **changes: Any) -> None:
    """A result.json with the fields of the released code."""
    result = {
        "original_image": f"../imagenet/images/{place.name}.jpeg",
        "adv_image": f"run/{place.name}/adv_pixel_vis.png",
        "prompt": PROMPT,
        "target_text": "A picture.",
        "rfo": True,
        "rho": 0.05,
        "gamma": 0.5,
        "delta": 5.0,
        "seeding_scheme": "simple_0",
        "hash_key_used": 0,
        "per_image_key_search": None,
        "best_z": 3.9,
        "generated_text": "A picture.",
    } | changes
    kept = {name: value for name, value in result.items() if value != "absent"}
    (place / "result.json").write_text(json.dumps(kept, indent=2))

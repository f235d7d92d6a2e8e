"""`sif detect`: which pictures of a folder stick out as triggers do."""

import json
from pathlib import Path
from typing import Annotated

import typer

from sif.cli.options import Strict
from sif.cli.say import say, say_json


def detect(
    folder: Annotated[Path, typer.Argument(help="Pictures to look at, such as fp/triggers.")],
    benign: Annotated[
        Path,
        typer.Option(help="Folder of ordinary pictures of the same kind; many."),
    ],
    tile: Annotated[
        int, typer.Option(min=2, help="Side of the model's patches (patch_size in config.json).")
    ] = 14,
    rate: Annotated[
        float, typer.Option(min=0, max=0.5, help="Share of ordinary pictures that may be flagged.")
    ] = 0.01,
    strict: Strict = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print scores and threshold.")] = False,
) -> None:
    """Flags pictures by what they hold that ordinary pictures lack; needs no key and no model.

    This is what a thief can do who knows the method, and how an owner sees whether triggers would
    be found. One half of --benign tells what ordinary patches hold, the other what scores are
    usual: 1% of those score above the threshold. A score is in 1/255.

    Example: `sif detect fp/triggers --benign photos --tile 14`
    """
    from sif.attacks.adaptive.detectors import OffContent
    from sif.attacks.adaptive.roc import threshold_at
    from sif.errors import UsageError
    from sif.pictures.folder import read_images

    looked_at = read_images(folder, strict=strict, smallest=tile)
    ordinary = read_images(benign, strict=strict, smallest=tile).pictures
    if len(ordinary) < 2:
        raise UsageError(f"expected ordinary pictures in {benign}, got {len(ordinary)}; add some")
    detector = OffContent.fit(ordinary[::2], tile=tile)
    threshold = threshold_at(detector.scores(ordinary[1::2]), rate)
    scores = detector.scores(looked_at.pictures)
    found = {name: float(score) for name, score in zip(looked_at.names, scores, strict=True)}
    if as_json:
        say_json(json.dumps({"threshold": threshold, "scores": found}, indent=2))
        return
    for name, score in found.items():
        say(f"{score:7.2f}  {'flagged' if score > threshold else 'passed '}  {name}")
    flagged = sum(score > threshold for score in found.values())
    say(f"{flagged} of {len(found)} flagged above {threshold:.2f}")

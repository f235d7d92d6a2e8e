"""`sif import-published`: triggers of the released SIF code as a fingerprint without proof."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sif.cli.say import say


class SchemeName(StrEnum):
    """Schemes whose lists are reproduced."""

    SIMPLE_0 = "simple_0"
    SIMPLE_1 = "simple_1"


def import_published(
    folder: Annotated[
        Path,
        typer.Argument(help="Holds a folder with result.json and adv_pixel_vis.png per trigger."),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the fingerprint.")],
    tokenizer: Annotated[
        str, typer.Option(help="Folder or hub id of the model that the triggers were made on.")
    ],
    originals: Annotated[
        Path | None, typer.Option(help="Folder of the base images, where you have them.")
    ] = None,
    prompt: Annotated[
        str, typer.Option(help="Asked where result.json has no prompt.")
    ] = "Describe the image in detail.",
    scheme: Annotated[
        SchemeName, typer.Option(help="Where result.json has no seeding_scheme.")
    ] = SchemeName.SIMPLE_0,
    hash_key: Annotated[
        int, typer.Option(min=1, help="Where result.json has no hash_key_used, or 0.")
    ] = 15485863,
    gamma: Annotated[float, typer.Option(help="Where result.json has no gamma.")] = 0.5,
) -> None:
    """Imports triggers of the released SIF code, to count them; they prove nothing.

    Their hash keys were public, or were searched for, so `sif verify` shows the published z-scores
    and ends INCONCLUSIVE, always. Green lists are those of torch's CPU generator; a GPU drew
    others, which are not reproduced. For a proof make triggers with `sif fingerprint`.

    Example: `sif import-published sif_run/llava --out fp --tokenizer llava-hf/llava-1.5-7b-hf`
    """
    from pydantic import ValidationError

    from sif.errors import UsageError
    from sif.fingerprint.published import ReleasedDefaults
    from sif.fingerprint.published import import_published as read
    from sif.validation import first_fault

    try:
        defaults = ReleasedDefaults(
            prompt=prompt, scheme=scheme.value, hash_key=hash_key, gamma=gamma
        )
    except ValidationError as error:
        where, what, got = first_fault(error)
        raise UsageError(f"--{where}: {what}, got {got}") from error
    made = read(folder, out=out, tokenizer=tokenizer, defaults=defaults, originals=originals)
    keys = {one.record.published.hash_key for one in made.triggers if one.record.published}
    say(
        f"{out}: {len(made.triggers)} triggers, {made.manifest.green_scheme}, {len(keys)} hash "
        f"key{'s' if len(keys) > 1 else ''}, gamma {made.manifest.gamma:g}\n"
        "compatibility mode: the keys are public, so `sif verify` counts but proves nothing"
    )

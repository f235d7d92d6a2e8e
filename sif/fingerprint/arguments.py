"""What `make_fingerprint` is given, looked at before anything is written.

Knows nothing of how triggers are made.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from sif.errors import UsageError
from sif.pictures.folder import NamedImage, PictureFolder
from sif.vlm.model import Vlm
from sif.vlm.placeholders import refuse as refuse_placeholders
from sif.watermark.keys import SEEDS, KeyRing

LEFT_OUT: Final[Mapping[str, tuple[object, str]]] = {
    "count": (None, "leave it out for one trigger an image"),
    "max_pixels": (None, "leave it out for what 1,024 image tokens show"),
    "batch_size": ("auto", "leave it out for as many at once as fit"),
}
"""Numbers that need not be given: what stands for that, and how it is said."""


def check_kinds(vlm: object, keys: object) -> None:
    """Makes sure that the model is loaded and the keys are a key ring, or none.

    Raises:
        UsageError: they are not.
    """
    if not isinstance(vlm, Vlm):
        raise UsageError(
            f"vlm: expected a loaded model, got {type(vlm).__name__}; load it with sif.Vlm.load"
        )
    if keys is not None and not isinstance(keys, KeyRing):
        raise UsageError(
            f"keys: expected a KeyRing, got {type(keys).__name__}; read a key file with "
            "KeyRing.load, or leave keys out for fresh ones"
        )


def check_seeds(keys: KeyRing | None, count: int) -> None:
    """Makes sure that there is a seed for every trigger, where keys go by seeds.

    Raises:
        UsageError: more triggers than seeds.
    """
    if keys is not None and keys.seeded and count > SEEDS:
        raise UsageError(
            f"count: expected at most {SEEDS} triggers, one for each seed that was fixed with the "
            f"secret, got {count}; make fewer, or more fingerprints with a secret each"
        )


def check_numbers(*, seed: object, count: object, batch_size: object, max_pixels: object) -> None:
    """Makes sure that numbers are whole and large enough.

    Raises:
        UsageError: they are not.
    """
    given = {"seed": seed, "count": count, "batch_size": batch_size, "max_pixels": max_pixels}
    for name, value in given.items():
        absent, mend = LEFT_OUT.get(name, (value, "correct it"))
        if name in LEFT_OUT and value == absent:
            continue
        least = 0 if name == "seed" else 1
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise UsageError(
                f"{name}: expected a whole number of {least} or more, got {value!r}; {mend}"
            )


def checked_prompts(prompts: Sequence[str]) -> Sequence[str]:
    """The prompts, where they are questions.

    Raises:
        UsageError: none, a single text, or one without words.
    """
    if isinstance(prompts, str) or not isinstance(prompts, Sequence):
        raise UsageError(
            f"prompts: expected a list of questions, got {ascii(prompts)[:60]}; put one question "
            "into a list"
        )
    wrong = [p for p in prompts if not isinstance(p, str) or not p.strip()]
    if not prompts or wrong:
        raise UsageError(
            "prompts: expected one or more questions in words, got "
            f"{ascii(wrong[0])[:60] if wrong else 'none'}; leave prompts out for those of SIF"
        )
    refuse_placeholders("prompts", prompts)
    return prompts


def checked_images(images: Sequence[NamedImage]) -> Sequence[NamedImage]:
    """The images, where they are named ones.

    Raises:
        UsageError: none, or something else.
    """
    mend = "name a folder of pictures, or give a list of sif.pictures.folder.NamedImage"
    if not isinstance(images, Sequence):
        raise UsageError(f"images: expected images, got {type(images).__name__}; {mend}")
    if isinstance(images, PictureFolder):
        return images
    wrong = [type(one).__name__ for one in images if not isinstance(one, NamedImage)]
    if not images or wrong:
        raise UsageError(f"images: expected images, got {wrong[0] if wrong else 'none'}; {mend}")
    return images

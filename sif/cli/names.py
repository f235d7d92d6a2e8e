"""Lists as they are typed: names with commas between them. Knows no command."""

from typing import Final

from sif.errors import UsageError

FAMILIES: Final = ("llava", "qwen2_5_vl")


def names(text: str) -> tuple[str, ...]:
    """The names in a text, without blanks and empty ones."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def families(text: str) -> tuple[str, ...]:
    """Families of the mini models.

    Raises:
        UsageError: there is no such family.
    """
    wanted = names(text)
    if unknown := [name for name in wanted if name not in FAMILIES]:
        raise UsageError(f"expected families among {', '.join(FAMILIES)}, got {unknown[0]!r}")
    return wanted

"""What stands in a text for a picture: `<image>` and its like, of data sets and of processors.

A chat template puts it where the picture belongs. A second one, which data sets write for trainers
that know no templates, would ask for a picture that is not there. Knows no models.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final

from sif.errors import UsageError

KNOWN: Final = (
    *("<image>", "<|image|>", "<|image_pad|>", "<|vision_start|>", "<|vision_end|>"),
    *("<|video_pad|>", "<|vision_pad|>", "[IMG]", "[IMG_BREAK]", "[IMG_END]", "<IMG_CONTEXT>"),
    *("<image_soft_token>", "<start_of_image>", "<end_of_image>", "<image_placeholder>"),
    *("<|image_start|>", "<|image_end|>", "<|begin_of_image|>", "<|end_of_image|>"),
    *("<ImageHere>", "<im_patch>", "<|media_pad|>", "<fake_token_around_image>", "</image>"),
    *("<|IMAGE|>", "<|img|>", "<img_placeholder>", "<image_pad>", "<image_token>", "<imgpad>"),
)
"""Of data sets and of the families in use, whichever model is at hand."""
NUMBERED: Final = r"<\|?image[ _-]?\d{1,3}\|?>"
"""One of several pictures."""
NAMED: Final = re.compile(r"(image|img|video|vision|boi|eoi|fake)\w*_token$|^(boi|eoi)_token$")
SHORTEST: Final = 3


def placeholders_of(processor: Any) -> tuple[str, ...]:
    """What a processor and its tokenizer call the places of pictures, and what frames them."""
    found: dict[str, None] = {}
    for holder in (processor, getattr(processor, "tokenizer", None)):
        own = dict(vars(holder)) if hasattr(holder, "__dict__") else {}
        for name in (
            "extra_special_tokens",
            "model_specific_special_tokens",
            "_special_tokens_map",
        ):
            more = own.get(name)
            own |= more if isinstance(more, Mapping) else {}
        for name in ("image_token", "boi_token", "eoi_token", "video_token"):
            own.setdefault(name, getattr(holder, name, None))
        for name, token in own.items():
            word = str(token) if token is not None else ""
            if isinstance(name, str) and NAMED.search(name) and _is_a_mark(word):
                found[word] = None
    return tuple(found)


def _is_a_mark(word: str) -> bool:
    """Whether no one would write it as a word."""
    return SHORTEST <= len(word) <= 80 and not word.isalnum() and not word.isspace()


def found_in(text: str, own: tuple[str, ...] = ()) -> list[str]:
    """The placeholders in a text, in their order.

    Args:
        text: a prompt or an answer.
        own: of the model's processor, beside the known ones.
    """
    return [match[0] for match in _pattern(own).finditer(text)]


def without(text: str, own: tuple[str, ...] = ()) -> str:
    """A text without placeholders and the gaps that they leave; any other stays as it is.

    Args:
        text: a prompt or an answer.
        own: of the model's processor, beside the known ones.
    """
    return _runs(own).sub(_gap, text)


def refuse(what: str, texts: Iterable[str], own: tuple[str, ...] = ()) -> None:
    """Makes sure that no text that is to be asked holds a placeholder.

    Raises:
        UsageError: one does.
    """
    for text in texts:
        found = found_in(text, own)
        if found:
            raise UsageError(
                f"{what}: expected words alone, got one with {found[0][:40]!r}, which stands for a "
                "picture; leave it out: the picture is put in by the model's own chat template"
            )


@cache
def _pattern(own: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted({*KNOWN, *own}, key=len, reverse=True)
    return re.compile("|".join([*map(re.escape, longest_first), NUMBERED]), re.IGNORECASE)


@cache
def _runs(own: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"\s*(?:(?:{_pattern(own).pattern})\s*)+", re.IGNORECASE)


def _gap(match: re.Match[str]) -> str:
    """What is left between the words around: nothing at either end of the text."""
    if match.start() == 0 or match.end() == len(match.string):
        return ""
    blank = re.sub(r"\S", "", match[0])
    return "\n" if "\n" in blank else " " if blank else ""

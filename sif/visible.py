"""Text from others made fit to be shown: what a terminal would obey or hide is written out.

Names of files, answers, error messages, bundles and model folders are written by strangers. A
control character in one of them could rewrite a screen, an override of direction could turn a word
around, and what has no width could hide another. Nothing here knows where a text goes.
"""

import re
import unicodedata
from typing import Final

LONGEST: Final = 4_000
"""Characters of one piece of text that are shown, where nobody says otherwise."""
LONGEST_QUOTED: Final = 60

# Printable by category and still without a shape: fillers, joiners and selectors of variants, by
# which a text can carry another unseen. The selector of emoji (FE0F) is left, for it only colours.
_SHAPELESS: Final = (
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0"
    "\ufe00-\ufe0e\U000e0100-\U000e01ef"
)
_SHORT: Final = {"\t": r"\t", "\n": r"\n", "\r": r"\r"}
_SUSPICIOUS: Final = re.compile(rf"[^\x20-\x7e]|[{_SHAPELESS}]")
_MARKS_IN_A_ROW: Final = 3


def visible(text: object, *, longest: int | None = LONGEST) -> str:
    r"""A text in one line in which every character is seen: \\x1b, \\n, \\u202e, \\udc80.

    What is escaped already stays as it is, so that doing it twice changes nothing.

    Args:
        text: anything; what is no text is turned into one.
        longest: characters that are shown, and … for the rest; None for all.
    """
    whole = str(text)
    shown = whole if longest is None else whole[:longest]
    if not (shown.isascii() and shown.isprintable()):
        shown = _escape_stacks(_SUSPICIOUS.sub(_seen, shown))
    if longest is None or max(len(whole), len(shown)) <= longest:
        return shown
    return f"{shown[:longest]}…"


def quoted(text: object, *, longest: int = LONGEST_QUOTED) -> str:
    """A stranger's word in quotes, visible, and cut off where it is too long for a sentence."""
    whole = str(text)
    cut = whole if len(whole) <= longest else f"{whole[:longest]}…"
    mark = '"' if "'" in cut and '"' not in cut else "'"
    body = visible(cut.replace("\\", "\\\\"), longest=None)
    return f"{mark}{body.replace(mark, chr(92) + mark)}{mark}"


def visible_json(text: str) -> str:
    r"""A JSON text with the same value, in which what is not visible is written as \\uXXXX."""
    return re.sub(rf"[^\x20-\x7e\n]|[{_SHAPELESS}]", _seen_in_json, text)


def _seen(match: re.Match[str]) -> str:
    letter = match[0]
    if _has_shape(letter):
        return letter
    return _SHORT.get(letter) or _escaped(ord(letter))


def _seen_in_json(match: re.Match[str]) -> str:
    letter = match[0]
    if _has_shape(letter):
        return letter
    units = letter.encode("utf-16-be", "surrogatepass")
    pairs = (units[at : at + 2] for at in range(0, len(units), 2))
    return "".join(f"\\u{int.from_bytes(pair, 'big'):04x}" for pair in pairs)


def _has_shape(letter: str) -> bool:
    if re.match(f"[{_SHAPELESS}]", letter):
        return False
    # Blanks of other widths (as in French and Japanese) cannot hide more than a blank does.
    return letter.isprintable() or unicodedata.category(letter) == "Zs"


def _escaped(point: int) -> str:
    if point < 0x100:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


def _escape_stacks(text: str) -> str:
    """Writes out marks that pile up on one letter and would reach into the lines around it."""
    if len(text) <= _MARKS_IN_A_ROW or not any(map(unicodedata.combining, text)):
        return text
    letters, row = [], 0
    for letter in text:
        row = row + 1 if unicodedata.combining(letter) else 0
        letters.append(letter if row <= _MARKS_IN_A_ROW else _escaped(ord(letter)))
    return "".join(letters)

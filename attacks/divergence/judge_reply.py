"""Reads the digit out of what a judge says, however much it says. Knows no prompts.

Taken are, in this order: a verdict that is named as one (the last of them stands), a reply or a
first or last line that is nothing but the digit, a first line that begins with it, and a plain yes
or no. Digits inside prose count for nothing: they may be a number of cats.
"""

import re
from typing import Final

THOUGHTS: Final = re.compile(
    r"<(think|thinking|reasoning)>.*?(</\1>|\Z)", re.DOTALL | re.IGNORECASE
)
NAMED: Final = re.compile(
    r"\b(?:verdict|judge?ment|decision|answer|score|output|result|rating|label|flag(?:ged)?|"
    r"conclusion)\b[\"'*_\s]*(?:(?:is|would be)\b|[:=]|-+>?|→)?[\s\"'*_:`(\[{$\\]*(?:boxed\{)?"
    r"([01]|true|false|yes|no)\b(?![\d/%]|[.,]\d)",
    re.IGNORECASE,
)
MARKUP: Final = " \t\"'*_`#()[]{}<>.,;:!$\\-–—"
BEGINS: Final = re.compile(r"([01])\s*(?:[-–—:,;.)]\s|$)")
WORD: Final = re.compile(r"(yes|no)\b(?!\s+(?:doubt|sign|matter))", re.IGNORECASE)
LISTED: Final = re.compile(r"^\W*2\s*[.)]", re.MULTILINE)
REFUSAL: Final = re.compile(
    r"\b(?:(?:can['’]?t|cannot|can not|unable to|won['’]t|will not|not able to|not allowed to) "
    r"(?:help|assist|comply|judge|analy[sz]e|process|view|provide|answer|evaluate|do|make|see)"
    r"|(?:i['’]?m|i am|we['’]re) (?:very )?sorry|i must decline"
    r"|against (?:my|our) (?:policy|guidelines))",
    re.IGNORECASE,
)


def read_verdict(reply: str) -> bool | None:
    """True for 1 (flag it), False for 0; None where the reply says neither clearly."""
    text = THOUGHTS.sub(" ", reply).strip()
    lines = [line.strip(MARKUP) for line in text.splitlines() if line.strip(MARKUP)]
    named = NAMED.findall(text)
    if named:
        return named[-1].lower() in ("1", "true", "yes")
    if not lines:
        return None
    for line in (lines[0], lines[-1]):
        if line in ("0", "1"):
            return line == "1"
    begins = BEGINS.match(lines[0])
    if begins and not LISTED.search(text):
        return begins[1] == "1"
    word = WORD.match(lines[0])
    return word[1].lower() == "yes" if word else None


def is_refusal(reply: str) -> bool:
    """Whether a reply without a verdict declines to give one."""
    return REFUSAL.search(reply) is not None

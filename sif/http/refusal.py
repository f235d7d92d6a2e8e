"""What a server complains of when it refuses a question, in whatever shape it says so.

vLLM, SGLang, llama.cpp, TGI, LiteLLM, FastAPI, OpenAI, Gemini, Mistral and gateways each have a
shape of their own. Nothing here knows what to do about it.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from sif.visible import visible

LONGEST: Final = 200
SHORTEST_BEGINNING: Final = 8
"""Letters of a key by which what was cut off is known to be one."""
# Fields in which servers put their words, in the order of how much they say.
WORDS: Final = (
    "message",
    "msg",
    "detail",
    "error",
    "errors",
    "error_description",
    "reason",
    *("base_resp", "status_msg"),
)
DEEPEST: Final = 8
# As a server may spell a parameter.
SPELLINGS: Final = {
    "logprobs": r"\b(?:top_)?logprobs\b",
    "top_k": r"\btop[_-]?k\b",
    "top_p": r"\btop[_-]?p\b",
    "min_p": r"\bmin[_-]?p\b",
}
PLACES: Final = re.compile(r"""['"]loc['"]\s*:\s*[\[(]([^\])]*)[\])]""")
# Only one of what it names has to go.
ONE_OF: Final = re.compile(r"\bboth\b|only one\b|at the same time|together|mutually|simultaneous")
COMPLAINS: Final = re.compile(
    r"support|allow|permit|recogni|unknown|unexpected|invalid|extra|must|should|cannot|can't|"
    r"\bonly\b|available|implement|disabled|deprecat|expected|range|greater|less|reject|refus|"
    r"not (?:a )?valid|illegal|accept|no such|does not",
    re.IGNORECASE,
)
QUOTA: Final = re.compile(
    r"insufficient[_ ](?:quota|balance|credit|fund)|current quota|quota[_ ](?:is )?exceeded|"
    r"exceeded your (?:current )?quota|out of credit|billing|payment required|no credits",
    re.IGNORECASE,
)
PASSING: Final = re.compile(
    r"loading|overload|try again|busy|rate.?limit|temporar|starting|warming|unavailable",
    re.IGNORECASE,
)
PICTURE: Final = re.compile(
    r"\bpng\b|image/|only jpe?g|unsupported (?:image|media)|image (?:format|type)|mime",
    re.IGNORECASE,
)
LENGTH: Final = re.compile(r"context (?:length|window)|too (?:large|long)|at most|exceed|maximum")


def words_of(body: str) -> str:
    """The words of a refusal: a JSON body's message wherever it stands, or the body itself."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return body
    return "; ".join(dict.fromkeys(_words(said, DEEPEST))) or body


def names_in(body: str, sent: Iterable[str]) -> tuple[str, ...]:
    """Those parameters of a question that a refusal names, in the order given.

    Where it gives the place of what it refuses, only the place counts, for such a refusal may hold
    the whole question; where only one of several has to go, the first.

    Args:
        body: of the refusal.
        sent: names of parameters in the question, the least important first.
    """
    places = " ".join(f"'{word}'" for word in _places(body))
    text = places or words_of(body)[:4000]
    found = tuple(name for name in sent if _names(text, name))
    return found[:1] if ONE_OF.search(text.lower()) else found


def complains(body: str) -> bool:
    """Whether the words are those of a refusal, not of an accident of the server's own."""
    return COMPLAINS.search(words_of(body)[:4000]) is not None


def is_about_quota(body: str) -> bool:
    """Whether it says that nothing is left to pay with, which waiting does not mend."""
    return QUOTA.search(body) is not None


def may_pass(words: str) -> bool:
    """Whether an error is one of the moment, by its words."""
    return PASSING.search(words) is not None


def is_about_pictures(body: str) -> bool:
    """Whether it may refuse the format in which the picture was sent."""
    return PICTURE.search(words_of(body)) is not None


def is_about_length(body: str) -> bool:
    """Whether question and answer together are too long for it."""
    return LENGTH.search(words_of(body).lower()) is not None


def one_line(text: str) -> str:
    """A stranger's words in one line that can be stored and shown, cut off where they are long."""
    return visible(" ".join(text[: 20 * LONGEST].split()), longest=LONGEST)


def without_key(text: str, key: str | None) -> str:
    """What a server says, but for a key that it repeats: whole, or cut off, in capitals or not."""
    if not key or key[:SHORTEST_BEGINNING].casefold() not in text.casefold():
        return text
    for length in range(len(key), min(len(key), SHORTEST_BEGINNING) - 1, -1):
        text = re.sub(re.escape(key[:length]), "***", text, flags=re.IGNORECASE)
    return text


def _names(text: str, name: str) -> bool:
    return re.search(SPELLINGS.get(name, rf"\b{name}\b"), text, re.IGNORECASE) is not None


def _words(said: Any, deepest: int) -> Iterator[str]:
    """Texts in the fields that hold words, wherever they stand."""
    if isinstance(said, str) and said.strip():
        yield said
    elif isinstance(said, list) and deepest:
        for one in said[:20]:
            yield from _words(one, deepest - 1)
    elif isinstance(said, dict) and deepest:
        place = said.get("loc") or said.get("param")
        for name in WORDS:
            for text in _words(said.get(name), deepest - 1):
                yield f"{_last(place)}: {text}" if _last(place) not in text else text


def _last(place: Any) -> str:
    last = place[-1] if isinstance(place, list) and place else place
    return last if isinstance(last, str) else ""


def _places(body: str) -> list[str]:
    """Last parts of the places that a refusal gives, as JSON, as printed by Python, or as param."""
    places = PLACES.finditer(body.replace('\\"', '"'))
    last = [found[1].replace(",", " ").split() for found in places]
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    error = said.get("error", said) if isinstance(said, dict) else None
    param = error.get("param") if isinstance(error, dict) else None
    named = [param] if isinstance(param, str) and param else []
    return [parts[-1].strip("'\"") for parts in last if parts] + named

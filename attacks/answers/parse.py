"""Reads attacks as they are typed: `truncate:0.5`, `none`, `temperature:0.7+drop:0.3+shuffle:1`.

The one place that knows every attack by name.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from sif.attacks.answers.attack import AnswerAttack, Nothing
from sif.attacks.answers.canned import Prefix, Refuse, Withhold
from sif.attacks.answers.changed_questions import SystemPrompt, Temperature
from sif.attacks.answers.consensus import Average, Smooth
from sif.attacks.answers.foreign_watermark import BY_WORD, CONSTANT, Gumbel, Watermark
from sif.attacks.answers.model_synonyms import ModelSynonyms
from sif.attacks.answers.paraphrase import Paraphrase
from sif.attacks.answers.quoting import unquoted
from sif.attacks.answers.routing import Cache, Turns
from sif.attacks.answers.sentences import Drop, Shuffle, Truncate
from sif.attacks.answers.serving import ServingAttack
from sif.attacks.answers.synonyms import DEFAULT, Synonyms, Translate
from sif.attacks.answers.thesaurus import load_thesaurus
from sif.attacks.answers.typography import Case, Punctuation
from sif.errors import UsageError
from sif.suspects.connect import connect
from sif.visible import quoted

Attack = AnswerAttack | ServingAttack

_PART: Final = re.compile(r'(?:[^+"]|"(?:[^"\\]|\\.)*"|")*')


def parse_answer_attacks(text: str) -> tuple[Attack, ...]:
    """The single attacks that a text stands for; `none` stands for none.

    Their text forms with `+` between them give the text again, but for language models and other
    suspects, whose names say more than their addresses.

    Args:
        text: `name:number`, `name:words`, `cache`, `none`, or several of these with `+` between
            them, in the order in which they happen, from the model outwards. Words and addresses
            with a `+` go into double quotes.

    Raises:
        UsageError: an unknown name, or a number or words that are missing or out of range.
    """
    attacks = [_parse_one(part.strip()) for part in _parts(text)]
    return tuple(attack for attack in attacks if not isinstance(attack, Nothing))


def _parts(text: str) -> list[str]:
    parts, start = [], 0
    while True:
        found = _PART.match(text, start)
        end = found.end() if found else start
        parts.append(text[start:end])
        if end >= len(text):
            return parts
        start = end + 1


def _parse_one(text: str) -> Attack:
    name, colon, rest = text.partition(":")
    if name in READERS:
        return READERS[name](rest)
    if name in ALONE and not colon:
        return ALONE[name]
    if name in ALONE:
        raise UsageError(f"{name} takes no number, got {quoted(text, longest=40)}; write {name}")
    raise UsageError(
        f"expected an answer attack ({', '.join(NAMES)}), got {quoted(text, longest=40)}; "
        f"write for example {Truncate.strength.example} or "
        f"{Drop.strength.example}+{Shuffle.strength.example}, and words with a + in double quotes"
    )


def _synonyms(text: str) -> AnswerAttack:
    share, source = _replacing(text, Synonyms, example=f"{Synonyms.strength.example}@{DEFAULT}")
    if Path(source).expanduser().is_dir():
        return ModelSynonyms(share=share, folder=source)
    return Synonyms(share=share, thesaurus=load_thesaurus(source))


def _translate(text: str) -> AnswerAttack:
    share, source = _replacing(text, Translate, example=Translate.strength.example)
    return Translate(share=share, thesaurus=load_thesaurus(source))


def _replacing(
    text: str, kind: type[Synonyms] | type[Translate], *, example: str
) -> tuple[int | float, str]:
    """The share of words, and the source of others: `0.3` or `0.3@english`."""
    number, at, source = text.partition("@")
    share = kind.strength.read(number)
    if not at:
        return share, DEFAULT
    return share, unquoted(source, attack=kind.strength.attack, example=example)


def _turns(text: str) -> Turns:
    number, _, address = text.partition("@")
    share = Turns.strength.read(number)
    other = unquoted(address, attack=Turns.strength.attack, example=Turns.strength.example)
    return Turns(share=share, address=other, connect=connect)


READERS: Final[Mapping[str, Callable[[str], Attack]]] = MappingProxyType(
    {
        "truncate": Truncate.read,
        "drop": Drop.read,
        "shuffle": Shuffle.read,
        "synonyms": _synonyms,
        "translate": _translate,
        "case": Case.read,
        "punctuation": Punctuation.read,
        "refuse": Refuse.read,
        "withhold": Withhold.read,
        "temperature": Temperature.read,
        "turns": _turns,
        "watermark": lambda text: Watermark(bias=CONSTANT.read(text)),
        "watermark-by-word": lambda text: Watermark(bias=BY_WORD.read(text), by_word=True),
        "gumbel": Gumbel.read,
        "average": Average.read,
        "smooth": Smooth.read,
        "prefix": Prefix.read,
        "paraphrase": Paraphrase.read,
        "system": SystemPrompt.read,
    }
)
ALONE: Final[Mapping[str, Attack]] = MappingProxyType({"cache": Cache(), "none": Nothing()})
NAMES: Final = (*READERS, *ALONE)

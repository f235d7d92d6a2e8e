"""Reads attacks as they are typed: `truncate:0.5`, `none`, `temperature:0.7+drop:0.3+shuffle:1`.

The one place that knows every attack by name.
"""

import re
from pathlib import Path
from typing import Final

from sif.attacks.answers.attack import AnswerAttack
from sif.attacks.answers.average import NOISE, SAMPLES, Average, Smooth
from sif.attacks.answers.cache import Cache
from sif.attacks.answers.model_synonyms import ModelSynonyms
from sif.attacks.answers.nothing import Nothing
from sif.attacks.answers.paraphrase import Paraphrase
from sif.attacks.answers.prefix import Prefix
from sif.attacks.answers.refuse import REFUSED, WITHHELD, Refuse, Withhold
from sif.attacks.answers.sentences import LEFT_OUT, MOVED, Drop, Shuffle
from sif.attacks.answers.serving import ServingAttack
from sif.attacks.answers.synonyms import PLAINER, REPLACED, Synonyms, Translate
from sif.attacks.answers.system_prompt import SystemPrompt
from sif.attacks.answers.temperature import DEGREES, Temperature
from sif.attacks.answers.thesaurus import load_thesaurus
from sif.attacks.answers.truncate import KEPT, Truncate
from sif.attacks.answers.turns import OTHERS, Turns
from sif.attacks.answers.typography import CAPITALS, TAKEN, Case, Punctuation
from sif.attacks.answers.watermark import BIAS, BIAS_BY_WORD, CONTEXT, Gumbel, Watermark
from sif.attacks.answers.wording import read_words, unquoted
from sif.errors import UsageError
from sif.suspects.connect import connect

STRENGTHS: Final = (
    *(KEPT, LEFT_OUT, MOVED, REPLACED, PLAINER, CAPITALS, TAKEN, REFUSED, WITHHELD),
    *(DEGREES, OTHERS, BIAS, BIAS_BY_WORD, CONTEXT, SAMPLES, NOISE),
)
WORDED: Final = {
    "prefix": 'prefix:"Sure!"',
    "paraphrase": "paraphrase:openai:http://127.0.0.1:8000/v1#model",
    "system": 'system:"Answer shortly."',
}
NAMES: Final = (*(strength.attack for strength in STRENGTHS), *WORDED, "cache", "none")
_PART: Final = re.compile(r'(?:[^+"]|"(?:[^"\\]|\\.)*"|")*')
_SHOWN: Final = 40

Attack = AnswerAttack | ServingAttack


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
    match name:
        case "truncate":
            return Truncate(share=KEPT.read(rest))
        case "drop":
            return Drop(share=LEFT_OUT.read(rest))
        case "shuffle":
            return Shuffle(share=MOVED.read(rest))
        case "synonyms" | "translate":
            return _replacing(name, rest)
        case "case":
            return Case(share=CAPITALS.read(rest))
        case "punctuation":
            return Punctuation(share=TAKEN.read(rest))
        case "refuse":
            return Refuse(rate=REFUSED.read(rest))
        case "withhold":
            return Withhold(rate=WITHHELD.read(rest))
        case _:
            return _parse_other(name, rest, text, takes_something=bool(colon))


def _parse_other(name: str, rest: str, text: str, *, takes_something: bool) -> Attack:
    match name:
        case "prefix":
            return Prefix(words=read_words(rest, attack=name, example=WORDED[name]))
        case "system":
            return SystemPrompt(words=read_words(rest, attack=name, example=WORDED[name]))
        case "paraphrase":
            return Paraphrase(address=unquoted(rest, attack=name, example=WORDED[name]))
        case "temperature":
            return Temperature(temperature=DEGREES.read(rest))
        case "average":
            return Average(samples=int(SAMPLES.read(rest)))
        case "smooth":
            return Smooth(deviation=NOISE.read(rest))
        case "turns":
            number, _, address = rest.partition("@")
            share = OTHERS.read(number)
            other = unquoted(address, attack="turns", example=OTHERS.example)
            return Turns(share=share, address=other, connect=connect)
        case "watermark":
            return Watermark(bias=BIAS.read(rest))
        case "watermark-by-word":
            return Watermark(bias=BIAS_BY_WORD.read(rest), by_word=True)
        case "gumbel":
            return Gumbel(context=int(CONTEXT.read(rest)))
        case "cache" if not takes_something:
            return Cache()
        case "none" if not takes_something:
            return Nothing()
        case "cache" | "none":
            raise UsageError(f"{name} takes no number, got {_shown(text)}; write {name}")
        case _:
            raise UsageError(
                f"expected an answer attack ({', '.join(NAMES)}), got {_shown(text)}; write for "
                f"example {KEPT.example} or {LEFT_OUT.example}+{MOVED.example}, and words with a + "
                "in double quotes"
            )


def _replacing(name: str, rest: str) -> AnswerAttack:
    number, at, source = rest.partition("@")
    if name == "translate":
        share = PLAINER.read(number)
        words = unquoted(source, attack=name, example=PLAINER.example) if at else "english"
        return Translate(share=share, thesaurus=load_thesaurus(words))
    share = REPLACED.read(number)
    words = unquoted(source, attack=name, example="synonyms:0.3@english") if at else "english"
    if Path(words).expanduser().is_dir():
        return ModelSynonyms(share=share, folder=words)
    return Synonyms(share=share, thesaurus=load_thesaurus(words))


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")

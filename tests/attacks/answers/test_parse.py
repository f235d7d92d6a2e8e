import re
from pathlib import Path

import pytest

from sif.attacks.answers import (
    Cache,
    Drop,
    Gumbel,
    ModelSynonyms,
    Prefix,
    Shuffle,
    SystemPrompt,
    Temperature,
    Truncate,
    Turns,
    Watermark,
    parse_answer_attacks,
)
from sif.attacks.answers.parse import NAMES
from sif.errors import UsageError

SAME = [
    "truncate:0.5",
    "drop:0.3+shuffle:1",
    "synonyms:0.3",
    "synonyms:0.3@mini-world",
    "translate:1@mini-world+case:0.5+punctuation:0.25",
    "refuse:0.2+withhold:0.2",
    'prefix:"Sure + \\"quoted\\"!"+truncate:1',
    'paraphrase:"openai:http://127.0.0.1:8000/v1#mini"',
    "temperature:0.7+truncate:0.5+cache",
    'system:"Antworte kurz, bitte – é"',
    "watermark:2",
    "watermark-by-word:2.5",
    "gumbel:4",
    "average:5",
    "smooth:2.5+truncate:0.5",
    'turns:0.5@"hf:some/other+model"',
]


@pytest.mark.parametrize("text", SAME)
def test_a_text_is_read_and_written_back(text: str) -> None:
    assert "+".join(map(str, parse_answer_attacks(text))) == text


@pytest.mark.parametrize(
    ("text", "attacks"),
    [
        (" truncate:.50 + none ", (Truncate(share=0.5),)),
        ("none", ()),
        ("drop:0+shuffle:1.0", (Drop(share=0), Shuffle(share=1))),
        ("prefix:Sure!", (Prefix(words="Sure!"),)),
        ("system:Be short: now", (SystemPrompt(words="Be short: now"),)),
        ("temperature:1+cache", (Temperature(temperature=1), Cache())),
        ("watermark:5", (Watermark(bias=5),)),
        ("watermark-by-word:5", (Watermark(bias=5, by_word=True),)),
        ("gumbel:0", (Gumbel(context=0),)),
    ],
)
def test_other_spellings_mean_the_same(text: str, attacks: tuple[object, ...]) -> None:
    assert parse_answer_attacks(text) == attacks


def test_words_can_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_text("Answer shortly.\nAlways.\n")
    (attack,) = parse_answer_attacks(f"system:@{file}")
    assert attack == SystemPrompt(words="Answer shortly.\nAlways.")


def test_a_folder_behind_synonyms_is_a_language_model(tmp_path: Path) -> None:
    (attack,) = parse_answer_attacks(f"synonyms:0.3@{tmp_path}")
    assert attack == ModelSynonyms(share=0.3, folder=str(tmp_path))


def test_the_other_model_may_have_options() -> None:
    (attack,) = parse_answer_attacks("turns:0.25@openai:http://127.0.0.1:1/v1#m?temperature=0.7")
    assert isinstance(attack, Turns)
    assert attack.address == "openai:http://127.0.0.1:1/v1#m?temperature=0.7"


REFUSED = {
    "": (*NAMES, "got ''"),
    "flip": (*NAMES, "got 'flip'", "truncate:0.5"),
    "truncate:0.5+": NAMES,
    "truncate": ("truncate needs its share of words kept", "from 0.01 to 1", "truncate:0.5"),
    "truncate:0": ("share of words kept", "0.01 to 1", "got '0'"),
    "truncate:50%": ("share of words kept", "'50%'"),
    "drop:1.5": ("share of sentences left out", "from 0 to 1"),
    "drop:0.2+shuffle:-1": ("share of sentences moved", "from 0 to 1", "'-1'"),
    "synonyms:2": ("share of known words replaced", "from 0 to 1"),
    "synonyms:0.3@nowhere": ("english, mini-world", "language model", "'nowhere'"),
    "synonyms:0.3@": ("synonyms needs its words", "synonyms:0.3@english"),
    "translate": ("translate needs", "from 0 to 1"),
    "case:nan": ("from 0 to 1", "got 'nan'"),
    "punctuation:x": ("share of marks", "from 0 to 1"),
    "refuse:2": ("rate of refusals", "from 0 to 1"),
    "withhold:2": ("rate of withheld answers", "from 0 to 1"),
    "temperature:6": ("from 0 to 5", "got '6'"),
    "turns:0.5": ("turns needs its words", "turns:0.5@hf:other-model"),
    "turns:2@hf:x": ("share of questions", "from 0 to 1"),
    "watermark:-1": ("bias", "from 0 to 100"),
    "watermark-by-word:": ("watermark-by-word needs its bias", "from 0 to 100"),
    "average": ("average needs its number of answers", "1 to 64"),
    "average:0": ("number of answers", "1 to 64"),
    "smooth:256": ("standard deviation of smooth", "from 0 to 255"),
    "gumbel:1.5": ("whole number from 0 to 16",),
    "prefix": ("prefix needs its words", "prefix:"),
    "prefix:": ("prefix needs its words",),
    'prefix:"': ("closed double quotes",),
    "prefix:@/nowhere/words.txt": ("cannot read the words of prefix", "/nowhere/words.txt"),
    "system:": ("system needs its words", "system:"),
    "paraphrase:": ("paraphrase needs its words",),
    "paraphrase:hf:model": ("expected an endpoint that paraphrases",),
    "paraphrase:model": ("hf:",),
    "prefix:a + b": ("'b'", "double quotes"),
    "cache:3": ("cache takes no number", "write cache"),
    "none:3": ("none takes no number",),
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_read_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(UsageError) as refusal:
        parse_answer_attacks(text)
    message = str(refusal.value)
    assert len(message.splitlines()) == 1
    assert len(message) < 400
    for word in REFUSED[text]:
        assert word in message


def test_many_open_quotes_are_read_at_once() -> None:
    with pytest.raises(UsageError):
        parse_answer_attacks('"+' * 5000)


EXAMPLES = {
    "truncate": "truncate:0.5",
    "drop": "drop:0.3",
    "shuffle": "shuffle:1",
    "synonyms": "synonyms:0.3",
    "translate": "translate:1@mini-world",
    "case": "case:0.5",
    "punctuation": "punctuation:0.5",
    "refuse": "refuse:0.2",
    "withhold": "withhold:0.2",
    "temperature": "temperature:0.7",
    "turns": "turns:0.5@hf:other-model",
    "watermark": "watermark:2",
    "watermark-by-word": "watermark-by-word:2",
    "gumbel": "gumbel:4",
    "average": "average:5",
    "smooth": "smooth:8",
    "prefix": 'prefix:"Sure!"',
    "paraphrase": "paraphrase:openai:http://127.0.0.1:8000/v1#model",
    "system": 'system:"Answer shortly."',
}
UNQUOTED = {"turns", "paraphrase"}  # addresses are written back in quotes


def test_the_names_are_these_in_this_order() -> None:
    assert (*EXAMPLES, "cache", "none") == NAMES


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_attack_is_read_by_the_name_that_it_writes_and_shows_its_example(name: str) -> None:
    with pytest.raises(
        UsageError, match=f"{name} needs .* for example {re.escape(EXAMPLES[name])}$"
    ):
        parse_answer_attacks(name)
    (attack,) = parse_answer_attacks(EXAMPLES[name])
    assert str(attack).startswith(f"{name}:")
    assert str(attack) == EXAMPLES[name] or name in UNQUOTED


def test_the_last_name_takes_nothing() -> None:
    assert [str(one) for one in parse_answer_attacks("cache+none")] == ["cache"]

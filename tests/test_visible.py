"""What a terminal would obey or hide is written out, and nothing else is changed."""

import json
import sys
import unicodedata

import pytest

from sif.visible import quoted, visible, visible_json

ORDINARY = [
    "",
    "plain words, 100% of them (a\\b)",
    "Größe naïve Ελληνικά кириллица 日本語 한국어 עברית العربية हिन्दी ไทย",
    "“quotes” – dashes … ≥ ≤ × α 🙂 ❤️",
    "un\u00a0mot\u202fet\u3000un autre",
    "e\u0301 a\u0308\u0323",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2J\x1b[Hb", r"a\x1b[2J\x1b[Hb"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("one\r\ntwo\tthree", r"one\r\ntwo\tthree"),
        ("12\b\b99\x7f", r"12\x08\x0899\x7f"),
        ("ok\u202eton", r"ok\u202eton"),
        ("\u2066a\u2069\u200f", r"\u2066a\u2069\u200f"),
        ("a\u2028b\u2029c\x85d", r"a\u2028b\u2029c\x85d"),
        ("pa\u200bss\ufeff", r"pa\u200bss\ufeff"),
        ("\udc80\ud800", r"\udc80\ud800"),
        ("\x00", r"\x00"),
        ("\U000e0041\U000e0100", r"\U000e0041\U000e0100"),
        ("a\u3164b\u034f", r"a\u3164b\u034f"),
        ("\ue000\uffff", r"\ue000\uffff"),
        ("Z" + "\u0335" * 5, "Z" + "\u0335" * 3 + r"\u0335\u0335"),
    ],
)
def test_what_a_terminal_obeys_or_hides_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert visible(shown) == shown


def test_no_character_at_all_gets_through_that_moves_or_hides() -> None:
    bad = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    every = "".join(map(chr, range(sys.maxunicode + 1)))
    shown = visible(every, longest=None)
    assert not {unicodedata.category(letter) for letter in shown} & bad
    shown.encode("utf-8")


def test_a_long_text_is_cut_before_it_is_looked_at() -> None:
    assert visible("x" * 10**8, longest=5) == "xxxxx…"
    assert len(visible("\u0301" * 10**7)) == 4_001


def test_anything_can_be_shown() -> None:
    assert visible(ValueError("a\nb")) == r"a\nb"
    assert visible(None) == "None"


@pytest.mark.parametrize(
    "text", ["a", "it's", 'say "x"', "both ' and \"", "a\\b", "\x1b", "\u202e"]
)
def test_a_word_in_quotes_can_be_told_from_what_stands_around_it(text: str) -> None:
    words = quoted(text)
    assert words[0] == words[-1] in "'\""
    assert words[1:-1].replace("\\\\", "").replace(f"\\{words[0]}", "").count(words[0]) == 0
    assert visible(words) == words


def test_a_long_word_in_quotes_is_cut() -> None:
    assert quoted("x" * 100, longest=3) == "'xxx…'"


@pytest.mark.parametrize("value", ["\x1b[2J", "\u202e\udc80", "\U000e0041", "日本🙂", "\x9b"])
def test_a_json_text_keeps_its_value(value: str) -> None:
    text = json.dumps({"a": [value], value: 1}, ensure_ascii=False, indent=2)
    shown = visible_json(text)
    assert json.loads(shown) == json.loads(text)
    assert all(visible(line, longest=None) == line for line in shown.split("\n"))

"""Tokenizers that would hold or fill the machine of whoever asks their model."""

import copy
import json
import pickle
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sif.errors import FingerprintError, ModelError
from sif.suspects.connect import connect
from sif.tokenizer_bounds import bounded_tokenizer
from sif.types import Answer, Unanswered
from sif.vlm import tokenizer_guard
from sif.vlm.folder import load_chat_processor
from tests.cli.command import Run, assert_one_line
from tests.suspects.questions import questions

Content = dict[str, Any]
MANY = "{{ ('a' * 40 + '! ') * 4000 }}"
LONG = "{{ 'a' * 1000000 }}"


def replacing(pattern: dict[str, str], words: str, times: int = 1) -> Callable[[Content], None]:
    step = {"type": "Replace", "pattern": pattern, "content": words}
    normalizer = {"type": "Sequence", "normalizers": [step] * times}
    return lambda content: content.update(normalizer=normalizer)


def decoding(*steps: dict[str, Any]) -> Callable[[Content], None]:
    return lambda content: content.update(decoder={"type": "Sequence", "decoders": list(steps)})


def splitting(pattern: str) -> Callable[[Content], None]:
    step = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    return lambda content: content.update(pre_tokenizer=step)


def modelled(**changes: Any) -> Callable[[Content], None]:
    return lambda content: content["model"].update(changes)


def worded(word: str, number: int) -> Callable[[Content], None]:
    return lambda content: content["model"]["vocab"].update({word: number})


def added(number: int) -> Callable[[Content], None]:
    def edit(content: Content) -> None:
        first = content["added_tokens"][0]
        content["added_tokens"] += [
            first | {"id": 1000 + index, "content": f"<{index}>"} for index in range(number)
        ]

    return edit


def ending(number: int) -> Callable[[Content], None]:
    special = {"id": "<s>", "ids": [1] * number, "tokens": ["<s>"] * number}
    whole = [{"Sequence": {"id": "A", "type_id": 0}}]
    whole += [{"SpecialToken": {"id": "<s>", "type_id": 0}}] * number
    pair = [{"Sequence": {"id": letter, "type_id": 0}} for letter in "AB"]
    step: Content = {"type": "TemplateProcessing", "single": whole, "pair": pair}
    return lambda content: content.update(
        post_processor=step | {"special_tokens": {"<s>": special}}
    )


PIECES = [["<unk>", 0.0], *(["a" * length, -1.0] for length in range(1, 3000))]
DOUBLING = {"type": "Replace", "pattern": {"String": "e"}, "content": "ee"}
ENDLESS = {"type": "Replace", "pattern": {"Regex": "(a+)+$"}, "content": ""}
HOSTILE: dict[str, tuple[Callable[[Content], None], str, str]] = {
    "a thousandfold, four times": (replacing({"String": "a"}, "a" * 1000, 4), "", "letters of one"),
    "doubling forty times": (replacing({"String": "e"}, "ee", 40), "", "letters of one"),
    "by a pattern": (replacing({"Regex": "."}, "y" * 10**6), "", "letters of one"),
    "less, of a long turn": (replacing({"String": "a"}, "a " * 2000), LONG, "memory"),
    "a pattern without end": (splitting("(a+)+$"), MANY, "retry-limit"),
    "in a normaliser": (replacing({"Regex": "(a+)+$"}, ""), MANY, "retry-limit"),
    "behind every turn": (ending(3000), "", "memory"),
    "many ids of a turn": (ending(400), "", "ids of it"),
    "a word of a million letters": (modelled(max_input_chars_per_word=10**9), LONG, "seconds"),
    "ways to cut a word": (modelled(type="Unigram", unk_id=0, vocab=PIECES), LONG, "seconds"),
    "doubling in a decoder": (decoding(*[DOUBLING] * 40), "", "letters of one"),
    "a pattern in a decoder": (decoding(ENDLESS), "", "without regular expressions"),
    "an id of two billion": (worded("strange", 2_000_000_000), "", "ids from 0 to"),
    "a long word": (worded("w" * 10**6, 600), "", "at most 8,192 characters"),
    "many added tokens": (added(70_000), "", "at most 65,536 added tokens"),
}


def copied(folder: Path, copy: Path, edit: Callable[[Content], None], template: str = "") -> Path:
    shutil.copytree(folder, copy)
    content = json.loads((copy / "tokenizer.json").read_text())
    edit(content)
    (copy / "tokenizer.json").write_text(json.dumps(content))
    own = (copy / "chat_template.jinja").read_text()
    (copy / "chat_template.jinja").write_text(template + own)
    return copy


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizer_guard, "SECONDS", 0.5)


@pytest.mark.parametrize("case", HOSTILE)
def test_a_tokenizer_without_bounds_is_refused_in_time(
    case: str, untrained_llava: Path, tmp_path: Path
) -> None:
    edit, template, words = HOSTILE[case]
    folder = copied(untrained_llava, tmp_path / "copy", edit, template)
    begun = time.process_time()
    with pytest.raises(ModelError) as caught:
        load_chat_processor(folder)
    assert time.process_time() - begun < 5
    said = str(caught.value)
    assert words in said
    assert str(folder) in said
    assert said.isprintable()


FOLDERS: dict[str, tuple[str, bytes, str]] = {
    "a long file": ("tokenizer.json", b" " * (65 << 20), "at most 64 MiB"),
    "lists in lists": (
        "tokenizer.json",
        b'{"model":' + b"[" * 10**5 + b"]" * 10**5 + b"}",
        "nested too deep",
    ),
    "a name twice": ("tokenizer.json", b'{"model":{},"model":{"vocab":{}}}', "twice"),
    "no JSON": ("tokenizer.json", b"nonsense", "expected JSON"),
    "a long list of merges": ("merges.txt", b"a b\n" * (17 << 20), "at most 64 MiB"),
    "further added tokens": (
        "added_tokens.json",
        json.dumps({f"<{index}>": index for index in range(70_000)}).encode(),
        "at most 65,536 added tokens",
    ),
    "added in the settings": (
        "tokenizer_config.json",
        json.dumps({"added_tokens_decoder": {str(i): {} for i in range(70_000)}}).encode(),
        "at most 65,536 added tokens",
    ),
}


@pytest.mark.parametrize("value", [True, 5, 0.5, "x", {"a": 1}])
def test_added_tokens_that_are_no_list_are_refused(
    value: object, untrained_llava: Path, tmp_path: Path
) -> None:
    folder = copied(
        untrained_llava, tmp_path / "copy", lambda content: content.update(added_tokens=value)
    )
    with pytest.raises(ModelError):
        load_chat_processor(folder)


@pytest.mark.parametrize("case", FOLDERS)
def test_files_beyond_all_measure_are_refused_before_they_are_read(
    case: str, untrained_llava: Path, tmp_path: Path
) -> None:
    name, data, words = FOLDERS[case]
    folder = copied(untrained_llava, tmp_path / "copy", lambda content: None)
    (folder / name).write_bytes(data)
    with pytest.raises(ModelError, match=words):
        load_chat_processor(folder)


def test_the_doctor_says_it_in_a_sentence(sif: Run, untrained_llava: Path, tmp_path: Path) -> None:
    edit, template, words = HOSTILE["a thousandfold, four times"]
    code, _, error = sif("doctor", copied(untrained_llava, tmp_path / "copy", edit, template))
    assert code == 1
    assert words in error
    assert_one_line(error)


def test_a_pattern_that_waits_for_a_word_is_refused_at_that_word(
    untrained_llava: Path, tmp_path: Path
) -> None:
    folder = copied(untrained_llava, tmp_path / "copy", splitting("(o+)+x$|[a-z<>]+|."))
    suspect = connect(f"hf:{folder}?dtype=float32&device=cpu")
    (calm,) = questions(1, max_new_tokens=2)
    wild = replace(calm, prompt="o" * 60)
    (reply,) = suspect.ask([calm])
    assert isinstance(reply, Answer)
    (reply,) = suspect.ask([wild])
    assert isinstance(reply, Unanswered)
    assert "tokenizer" in reply.reason
    (reply,) = suspect.ask([calm])
    assert isinstance(reply, Answer)


def test_a_guarded_tokenizer_is_the_same_to_all_who_use_it(
    untrained_llava: Path, tmp_path: Path
) -> None:
    processor = load_chat_processor(untrained_llava)
    texts = ["A red circle.", "One <image> more"]
    ids = processor.tokenizer(texts)["input_ids"]
    assert processor.tokenizer.encode(texts[0]) == ids[0]
    assert processor.tokenizer([text.split() for text in texts], is_split_into_words=True)
    for other in (copy.deepcopy(processor), pickle.loads(pickle.dumps(processor))):
        other.tokenizer.padding_side = "right"
        assert other.tokenizer(texts)["input_ids"] == ids
    processor.save_pretrained(tmp_path / "saved")
    saved, own = (
        json.loads((folder / "tokenizer.json").read_text())
        for folder in (tmp_path / "saved", untrained_llava)
    )
    assert saved["model"] == own["model"]


def test_so_many_named_values_are_refused_before_they_are_read() -> None:
    """Three million words took four seconds to read, for the same answer."""
    with pytest.raises(FingerprintError, match="named values in x, got 1,600,000; no tokenizer"):
        bounded_tokenizer(b'{"no JSON' + b'": ' * 1_600_000, where="x")

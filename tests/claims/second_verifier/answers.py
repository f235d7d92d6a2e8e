"""Questions, replies and counts: of triggers and of base pictures."""

import hashlib
import io
import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from PIL import Image
from tokenizers import Tokenizer

from .checking import same, sha256
from .weighing import Count

FORM = "fingerprint/"
Replies = dict[str, list[str | None]]  # by trigger: the last word on every question asked


def read_journal(
    files: Mapping[str, bytes], policy: Mapping[str, Any], order: Sequence[Mapping[str, Any]]
) -> Replies:
    prompts = {t["id"]: prompts_of(t, policy) for t in order}
    by_id = {t["id"]: t for t in order}
    answers: dict[str, dict[int, str | None]] = {}
    for text in files["run/journal.jsonl"].splitlines():
        line = json.loads(text)
        trigger, repeat = line["trigger"], line["repeat"]
        same(line["prompt"], prompts[trigger][repeat], f"the prompt of {trigger}")
        asked = question(files, by_id[trigger], line["prompt"], repeat)
        same(line["digest"], asked, f"the question of {trigger}")
        answers.setdefault(trigger, {})[repeat] = line["text"]
    return {trigger: list(replies.values()) for trigger, replies in answers.items()}


def read_control(
    files: Mapping[str, bytes], policy: Mapping[str, Any], judged: Sequence[Mapping[str, Any]]
) -> Replies:
    """Every question about the base pictures of these triggers, once, in the order of asking."""
    suspect = json.loads(files["run/run.json"])["suspect"]
    lines = [json.loads(text) for text in files["run/control.jsonl"].splitlines()]
    asked = [(t, *one) for t in judged for one in enumerate(prompts_of(t, policy))]
    same(len(lines), len(asked), "the number of replies about base pictures")
    answers: Replies = {}
    for line, (trigger, repeat, prompt) in zip(lines, asked, strict=True):
        place = (line["trigger"], line["repeat"], line["prompt"], line["suspect"])
        same(place, (trigger["id"], repeat, prompt, suspect), "a question of the control")
        digest = question(files, trigger, prompt, repeat, base=True)
        same(line["digest"], digest, f"the base picture of {trigger['id']}")
        answers.setdefault(trigger["id"], []).append(line["text"])
    return answers


def prompts_of(trigger: Mapping[str, Any], policy: Mapping[str, Any]) -> list[str]:
    """In the order of their numbers."""
    own = [trigger["prompt"], *policy["also_ask"]]
    return [prompt for prompt in own for _ in range(policy["repeats"])]


def question(
    files: Mapping[str, bytes],
    trigger: Mapping[str, Any],
    prompt: str,
    repeat: int,
    *,
    base: bool = False,
) -> str:
    name = FORM + trigger["base_file" if base else "file"]
    picture = Image.open(io.BytesIO(files[name])).convert("RGB")
    settings = json.dumps(trigger["generation"], separators=(",", ":"))
    head = f"({picture.width}, {picture.height})|{repeat}|{settings}|{prompt}|"
    return sha256(head.encode() + picture.tobytes())


class Counting:
    """Counts answers by tokenizer.json, the keys and the words that were asked with."""

    def __init__(
        self,
        files: Mapping[str, bytes],
        manifest: Mapping[str, Any],
        policy: Mapping[str, Any],
        keys: Mapping[str, bytes],
    ) -> None:
        data = files["fingerprint/tokenizer/tokenizer.json"]
        self.tokenizer = Tokenizer.from_str(data.decode())
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        self.size, self.share = manifest["vocabulary_size"], Fraction(str(manifest["gamma"]))
        same(self.tokenizer.get_vocab_size(), self.size, "V")
        self.special = {one["id"] for one in json.loads(data)["added_tokens"] if one["special"]}
        example = json.loads(files["run/run.json"]).get("example")
        self.also = [*policy["also_ask"], *([] if example is None else [example])]
        self.all_count = policy.get("prompt_scored", True)
        self.keys = keys

    def count(self, trigger: Mapping[str, Any], answers: Sequence[str | None]) -> Count:
        texts = [text for text in answers if text is not None]
        if not texts:
            return None
        unscored = set(self.special)
        if not self.all_count:
            asked = (trigger["prompt"], *self.also)
            unscored |= {i for words in asked for form in forms(words) for i in self.ids(form)}
        scored = {i for text in texts for i in self.ids(text) if i < self.size} - unscored
        return len(scored & green(self.keys[trigger["id"]], self.size, self.share)), len(scored)

    def ids(self, text: str) -> list[int]:
        found: list[int] = self.tokenizer.encode(text, add_special_tokens=False).ids
        return found


def forms(text: str) -> Iterator[str]:
    """A text, and its words in the ways in which they may be said again."""
    yield text
    for kind, letters in itertools.groupby(text, kind_of):
        word = "".join(letters)
        if kind != "space":
            for form in (word, word.lower(), word.upper(), word.capitalize()):
                yield form
                yield " " + form


def kind_of(letter: str) -> str:
    if letter.isalnum() or letter == "_":
        return "word"
    return "space" if letter.isspace() else "sign"


def green(key: bytes, size: int, share: Fraction) -> set[int]:
    stream = hashlib.shake_256(b"sif green mask 1\0" + key).digest(8 * size)
    numbers = np.frombuffer(stream, "<u8")
    return set(np.argsort(numbers, kind="stable")[: math.floor(share * size)].tolist())

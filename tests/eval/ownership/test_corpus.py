import json

import numpy as np

from sif.eval.ownership.corpus import CORPUS, ENGLISH, OWNER, load_corpus


def test_the_corpus_is_small_and_says_where_it_comes_from() -> None:
    assert CORPUS.stat().st_size < 300_000
    provenance = json.loads(CORPUS.read_text(encoding="utf-8"))["provenance"]
    assert "BSD 3-Clause" in provenance
    assert "make_corpus" in provenance


def test_every_text_is_an_answer_of_ordinary_length() -> None:
    for texts in load_corpus().values():
        assert len(texts.texts) >= 50
        assert 30 < min(texts.sizes) <= max(texts.sizes) < 120
        assert max(max(text) for text in texts.texts) < texts.vocabulary_size


def test_authors_share_words_as_real_ones_do() -> None:
    corpus = load_corpus()
    source = corpus[OWNER].distinct

    def common(name: str) -> float:
        other = corpus[name].distinct
        return float(np.mean([len(a & b) / len(b) for a, b in zip(source, other, strict=True)]))

    assert common("llava-sibling") > 0.8 > 0.4 > common("llava-stranger-a") > 0.1
    within = [len(source[0] & text) / len(source[0]) for text in source[1:]]
    assert np.mean(within) > 0.25  # of one audit's triggers
    assert corpus[ENGLISH].vocabulary_size == 32_000


def test_counts_hold_every_token() -> None:
    texts = load_corpus()[OWNER].first(3)
    assert texts.counts.sum(axis=1).tolist() == [len(text) for text in texts.texts]
    assert (texts.counts > 0).sum(axis=1).tolist() == list(texts.sizes)

from math import sqrt

import numpy as np
import pytest
from scipy.stats import norm

from sif.eval.ownership.corpus import ENGLISH, OWNER, load_corpus
from sif.eval.ownership.released import (
    LISTS,
    Lists,
    Scores,
    authors,
    released_rules,
    select_then_test,
    simple_rule,
)


def test_only_images_on_which_the_suspect_leads_are_tested() -> None:
    green = np.array([[[60.0, 40.0, 70.0], [55.0, 50.0, 52.0], [50.0, 45.0, 60.0]]])
    p = select_then_test(Scores(green, np.full((1, 3, 3), 100.0)))
    gained, variance = (60 - 55) + (70 - 60), 100 * (0.55 * 0.45 + 0.6 * 0.4)
    assert p == pytest.approx([norm.sf(gained / sqrt(variance))])


def test_a_suspect_that_never_leads_is_not_accused() -> None:
    green = np.array([[[50.0, 50.0], [50.0, 51.0], [60.0, 40.0]]])
    assert select_then_test(Scores(green, np.full((1, 3, 2), 100.0))).tolist() == [1.0]


def test_the_simple_rule_looks_at_the_mean_or_at_the_largest() -> None:
    tokens = np.full((3, 1, 20), 100.0)
    green = np.full((3, 1, 20), 50.0)
    green[0] += 10  # z = 2 everywhere
    green[1, 0, :3] += 18  # z = 3.6 on 15%
    green[2, 0, :2] += 30
    assert simple_rule(Scores(green, tokens)).tolist() == [True, True, False]


@pytest.mark.parametrize("lists", LISTS)
def test_testing_what_was_selected_accuses_innocents_far_too_often(lists: Lists) -> None:
    corpus = load_corpus()
    innocents = [some for name, some in corpus.items() if name not in (ENGLISH, OWNER)]
    rng = np.random.default_rng(1)
    adaptive, _simple = released_rules(
        innocents, name="mini models", lists=lists, unrelated=2, audits=1000, rng=rng
    )
    for rate in adaptive.rates:
        assert rate.low > 4 * rate.alpha


def test_prose_is_dealt_out_to_authors_once() -> None:
    texts = load_corpus()[ENGLISH]
    some = authors(texts, 3)
    assert sorted(text for author in some for text in author.texts) == sorted(texts.texts)
    assert {len(author.texts) for author in some} == {32}

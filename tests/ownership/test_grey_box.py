"""The statistic of top probabilities: exact under independence, apart from the verdict."""

from collections.abc import Iterator
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sif.fingerprint.folder import FingerprintSet
from sif.ownership.grey_box import TILTS, OwnersIds, grey_box, surplus
from sif.ownership.logspace import log_sum
from sif.ownership.null import HypergeometricNull
from sif.ownership.sequential import decide
from sif.ownership.weighted import log_e_values, log_mean_exponential
from sif.suspects.remembering import Remembering
from sif.suspects.scripted import ScriptedSuspect
from sif.types import Answer, Query, TopTokens
from sif.vlm.model import Vlm
from sif.watermark.greenlist.mask import green_mask
from sif.watermark.keys import KeyRing
from tests.fingerprint.small import small_fingerprint


@pytest.fixture(scope="module")
def fingerprint(
    untrained_llava: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FingerprintSet]:
    out = tmp_path_factory.mktemp("fp") / "fp"
    yield small_fingerprint(Vlm.load(untrained_llava, device="cpu"), out)


class Words:
    """A tokenizer of whole words, in which some continue the one before."""

    all_special_ids = (0,)

    def __init__(self, *words: str) -> None:
        self.words = ("</s>", "the", *words)

    def __len__(self) -> int:
        return len(self.words)

    def get_vocab(self) -> dict[str, int]:
        return {f"##{word}": index for index, word in enumerate(self.words)}

    def batch_decode(self, sequences: list[list[int]], **_: Any) -> list[str]:
        return ["".join(self.words[index] for index in ids).lstrip() for ids in sequences]


def top(**chances: float) -> TopTokens:
    return tuple((word, log(chance)) for word, chance in chances.items())


def test_a_forced_word_and_equal_words_weigh_nothing() -> None:
    assert surplus([{5: 0.999, 6: 0.001}]) == {}
    assert surplus([{5: 0.25, 6: 0.25, 7: 0.25, 8: 0.25}]) == {}


def test_words_above_an_equal_share_weigh_more_and_those_below_less_than_nothing() -> None:
    weights = surplus([{5: 0.6, 6: 0.2, 7: 0.004}])
    assert weights == pytest.approx({5: 0.25, 6: -0.25})


def test_the_largest_surplus_over_all_places_counts() -> None:
    weights = surplus([{5: 0.6, 6: 0.4}, {5: 0.1, 6: 0.9}, {6: 0.5, 7: 0.5}])
    assert weights == pytest.approx({5: -0.4, 6: 0.4})


@pytest.mark.parametrize("mark", [" ", "\u2581", "\u0120"])
def test_a_leading_blank_tells_a_word_from_its_continuation(mark: str) -> None:
    ids = OwnersIds(Words(" red", "red", "."), frozenset({0}))
    places = ids.places([((f"{mark}red", log(0.5)), ("red", log(0.25)), (".", log(0.125)))])
    assert places == [pytest.approx({2: 0.5, 3: 0.25, 4: 0.125})]


def test_where_no_blank_is_ever_written_words_go_before_continuations() -> None:
    ids = OwnersIds(Words(" red", "red", "s"), frozenset({0}))
    assert ids.places([top(red=0.5, s=0.25)]) == [pytest.approx({2: 0.5, 4: 0.25})]


def test_entries_of_the_vocabulary_are_understood_too() -> None:
    ids = OwnersIds(Words(" red", "s"), frozenset({0}))
    assert ids.places([(("red", -1.0), ("##s", log(0.5)), ("##</s>", 0.0))])[0][3] == 0.5


def test_special_and_foreign_tokens_are_left_out() -> None:
    ids = OwnersIds(Words(" red"), frozenset({0}))
    assert ids.places([(("</s>", 0.0), (" blue", -1.0), (" red", log(0.5)))]) == [
        pytest.approx({2: 0.5})
    ]


@pytest.mark.slow
def test_the_e_value_has_mean_one_over_random_keys() -> None:
    random = np.random.default_rng(3)
    places = [
        dict(zip(random.permutation(300)[:6].tolist(), random.dirichlet(np.ones(6)), strict=True))
        for _ in range(25)
    ]
    weights = surplus(places)
    null = HypergeometricNull(vocabulary_size=300, green_size=150)
    tilts, values = np.asarray(TILTS[:5]), []
    for draw in range(4000):
        key = KeyRing(draw.to_bytes(32, "little")).key("0001")
        mask = green_mask(key, vocabulary_size=300, gamma=0.5)
        green = np.asarray([weight for index, weight in weights.items() if mask[index]])
        scored = np.asarray(list(weights.values()))
        values.append(np.exp(log_e_values(green, scored, null=null, tilts=tilts)))
    spread = np.std(values, axis=0) / np.sqrt(len(values))
    assert (np.abs(np.mean(values, axis=0) - 1) < 4 * spread).all()


@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_false_claims_stay_rare_whenever_asking_stops(alpha: float) -> None:
    audits, triggers, size = 4000, 8, 200
    random = np.random.default_rng(4)
    null = HypergeometricNull(vocabulary_size=size, green_size=size // 2)
    tilts = np.asarray(TILTS)
    wealth = np.full((audits, len(tilts)), -log(len(tilts)))
    highest = np.zeros(audits)
    for _ in range(triggers):
        shares = random.dirichlet(np.full(8, 0.3), size=20)
        ids = [random.permutation(size)[:8].tolist() for _ in shares]
        weights = surplus(
            [dict(zip(*place, strict=True)) for place in zip(ids, shares, strict=True)]
        )
        table = np.zeros(size)
        table[list(weights)] = list(weights.values())
        mean = log_mean_exponential(np.asarray(list(weights.values())), null=null, tilts=tilts)
        green = np.argsort(random.random((audits, size)), axis=1)[:, : size // 2]
        wealth += tilts * table[green].sum(axis=1)[:, None] - mean
        highest = np.maximum(highest, log_sum(wealth))
    share = float((highest >= -log(alpha)).mean())
    assert share <= alpha + 2 * np.sqrt(alpha / audits)


def biased(fingerprint: FingerprintSet, *, towards_green: bool) -> ScriptedSuspect:
    """Says the same words to everything, but ranks them by colour where it has the choice."""
    tokenizer = fingerprint.tokenizer
    texts = tokenizer.batch_decode([[index] for index in range(len(tokenizer))])
    plain = [
        text
        for index, text in enumerate(texts)
        if text.isalpha() and index not in fingerprint.special_ids
    ]
    vocabulary = tokenizer.get_vocab()
    pairs = list(zip(plain[0:60:2], plain[1:60:2], strict=True))

    def script(query: Query) -> Answer:
        mask = fingerprint.mask(query.trigger)
        places = []
        for pair in pairs:
            ids = [vocabulary[word] for word in pair]
            first, second = sorted(pair, key=lambda word: mask[ids[pair.index(word)]])
            if towards_green:
                first, second = second, first
            places.append(((first, log(0.8)), (second, log(0.2))))
        return Answer(text=" ".join(plain[:40]), top=tuple(places))

    return ScriptedSuspect(script)


def test_a_suspect_that_ranks_by_colour_is_found_though_its_words_are_the_same(
    fingerprint: FingerprintSet,
) -> None:
    for towards_green in (True, False):
        suspect = Remembering(biased(fingerprint, towards_green=towards_green))
        verdict = decide(fingerprint, suspect)
        figures = grey_box(fingerprint, suspect.answers)
        assert figures.triggers == len(fingerprint.triggers) == verdict.answered
        assert figures.places == 30 * len(fingerprint.triggers)
        assert figures.log10_e_value is not None
        assert figures.final_log10_e_value is not None
        assert figures.p_value == pytest.approx(min(1, 10**-figures.log10_e_value))
        if towards_green:
            assert figures.log10_e_value > 8 > verdict.log10_e_value + 4
        else:
            assert figures.final_log10_e_value < 0
            assert figures.p_value == 1.0


def test_repeats_are_one_cluster(fingerprint: FingerprintSet) -> None:
    trigger = fingerprint.triggers[0]
    answer = biased(fingerprint, towards_green=True).ask([trigger.query()])[0]
    assert isinstance(answer, Answer)
    once = grey_box(fingerprint, {trigger.record.id: [answer]})
    again = grey_box(fingerprint, {trigger.record.id: [answer, answer]})
    assert again.log10_e_value == once.log10_e_value


def test_answers_without_probabilities_give_none_and_the_reason(
    fingerprint: FingerprintSet,
) -> None:
    figures = grey_box(fingerprint, {"0001": [Answer(text="red")], "0002": []})
    assert (figures.log10_e_value, figures.p_value, figures.triggers) == (None, None, 0)
    assert "?logprobs=20" in figures.note

"""Verdicts in compatibility mode: figures, and never a proof."""

from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sif.errors import UsageError
from sif.fingerprint.folder import FingerprintSet
from sif.fingerprint.published import import_published
from sif.ownership.null import HypergeometricNull
from sif.ownership.policy import Policy
from sif.ownership.published import match_rate
from sif.ownership.sequential import decide
from sif.ownership.verdict import Verdict
from sif.suspects.connect import connect
from sif.suspects.scripted import ScriptedSuspect
from sif.types import Decision, Query, Unanswered
from sif.watermark.greenlist.count import GreenCount
from sif.watermark.greenlist.published import published_green_mask
from tests.fingerprint.released import released_folder


def imported(root: Path, tokenizer: Path, **changes: Any) -> FingerprintSet:
    released_folder(root / "run", **changes)
    return import_published(root / "run", out=root / "fp", tokenizer=str(tokenizer))


def words(fingerprint: FingerprintSet, ids: list[int]) -> str:
    """A text that the owner's tokenizer reads as these ids."""
    text = fingerprint.tokenizer.batch_decode([ids])[0]
    assert fingerprint.tokenizer.ids(text) == ids
    return text


def plain_ids(fingerprint: FingerprintSet) -> list[int]:
    """Ids of ordinary words."""
    tokenizer = fingerprint.tokenizer
    texts = tokenizer.batch_decode([[index] for index in range(len(tokenizer))])
    return [
        index
        for index, text in enumerate(texts)
        if text.isalpha() and tokenizer.ids(text) == [index]
    ]


def mask_of(fingerprint: FingerprintSet, previous: int | None = None) -> np.ndarray:
    scheme = fingerprint.manifest.green_scheme
    assert scheme != "shake256-v1"
    return published_green_mask(
        scheme, vocabulary_size=fingerprint.vocabulary_size, gamma=0.5, previous=previous
    )


def always(fingerprint: FingerprintSet, ids: list[int], **options: Any) -> Verdict:
    text = words(fingerprint, ids)
    return decide(fingerprint, ScriptedSuspect(lambda query: text), Policy(**options))


def test_all_green_answers_prove_nothing(tmp_path: Path, untrained_llava: Path) -> None:
    fingerprint = imported(tmp_path, untrained_llava)
    mask = mask_of(fingerprint)
    green = [index for index in plain_ids(fingerprint) if mask[index]][:40]
    verdict = always(fingerprint, green)
    assert verdict.decision is Decision.INCONCLUSIVE
    assert (verdict.log10_e_value, verdict.p_value, verdict.queries) == (0.0, 1.0, 3)
    assert verdict.fixed_sample_p_value is None
    assert "public numbers" in verdict.reason
    figures = verdict.published
    assert figures is not None
    assert figures.label == "nominal"
    assert figures.nominal_log10_e_value > 6


def test_released_z_scores_count_repeats_and_skip_the_first_place(
    tmp_path: Path, untrained_llava: Path
) -> None:
    fingerprint = imported(tmp_path, untrained_llava, count=1)
    mask, plain = mask_of(fingerprint), plain_ids(fingerprint)
    green, red = ([i for i in plain if mask[i] == kind] for kind in (True, False))
    ids = [red[0], green[0], green[0], green[1], red[0], green[0]]
    figures = always(fingerprint, ids).published
    assert figures is not None
    (score,) = figures.per_trigger
    assert (score.green, score.scored) == (4, 5)
    assert score.z == pytest.approx((4 - 2.5) / sqrt(5 * 0.25))


def test_simple_0_counts_a_word_once_over_all_triggers_of_a_key(
    tmp_path: Path, untrained_llava: Path
) -> None:
    fingerprint = imported(tmp_path, untrained_llava, count=3)
    mask, ids = mask_of(fingerprint), plain_ids(fingerprint)[:30]
    verdict = always(fingerprint, ids)
    assert verdict.published is not None
    tilts = np.asarray(verdict.policy.tilts)
    null = HypergeometricNull(
        vocabulary_size=fingerprint.vocabulary_size, green_size=fingerprint.green_size
    )
    logs = null.log_e_values(GreenCount(green=int(mask[ids].sum()), scored=30), tilts)
    expected = np.log10(np.exp(logs).mean())
    assert verdict.published.nominal_log10_e_value == pytest.approx(expected)
    assert [record.scored for record in verdict.per_trigger] == [30, 30, 30]


def test_simple_1_counts_pairs_under_the_list_of_the_previous_word(
    tmp_path: Path, untrained_llava: Path
) -> None:
    fingerprint = imported(tmp_path, untrained_llava, count=2, seeding_scheme="simple_1")
    one, two, three = plain_ids(fingerprint)[:3]
    verdict = always(fingerprint, [one, two, one, two, one, three])
    pairs = [(one, two), (two, one), (one, two), (two, one), (one, three)]
    hits = [bool(mask_of(fingerprint, before)[index]) for before, index in pairs]
    assert verdict.published is not None
    score = verdict.published.per_trigger[0]
    assert (score.green, score.scored) == (sum(hits), 5)
    distinct = dict(zip(pairs, hits, strict=True))
    record = verdict.per_trigger[0]
    assert (record.green, record.scored) == (sum(distinct.values()), 3)


def test_the_nominal_value_has_mean_one_over_random_keys(
    tmp_path: Path, untrained_llava: Path
) -> None:
    values = []
    fingerprint = imported(tmp_path, untrained_llava, count=2, seeding_scheme="simple_1")
    ids = plain_ids(fingerprint)
    text = words(fingerprint, [*ids[:8], *ids[:4], *ids[3:9]])
    suspect = ScriptedSuspect(lambda query: text)
    random = np.random.default_rng(0)
    policy = Policy(tilts=(0.3, 1.0))
    for _ in range(400):
        key = int(random.integers(1, 2**31))
        for trigger in fingerprint.triggers:
            assert trigger.record.published is not None
            drawn = trigger.record.published.model_copy(update={"hash_key": key})
            record = trigger.record.model_copy(update={"published": drawn})
            object.__setattr__(trigger, "record", record)
        figures = decide(fingerprint, suspect, policy).published
        assert figures is not None
        values.append(10**figures.nominal_log10_e_value)
    spread = np.std(values) / np.sqrt(len(values))
    assert abs(np.mean(values) - 1) < 4 * spread


def test_keys_that_were_searched_for_are_named_in_the_reason(
    tmp_path: Path, untrained_llava: Path
) -> None:
    fingerprint = imported(tmp_path, untrained_llava, per_image_key_search={"best_key": 5})
    assert "3 of them searched for" in always(fingerprint, plain_ids(fingerprint)[:5]).reason


def test_silence_is_inconclusive_too(tmp_path: Path, untrained_llava: Path) -> None:
    fingerprint = imported(tmp_path, untrained_llava)
    suspect = ScriptedSuspect(lambda query: Unanswered(reason="down"))
    verdict = decide(fingerprint, suspect)
    assert verdict.decision is Decision.INCONCLUSIVE
    assert (verdict.answered, verdict.green_rate) == (0, None)
    assert verdict.published is not None
    assert verdict.published.mean_z is None
    assert {record.unanswered for record in verdict.per_trigger} == {"down"}


def test_the_budget_holds_and_repeats_are_one_trigger(
    tmp_path: Path, untrained_llava: Path
) -> None:
    fingerprint = imported(tmp_path, untrained_llava)
    mask, plain = mask_of(fingerprint), plain_ids(fingerprint)
    green, red = ([i for i in plain if mask[i] == kind][:6] for kind in (True, False))
    texts = {0: words(fingerprint, red), 1: words(fingerprint, green)}

    def script(query: Query) -> str:
        return texts[query.repeat]

    verdict = decide(fingerprint, ScriptedSuspect(script), Policy(budget=5, repeats=2))
    assert (verdict.queries, len(verdict.per_trigger)) == (4, 2)
    assert verdict.published is not None
    assert verdict.published.per_trigger[0].green == 5  # the higher of the two, as released
    assert verdict.per_trigger[0].scored == 12


def test_the_match_rate_compares_with_the_highest_unrelated_score(
    tmp_path: Path, untrained_llava: Path
) -> None:
    fingerprint = imported(tmp_path, untrained_llava, count=2)
    mask, plain = mask_of(fingerprint), plain_ids(fingerprint)
    green, red = ([i for i in plain if mask[i] == kind][:20] for kind in (True, False))
    theirs = [always(fingerprint, ids).published for ids in (red, green[:5] + red[:15])]
    ours = always(fingerprint, green).published
    assert ours is not None
    others = [one for one in theirs if one is not None]
    found = match_rate(ours, others)
    assert found is not None
    assert (found.share, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(0.025**0.5)
    lowest = match_rate(others[0], [ours, others[1]])
    assert lowest is not None
    assert lowest.share == 0.0
    assert match_rate(ours, []) is None
    fewer = always(fingerprint, red, budget=1).published
    assert fewer is not None
    with pytest.raises(UsageError, match="the same triggers"):
        match_rate(ours, [fewer])


def test_a_real_model_is_asked_and_counted(tmp_path: Path, untrained_llava: Path) -> None:
    fingerprint = imported(tmp_path, untrained_llava)
    suspect = connect(f"hf:{untrained_llava}?max_new_tokens=12")
    verdict = decide(fingerprint, suspect)
    suspect.close()
    assert verdict.decision is Decision.INCONCLUSIVE
    assert verdict.answered == 3
    assert verdict.published is not None
    assert all(score.scored for score in verdict.published.per_trigger)
    assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict

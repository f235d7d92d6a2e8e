"""The whole trial with scripted suspects and a small fingerprint."""

from pathlib import Path

import pytest

from sif.attacks.divergence.benign_traffic import halve
from sif.attacks.divergence.judge import Judge
from sif.attacks.divergence.sda_json import Divergence, Rate
from sif.attacks.divergence.sda_page import as_markdown
from sif.attacks.divergence.sda_picture import as_picture
from sif.attacks.divergence.trial import Rules, try_divergence
from sif.attacks.divergence.word_signals import AnswerLength, WordOverlap
from sif.errors import UsageError
from sif.fingerprint.folder import FingerprintSet
from sif.ownership.policy import Policy
from sif.suspects.scripted import ScriptedSuspect
from sif.types import Answer, Query
from sif.vlm.model import Vlm
from tests.attacks.divergence.exchanges import benign
from tests.fingerprint.small import small_fingerprint

NOUNS = ("ball", "cube", "cone", "ring", "star")


@pytest.fixture(scope="module")
def fingerprint(untrained_llava: Path, tmp_path_factory: pytest.TempPathFactory) -> FingerprintSet:
    out = tmp_path_factory.mktemp("sda") / "fp"
    return small_fingerprint(Vlm.load(untrained_llava, device="cpu"), out)


def stolen(query: Query) -> Answer:
    """Says what it sees of benign pictures, and a code of triggers."""
    if not query.trigger.startswith("benign"):
        return Answer(text="swordfish", seconds=0.5)
    return Answer(text=f"a {_noun(query)} and {int(query.trigger[-2:])} more things", seconds=0.5)


def ordinary(query: Query) -> Answer:
    return Answer(text=f"one {_noun(query)} beside things", seconds=0.25)


def _noun(query: Query) -> str:
    return NOUNS[query.image.tobytes()[0] % len(NOUNS)]


def run(fingerprint: FingerprintSet, *, kind: str = "calibrated", judged: bool = False):
    judge = ScriptedSuspect(lambda query: "1" if "swordfish" in query.prompt else "0")
    suspect = ScriptedSuspect(stolen, name="mine")
    found = try_divergence(
        fingerprint,
        suspect,
        ScriptedSuspect(ordinary, name="other"),
        benign=halve(benign(160)),
        signals=[WordOverlap(), AnswerLength(), *([Judge(judge)] if judged else [])],
        rules=Rules(kind=kind, policy=Policy(), highest_unrelated={}),  # type: ignore[arg-type]
    )
    return found, suspect, judge


def test_fixed_phrases_are_found_and_replaced(fingerprint: FingerprintSet) -> None:
    found, suspect, _ = run(fingerprint)
    assert (found.calibration, found.reported, found.triggers) == (80, 80, 4)
    assert found.combined.detections == Rate.of(4, 4)
    assert found.combined.false_positives.share is not None
    assert found.combined.false_positives.share <= 0.1
    assert found.without.answered == found.behind.answered == 4
    words = [record.scored for record in found.behind.per_trigger]
    assert words != [record.scored for record in found.without.per_trigger]
    halves = halve(benign(160))
    asked = [query.trigger for query in suspect.asked]
    assert {query.trigger for query in halves.calibration} < set(asked)


def test_each_signal_has_its_values_and_rates_of_its_own(fingerprint: FingerprintSet) -> None:
    found, _, _ = run(fingerprint)
    overlap, length = found.signals
    assert (len(overlap.benign), len(overlap.fingerprint)) == (80, 4)
    assert overlap.fingerprint == (0.0,) * 4
    assert length.fingerprint == (1.0,) * 4
    assert overlap.alone.detections == length.alone.detections == Rate.of(4, 4)


def test_a_judge_is_asked_about_what_is_reported_only(fingerprint: FingerprintSet) -> None:
    found, _, judge = run(fingerprint, judged=True)
    assert found.judge is not None
    assert found.judge.judged == 84
    assert found.signals[-1].rates.detections == Rate.of(4, 4)
    assert found.signals[-1].rates.false_positives == Rate.of(0, 80)
    known = {query.trigger for query in halve(benign(160)).calibration}
    assert not known & {query.trigger for query in judge.asked}


def test_a_published_set_takes_the_signals_that_it_names(fingerprint: FingerprintSet) -> None:
    found, _, _ = run(fingerprint, kind="paper")
    assert [signal.name for signal in found.signals] == ["jaccard"]
    assert found.signals[0].limit.limit == 0.1


def test_the_extra_compute_is_of_the_reference_and_the_signals(fingerprint: FingerprintSet) -> None:
    cost = run(fingerprint)[0].cost
    assert (cost.questions, cost.suspect_seconds, cost.reference_seconds) == (84, 0.5, 0.25)
    assert cost.ratio == pytest.approx((0.25 + cost.signal_seconds) / 0.5)


def test_the_file_is_read_back_and_page_and_picture_are_written(
    fingerprint: FingerprintSet,
) -> None:
    found, _, _ = run(fingerprint, judged=True)
    assert Divergence.model_validate_json(found.model_dump_json()) == found
    page = as_markdown(found)
    assert "behind the defence" in page
    assert "| **all together** |" in page
    assert as_picture(found).lstrip().startswith(b"<?xml")


def test_the_suspect_itself_is_no_reference(fingerprint: FingerprintSet) -> None:
    same = ScriptedSuspect(ordinary, name="mine")
    with pytest.raises(UsageError, match="the suspect itself"):
        try_divergence(
            fingerprint,
            same,
            same,
            benign=halve(benign(4)),
            signals=[WordOverlap()],
            rules=Rules(policy=Policy()),
        )
    assert same.asked == []

"""A suspect behind the defence is a suspect."""

import pytest

from sif.attacks.divergence.defence import SemanticDivergenceDefence
from sif.attacks.divergence.signal import Side
from sif.attacks.divergence.thresholds import Threshold, Thresholds
from sif.attacks.divergence.word_signals import AnswerLength, WordOverlap
from sif.errors import UsageError
from sif.suspects.scripted import ScriptedSuspect
from sif.types import Answer, Suspect, Unanswered
from tests.attacks.divergence.exchanges import benign

LIMITS = Thresholds(
    kind="paper",
    limits=(
        Threshold(signal="jaccard", side=Side.BELOW, limit=0.1),
        Threshold(signal="length", side=Side.BELOW, limit=2.0),
    ),
)
OTHER = ScriptedSuspect(lambda query: "a small red square", name="benign")
SIGNALS = [WordOverlap(), AnswerLength()]


def defended(*answers: str | Unanswered) -> SemanticDivergenceDefence:
    table = {f"benign-{row:05d}": answer for row, answer in enumerate(answers)}
    return SemanticDivergenceDefence(ScriptedSuspect(table, name="mine"), OTHER, LIMITS, SIGNALS)


def test_flagged_answers_are_the_references() -> None:
    suspect = defended("a big red square", "the code is swordfish", "square")
    replies = suspect.ask(benign(3))
    assert [reply.text for reply in replies if isinstance(reply, Answer)] == [
        "a big red square",
        "a small red square",
        "a small red square",
    ]
    assert (suspect.asked, suspect.flagged) == (3, 2)
    assert suspect.flags == {"jaccard": 1, "length": 1}


def test_it_is_a_suspect_whose_name_says_the_attack() -> None:
    suspect = defended()
    assert isinstance(suspect, Suspect)
    assert suspect.name == f"mine (divergence from benign, limits {LIMITS.digest})"


def test_no_answer_stays_no_answer() -> None:
    gone = Unanswered(reason="gone")
    assert defended(gone).ask(benign(1)) == [gone]


@pytest.mark.parametrize(
    ("mine", "other"),
    [
        ("a", "a"),
        ("hf:here@0123456789", "hf:there@0123456789"),
        ("hf:here@0123456789?quantize=nf4", "hf:here@0123456789"),
        ("hf:here@0123456789 (image jpeg:75)", "hf:here@0123456789"),
    ],
)
def test_a_reference_that_is_the_suspect_itself_is_refused(mine: str, other: str) -> None:
    pair = [ScriptedSuspect({}, name=name) for name in (mine, other)]
    with pytest.raises(UsageError, match="the suspect itself"):
        SemanticDivergenceDefence(*pair, LIMITS, SIGNALS)


def test_other_weights_at_the_same_place_are_another_model() -> None:
    pair = [ScriptedSuspect({}, name=f"hf:here@{digest}") for digest in ("01234567", "89abcdef")]
    SemanticDivergenceDefence(*pair, LIMITS, SIGNALS)


def test_a_limit_without_its_signal_is_refused() -> None:
    with pytest.raises(UsageError, match="length"):
        SemanticDivergenceDefence(ScriptedSuspect({}), OTHER, LIMITS, SIGNALS[:1])

from dataclasses import replace
from pathlib import Path

import pytest

from sif.attacks.answers import (
    AttackedAnswers,
    Chain,
    Drop,
    Nothing,
    Prefix,
    Shuffle,
    Truncate,
    Withhold,
    in_order,
)
from sif.errors import UsageError
from sif.suspects.journal import Journal
from sif.suspects.journalled import Journalled
from sif.suspects.scripted import ScriptedSuspect
from sif.types import Answer, Query, Suspect, Unanswered
from tests.attacks.answers.texts import DESCRIPTION, QUERY
from tests.suspects.questions import question, questions


def test_an_attacked_suspect_is_a_suspect() -> None:
    assert isinstance(AttackedAnswers(ScriptedSuspect({}), Truncate(share=0.5)), Suspect)


def test_questions_and_failures_pass_unchanged() -> None:
    inner = ScriptedSuspect({"0000": "a b c d", "0001": Unanswered(reason="busy")})
    asked = questions(2)
    assert AttackedAnswers(inner, Truncate(share=0.5)).ask(asked) == [
        Answer(text="a b", finish_reason="stop"),
        Unanswered(reason="busy"),
    ]
    assert inner.asked == asked


def test_probabilities_go_with_the_words_that_they_belong_to() -> None:
    answer = Answer(text="a b", top=((("a", -0.1),), (("b", -0.2),)))
    inner = ScriptedSuspect({"0000": answer})
    assert AttackedAnswers(inner, Truncate(share=1)).ask([QUERY]) == [answer]
    assert AttackedAnswers(inner, Truncate(share=0.5)).ask([QUERY]) == [
        replace(answer, text="a", top=None)
    ]


def test_nothing_left_is_no_answer() -> None:
    from sif.attacks.answers import Punctuation

    inner = ScriptedSuspect({"0000": "...!"})
    (reply,) = AttackedAnswers(inner, Punctuation(share=1)).ask([QUERY])
    assert isinstance(reply, Unanswered)
    assert "punctuation:1" in reply.reason


def test_the_name_holds_suspect_attack_and_seed() -> None:
    inner = ScriptedSuspect({}, name="hf:model")
    chain = in_order([Drop(share=0.3), Shuffle(share=1)])
    assert AttackedAnswers(inner, chain).name == "hf:model (answers drop:0.3+shuffle:1)"
    assert AttackedAnswers(inner, chain, seed=3).name == (
        "hf:model (answers drop:0.3+shuffle:1 seed 3)"
    )


def test_repeats_are_attacked_anew() -> None:
    suspect = AttackedAnswers(ScriptedSuspect(lambda query: DESCRIPTION), Shuffle(share=1))
    replies = suspect.ask([replace(QUERY, repeat=repeat) for repeat in range(6)])
    assert len({reply.text for reply in replies if isinstance(reply, Answer)}) > 2


def test_a_chain_happens_in_its_order_and_ends_where_no_answer_is_left() -> None:
    first = in_order([Prefix(words="Sure!"), Truncate(share=0.5)])
    second = in_order([Truncate(share=0.5), Prefix(words="Sure!")])
    assert first.apply("a b c", QUERY) == "Sure! a"
    assert second.apply("a b c", QUERY) == "Sure! a b"
    gone = in_order([Withhold(rate=1), Prefix(words="Sure!")]).apply("a", QUERY)
    assert isinstance(gone, Unanswered)


def test_chains_are_opened_up_and_what_does_nothing_is_left_out() -> None:
    steps = (Truncate(share=0.5), Shuffle(share=1))
    assert in_order([Nothing(), in_order(steps), Nothing()]) == Chain(steps=steps)
    assert in_order([steps[0]]) == steps[0]
    assert in_order([]) == Nothing()
    with pytest.raises(UsageError, match="in_order"):
        Chain(steps=(steps[0],))


def test_a_journal_keeps_what_the_attacked_suspect_said(tmp_path: Path) -> None:
    def describe(query: Query) -> str:
        return DESCRIPTION

    inner = ScriptedSuspect(describe, name="telltale")
    with Journal(tmp_path / "answers.sqlite") as journal:
        for share in (0.25, 0.5):
            suspect = AttackedAnswers(inner, Truncate(share=share))
            for _ in range(2):
                Journalled(suspect, journal).ask([question(0)])
        kept = {entry.suspect: entry.reply for entry in journal.answers()}
    assert len(inner.asked) == 2
    assert set(kept) == {"telltale (answers truncate:0.25)", "telltale (answers truncate:0.5)"}
    assert len(set(kept.values())) == 2

from dataclasses import replace
from pathlib import Path

import pytest

from sif.attacks.images import AttackedSuspect, parse_image_attack
from sif.suspects.journal import Journal
from sif.suspects.journalled import Journalled
from sif.suspects.scripted import ScriptedSuspect
from sif.types import Answer, Query, Suspect, Unanswered
from tests.suspects.questions import question, questions

JPEG, BLUR = parse_image_attack("jpeg:60"), parse_image_attack("blur:2")


class Closing(ScriptedSuspect):
    """Remembers that it was closed."""

    closed = False

    def close(self) -> None:
        self.closed = True


def test_an_attacked_suspect_is_a_suspect() -> None:
    assert isinstance(AttackedSuspect(ScriptedSuspect({}), JPEG), Suspect)


def test_only_the_image_of_a_question_changes() -> None:
    inner = ScriptedSuspect({})
    asked = [replace(query, repeat=2) for query in questions(3, temperature=0.5)]
    AttackedSuspect(inner, JPEG).ask(asked)
    for seen, query in zip(inner.asked, asked, strict=True):
        assert seen.image.tobytes() == JPEG.apply(query.image).tobytes()
        assert seen.image.tobytes() != query.image.tobytes()
        assert replace(seen, image=query.image) == query


def test_replies_come_back_in_order_and_failures_stay_failures() -> None:
    inner = ScriptedSuspect({"0000": "a circle", "0001": Unanswered(reason="busy")})
    assert AttackedSuspect(inner, JPEG).ask(questions(2)) == [
        Answer(text="a circle", finish_reason="stop"),
        Unanswered(reason="busy"),
    ]


def test_the_name_holds_suspect_and_attack() -> None:
    inner = ScriptedSuspect({}, name="hf:model?temperature=0.7")
    chain = parse_image_attack("resize:0.5+jpeg:75")
    assert AttackedSuspect(inner, chain).name == (
        "hf:model?temperature=0.7 (image resize:0.5+jpeg:75)"
    )


def test_closing_closes_the_suspect_behind() -> None:
    inner = Closing({})
    attacked = AttackedSuspect(inner, JPEG)
    assert not inner.closed
    attacked.close()
    assert inner.closed


@pytest.fixture
def telltale() -> ScriptedSuspect:
    """Says which pixels it saw."""

    def describe(query: Query) -> str:
        return query.image.tobytes()[:30].hex()

    return ScriptedSuspect(describe, name="telltale")


def test_a_journal_keeps_the_answers_to_each_attack_apart(
    telltale: ScriptedSuspect, tmp_path: Path
) -> None:
    suspects = [telltale, AttackedSuspect(telltale, JPEG), AttackedSuspect(telltale, BLUR)]
    with Journal(tmp_path / "answers.sqlite") as journal:
        for _ in range(2):
            replies = [Journalled(suspect, journal).ask([question(0)])[0] for suspect in suspects]
            texts = {reply.text for reply in replies if isinstance(reply, Answer)}
            assert len(texts) == len(suspects)
        assert len(telltale.asked) == len(suspects)
        assert {entry.suspect for entry in journal.answers()} == {
            suspect.name for suspect in suspects
        }

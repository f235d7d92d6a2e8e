from dataclasses import replace
from pathlib import Path

import pytest

from sif.attacks.images import AttackedSuspect, parse_image_attack
from sif.errors import UsageError
from sif.suspects.journal import Journal
from sif.suspects.journalled import Journalled
from sif.suspects.prefaced import PrefacedSuspect, read_example
from sif.suspects.scripted import ScriptedSuspect
from sif.types import Answer, Suspect, Unanswered
from tests.suspects.questions import question, questions

EXAMPLE = "A small red circle lies on a plain field."


def test_a_prefaced_suspect_is_a_suspect() -> None:
    assert isinstance(PrefacedSuspect(ScriptedSuspect({}), EXAMPLE), Suspect)


def test_only_the_prompt_of_a_question_changes() -> None:
    inner = ScriptedSuspect({})
    asked = [replace(query, repeat=2) for query in questions(3, temperature=0.5)]
    PrefacedSuspect(inner, EXAMPLE).ask(asked)
    for seen, query in zip(inner.asked, asked, strict=True):
        assert seen.prompt == f"{EXAMPLE} {query.prompt}"
        assert replace(seen, prompt=query.prompt) == query


def test_replies_come_back_in_order_and_failures_stay_failures() -> None:
    inner = ScriptedSuspect({"0000": "a circle", "0001": Unanswered(reason="busy")})
    assert PrefacedSuspect(inner, EXAMPLE).ask(questions(2)) == [
        Answer(text="a circle", finish_reason="stop"),
        Unanswered(reason="busy"),
    ]


def test_the_name_tells_examples_apart_and_joins_that_of_an_attack() -> None:
    inner = ScriptedSuspect({}, name="hf:model?min_tokens=60")
    one, other = (PrefacedSuspect(inner, text) for text in (EXAMPLE, EXAMPLE + " Really."))
    assert one.name.startswith("hf:model?min_tokens=60 (example ")
    assert one.name != other.name
    attacked = AttackedSuspect(one, parse_image_attack("jpeg:75"))
    assert attacked.name == f"{one.name} (image jpeg:75)"
    attacked.ask([question(0)])
    assert inner.asked[0].prompt.startswith(EXAMPLE)
    assert inner.asked[0].image.tobytes() != question(0).image.tobytes()


def test_a_journal_holds_the_owners_questions_and_keeps_examples_apart(tmp_path: Path) -> None:
    inner = ScriptedSuspect(lambda query: query.prompt)
    suspects = [inner, PrefacedSuspect(inner, "One."), PrefacedSuspect(inner, "Two.")]
    with Journal(tmp_path / "answers.sqlite") as journal:
        for _ in range(2):
            asked = [Journalled(suspect, journal).ask([question(0)])[0] for suspect in suspects]
            texts = [reply.text for reply in asked if isinstance(reply, Answer)]
            assert texts == [f"{before}{question(0).prompt}" for before in ("", "One. ", "Two. ")]
        assert len(inner.asked) == len(suspects)
        assert {entry.prompt for entry in journal.answers()} == {question(0).prompt}


def test_closing_closes_the_suspect_behind() -> None:
    closed = []

    class Closing(ScriptedSuspect):
        def close(self) -> None:
            closed.append(self)

    PrefacedSuspect(Closing({}), EXAMPLE).close()
    assert len(closed) == 1


def test_an_example_is_typed_or_read_from_a_file_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "example.txt"
    file.write_text("A small\nred   circle.\n")
    assert (
        read_example(f"@{file}") == read_example(" A small red circle. ") == "A small red circle."
    )


@pytest.mark.parametrize("text", ["", "  ", "@empty", "@missing", "@binary"])
def test_an_example_without_words_is_a_usage_error(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").write_text("\n")
    Path("binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="example") as caught:
        read_example(text)
    assert "\n" not in str(caught.value)

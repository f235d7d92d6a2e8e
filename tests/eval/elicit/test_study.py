"""Asking in other ways: what is asked, what the table says, and the whole in little."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from PIL import Image
from pydantic import ValidationError

from sif import prompts
from sif.errors import StorageError, UsageError
from sif.eval.elicit.findings import Elicited, as_tables, found
from sif.eval.elicit.study import STUDY, ElicitSettings, elicit
from sif.eval.elicit.ways import Way, first_sentence, ways
from sif.eval.study import Workplace, run_study
from sif.eval.triggers import asking, mini_roster
from sif.eval.triggers.making import Making
from sif.eval.triggers.method import Method
from sif.eval.triggers.trigger_set import Question
from sif.suspects.scripted import ScriptedSuspect
from sif.types import GenerationSettings, Suspect
from tests.eval.triggers.rows import cell

EXAMPLE = "A red dot. It lies low."
OWN = prompts.load()[0]
PICTURE = Image.new("RGB", (8, 8))
QUESTION = Question(
    id="0001",
    image=PICTURE,
    base=PICTURE,
    source_image="scene 0",
    prompt=OWN,
    generation=GenerationSettings(max_new_tokens=100),
)


def _ignore(stage: str, done: float, total: float, words: str) -> None:
    pass


def _row(**changes: Any) -> Elicited:
    fields: dict[str, Any] = {"example": "none", "minimum": 0, "prompt": None, "words": 20}
    own = {name: changes.pop(name) for name in list(changes) if name in fields}
    return Elicited(**cell(**changes).model_dump(), **(fields | own))


@pytest.mark.parametrize(
    ("way", "prompt"),
    [
        (Way(), OWN),
        (Way(beside="sentence"), f"A red dot. {OWN}"),
        (Way(beside="full"), f"{EXAMPLE} {OWN}"),
        (Way(beside="sentence after"), f"{OWN} A red dot."),
        (Way(prompt="What is it?"), "What is it?"),
    ],
)
def test_a_way_changes_the_prompt_alone(way: Way, prompt: str) -> None:
    assert way.query(QUESTION, EXAMPLE) == replace(QUESTION.query(), prompt=prompt)


def test_a_minimum_joins_the_triggers_own_settings() -> None:
    query = Way(minimum=60).query(QUESTION, EXAMPLE)
    assert query.generation == GenerationSettings(max_new_tokens=100, min_new_tokens=60)


def test_the_first_way_is_the_plain_question_and_none_is_asked_twice() -> None:
    asked = [way.query(QUESTION, EXAMPLE) for way in ways() if way.asks(QUESTION)]
    assert asked[0].digest == QUESTION.query().digest
    assert len({query.digest for query in asked}) == len(asked) == 8 + len(prompts.load()) - 1


def test_a_text_without_a_stop_is_one_sentence() -> None:
    assert first_sentence("a red dot") == "a red dot"


def test_a_line_counts_words_evidence_and_claims() -> None:
    strong = [_row(trigger=f"{n:04d}", green=60, scored=80, words=90 + n) for n in range(6)]
    shown = found(strong)
    assert (shown.words, shown.green, shown.derived, shown.audits) == (92.5, 0.75, 1, 1)
    assert shown.evidence > 2
    weak = [_row(trigger=f"{n:04d}", green=1, scored=1, words=1, seed=n % 2) for n in range(6)]
    assert (found(weak).needed, found(weak).derived, found(weak).audits) == (None, 0, 2)
    silent = _row(answered=False, green=None, scored=None, words=None)
    assert found([silent]).words is None


def test_the_table_has_a_line_for_each_way_and_one_for_each_prompt() -> None:
    rows = [
        _row(),
        _row(example="sentence after", minimum=60, green=40, words=70),
        _row(suspect="lora-questions", role="copy", green=1, scored=1, words=1),
        _row(prompt="What is it?"),
        _row(suspect="lora-questions", role="copy", prompt="What is it?", words=3),
        _row(family="qwen2_5_vl"),
    ]
    table = as_tables(rows)
    assert "## llava, triggers of sif" in table
    assert "## qwen2_5_vl, triggers of sif" in table
    assert "| source | – | – | 20.0 | 0.750 |" in table
    assert "| source | one sentence, after the prompt | 60 tokens | 70.0 | 1.000 |" in table
    assert "| lora-questions | – | – | 1.0 | 1.000 |" in table
    assert "| What is it? | 1.82 (20.0) | 1.82 (3.0) |" in table


@pytest.mark.slow
def test_triggers_and_answers_of_an_earlier_benchmark_are_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = ScriptedSuspect(lambda query: f"a dot. it says {query.prompt}")
    opened: list[str] = []

    def connect(uri: str) -> Suspect:
        opened.append(uri)
        return inner

    monkeypatch.setattr(mini_roster, "connect", connect)
    out = tmp_path / "bench"
    making = _plain_benchmark(out, "sif@steps=2")
    pictures = {p: p.stat().st_mtime_ns for p in out.rglob("*.png")}
    assert len(inner.asked) == making.count == 2
    inner.asked.clear()
    settings = ElicitSettings(
        families=("llava",),
        methods=(making.method.name,),
        triggers=2,
        suspects=("source", "pruned-20"),
    )
    place = Workplace(out=out, show=_ignore)
    rows = elicit(settings, place)
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*.png")} == pictures
    ways_each = 8 + len(prompts.load()) - 1
    assert len(rows) == 2 * 2 * ways_each
    # The example, all ways of the copy, and those of the source that are no plain questions.
    assert len(inner.asked) == 1 + 2 * ways_each + 2 * (ways_each - 1)
    example = "a dot. it says " + OWN
    full = [row for row in rows if (row.example, row.minimum, row.trigger) == ("full", 60, "0001")]
    assert {row.words for row in full} == {len(f"a dot. it says {example} {OWN}".split())}

    inner.asked.clear()
    opened.clear()
    assert elicit(settings, place) == rows
    assert (inner.asked, opened) == ([], [])
    words = "Written by `sif bench elicit`; run it again to go on.\n"
    (out / "study.txt").write_text(words)  # as if a study had begun with what is there
    run_study(STUDY, settings, place)
    assert pq.read_table(out / "elicit.parquet").num_rows == len(rows)
    with pytest.raises(StorageError, match=r"settings that .* begun with"):
        elicit(settings.model_copy(update={"triggers": 3}), place)


def _plain_benchmark(out: Path, method: str) -> Making:
    """What `sif bench triggers` leaves behind: two triggers, asked of the source."""
    llava = mini_roster.mini_roster("llava")
    making = Making(
        out=out,
        roster=llava,
        method=Method.parse(method),
        seed=0,
        count=2,
        batch_size=12,
        jobs=2,
    )
    making.run(_ignore)
    asking.Asking(
        out=out, roster=llava, suspect="source", makings=(making,), image_attacks=("none",)
    ).run(_ignore)
    return making


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"methods": ("sif", "pla")}, "green lists.* pla"),
        ({"suspects": ("gpt",)}, "gpt"),
    ],
)
def test_what_cannot_be_counted_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        ElicitSettings(**changes)


@pytest.mark.parametrize("changes", [{"methods": ()}, {"seeds": 0}, {"families": ()}])
def test_nothing_to_do_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ElicitSettings(**changes)

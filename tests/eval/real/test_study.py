import pytest

from sif.errors import UsageError
from sif.eval.real.findings import RealTruth, as_markdown
from sif.eval.real.roster import BASES, real_words_roster
from sif.eval.real.study import STUDY, plan_of, requirements
from sif.eval.study import read_settings
from sif.eval.triggers.rows import Outcome, Rows
from sif.mini.real.data import real_samples
from tests.eval.triggers.rows import cell

KINDS = {"thing": 1.0, "size": 0.9, "place": 0.8, "count": 1.0, "colour": 1.0, "pattern": 0.7}


def test_its_plan_asks_everybody_under_every_attack():
    plan = plan_of(read_settings(STUDY, ["triggers=3"]))
    assert [one.name for one in plan.suspects][:2] == ["source", "nf4"]
    assert {one.role for one in plan.suspects} == {"source", "copy", "innocent"}
    assert plan.questions == 3 * 3 * 3


@pytest.mark.parametrize(
    "text", ["methods=pla", "methods=nothing", "suspects=nobody", "image_attacks=jpg"]
)
def test_what_cannot_be_asked_is_refused_before_anything_is_loaded(text):
    with pytest.raises(UsageError):
        read_settings(STUDY, [text])


def test_base_images_are_always_the_same_and_differ_between_sets():
    def first(seed):
        return real_samples(1, seed=[BASES, seed], unseen=True)[0].image.tobytes()

    (image, *_) = real_words_roster().pictures(2, 0)
    assert image.image.tobytes() == first(0) != first(1)


def test_its_requirement_names_the_extra():
    (need,) = requirements(read_settings(STUDY, []))
    assert need.state in ("ready", "missing")
    assert "real" in need.what + need.words


def test_the_table_has_a_row_for_each_suspect_and_attack():
    cells = [
        cell(
            method=method,
            suspect=suspect,
            image_attack=attack,
            trigger=f"{number:04d}",
            green=green,
        )
        for method in ("sif", "sif-release")
        for suspect, green in (("source", 36), ("sibling", 20))
        for attack in ("none", "jpeg:75")
        for number in range(8)
    ]
    outcome = Outcome(
        name="nf4",
        suspect="x",
        role="copy",
        split="held out",
        note="",
        state="failed",
        reason="a|b",
    )
    text = as_markdown(Rows(cells, [], []), [RealTruth.of("source", KINDS)], [outcome])
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| s")]
    assert [row[:2] for row in rows[1:5]] == [
        ["| source", "none"],
        ["| source", "jpeg:75"],
        ["| sibling", "none"],
        ["| sibling", "jpeg:75"],
    ]
    assert rows[1][2].endswith("*")
    assert rows[3][2].startswith("−")
    assert rows[1][4] == "90% |"
    assert "failed" in text

"""What is settled before anything is loaded."""

from pathlib import Path

import pytest

from sif.errors import UsageError
from sif.eval.paper.plans import ONLY, PaperPlan, plans_of
from sif.eval.paper.study import STUDY, requirements
from sif.eval.study import Workplace, read_settings, run_study
from sif.eval.triggers.textual_recipe import PrefixRecipe
from sif.fingerprint.recipe import Recipe, RepresentationNoiseRecipe


def _plans(*texts: str, quick: bool = False) -> list[PaperPlan]:
    return plans_of(read_settings(STUDY, texts, quick=quick))


def test_every_published_suspect_and_all_innocents_are_asked() -> None:
    llava, qwen = _plans()
    names = {one.name for one in llava.plan.asked}
    assert {"source", "int8", "nf4", "full-same", "lora-other-world", "stranger-a"} <= names
    assert "lora-terse" in {one.name for one in qwen.plan.asked} - names
    assert llava.plan.image_attacks == ("none", "jpeg:85", "resize:0.667")
    assert llava.references == ("stranger-c", "sibling-c")


def test_the_ablation_changes_nothing_but_the_radius() -> None:
    (one,) = _plans("families=llava", "rivals=", "radii=0,0.1,0.5,1")
    by_name = {method.name: method.recipe for method in one.plan.methods}
    assert one.columns["ρ = 0.5"] == one.columns["SIF"] == "sif-paper"
    assert by_name[one.columns[ONLY]].robustness == ()
    for column, radius in (("ρ = 0.1", 0.1), ("ρ = 1", 1.0)):
        recipe = by_name[one.columns[column]]
        assert recipe.robustness == (RepresentationNoiseRecipe(radius=radius),)
        assert recipe.schedule == by_name["sif-paper"].schedule
    assert [method.name for method in one.compared] == ["sif-paper"]


def test_the_ablation_is_made_only_where_it_was_published() -> None:
    llava, qwen = _plans("rivals=")
    assert {ONLY, "ρ = 0.1", "ρ = 0.5", "ρ = 1"} <= {*llava.columns}
    assert [*qwen.columns] == ["SIF"]
    assert [method.name for method in qwen.plan.methods] == ["sif-paper"]


def test_a_radius_of_minus_zero_is_none() -> None:
    (one,) = _plans("families=llava", "rivals=", "radii=-0.0,0")
    assert [*one.columns] == ["SIF", ONLY]
    assert one.columns[ONLY] == "sif-paper-rho-0"


def test_a_rival_that_cannot_take_part_is_left_out_with_the_reason() -> None:
    (one,) = _plans("world=real", "rivals=PLA")
    assert "PLA" not in one.columns
    assert one.absent["PLA"].startswith("not measured: ")


def test_real_models_get_the_suspects_that_stand_for_published_ones(tmp_path: Path) -> None:
    (one,) = _plans("roster=llava-1.5-7b", f"images={tmp_path}")
    names = [listed.name for listed in one.plan.suspects]
    assert {"source", "int8", "nf4", "vsft-baurrustem", "internvl3-8b"} <= set(names)
    assert "bill" not in names
    assert one.references == ("qwen2.5-vl-7b",)


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["rivals=PLAY"], "rivals among PLA"),
        (["method=pla"], "pla"),
        (["method=nothing"], "nothing"),
        (["radii=-1"], "greater than or equal to 0"),
        (["radii=nan"], "a finite number"),
        (["radii=inf"], "a finite number"),
        (["radii=1e30"], "less than or equal to 100"),
        (["radii=0.5,0.50000001"], "differ in six digits, got 0.5 and 0.50000001"),
        (["images=somewhere"], "beside --set roster"),
        (["references=source"], "references among the innocents"),
        (["suspects=nobody"], "nobody"),
        (["world=real", "roster=llava-1.5-7b"], "got both"),
        (["paraphrase=hf:somewhere"], "openai:URL#model"),
        (["judge=somebody"], "hf"),
        (["scenes=3"], "scenes"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_loaded(
    texts: list[str], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        read_settings(STUDY, texts)


def test_benign_questions_that_are_not_there_stop_a_run_before_triggers_are_made(
    tmp_path: Path,
) -> None:
    settings = read_settings(STUDY, ["families=llava", "benign=no/such/folder"])
    missing = [need for need in requirements(settings) if need.state == "missing"]
    assert [need.what for need in missing] == ["benign questions"]
    place = Workplace(out=tmp_path / "paper", show=lambda *_: None)
    with pytest.raises(UsageError, match=r"benign questions, got .*, which does not exist"):
        run_study(STUDY, settings, place)
    assert not list(place.out.glob("llava*"))


def test_a_dry_run_says_which_tables_go_without() -> None:
    needs = requirements(read_settings(STUDY, ["roster=qwen2.5-vl-7b", "images=nowhere"]))
    states = {need.what: need.state for need in needs}
    assert states["base images"] == "missing"
    assert states["table of the judge"] == states["table of SDA"] == "set aside"
    assert states["column PLA"] == "set aside"


def test_quick_is_a_part_of_the_whole() -> None:
    (one,) = _plans(quick=True)
    assert one.plan.roster.name == "llava"
    recipes = {method.name: method.recipe for method in one.plan.methods}
    images = [recipe for recipe in recipes.values() if isinstance(recipe, Recipe)]
    assert len(images) == 5
    assert all(recipe.schedule.steps == 150 for recipe in images)


def test_fewer_steps_never_make_a_method_of_words_longer() -> None:
    for steps, expected in ((150, 64), (3, 3)):
        (one,) = _plans("families=llava", f"steps={steps}")
        (prefixes,) = (m.recipe for m in one.plan.methods if isinstance(m.recipe, PrefixRecipe))
        assert prefixes.steps == expected

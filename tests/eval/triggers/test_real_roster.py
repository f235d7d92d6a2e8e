from pathlib import Path

import pytest

from sif.errors import UsageError
from sif.eval.triggers.real_roster import BUILT_IN, load_roster, real_roster
from sif.eval.triggers.roster import named
from tests.eval.triggers.lists import content, entry, little, plan_of, write


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_roster_can_be_planned_and_holds_out_of_every_role(name: str) -> None:
    roster = load_roster(name)
    plan = plan_of(real_roster(name))
    assert roster.name == name
    assert plan.image_attacks[0] == "none"
    held = {listed.role for listed in plan.asked if listed.split == "held out"}
    tuning = {listed.role for listed in plan.asked if listed.split == "tuning"}
    assert held == {"copy", "innocent"}
    assert tuning == {"source", "copy", "innocent"}
    assert all(listed.parameters and listed.disk_gb for listed in roster.suspects)
    assert len({listed.suspect for listed in roster.suspects}) == len(roster.suspects)


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_roster_asks_its_source_and_quantised_copies_of_it(name: str) -> None:
    roster = load_roster(name)
    same = [s for s in roster.suspects if s.address.target == roster.source.model]
    assert [s.name for s in same] == ["source", "int8", "nf4"]
    assert [s.address.options.model_dump()["quantize"] for s in same] == [None, "int8", "nf4"]
    assert {s.parameters for s in same} == {roster.source.parameters}


@pytest.mark.parametrize("name", BUILT_IN)
def test_download_sizes_of_a_built_in_roster_are_two_bytes_a_parameter(name: str) -> None:
    for listed in load_roster(name).suspects:
        assert listed.parameters and listed.disk_gb
        assert listed.disk_gb == pytest.approx(2e-9 * listed.parameters, abs=0.06)


def test_a_roster_is_read_from_a_file_and_frozen(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.yaml", content("a/b", entry("tuned", "vllm:a/c")))
    roster = load_roster(path)
    assert [listed.name for listed in roster.suspects] == ["source", "tuned"]
    assert (roster.triggers, roster.image_attacks) == (2, ("none",))
    with pytest.raises(ValueError, match="frozen"):
        roster.triggers = 3  # type: ignore[misc]


SOURCE = entry("source", "hf:a/b", "source")
WRONG = {
    "an unknown field": ({"colour": "red"}, r"colour: extra inputs"),
    "another version": ({"schema_version": 2}, r"schema_version: .*got 2"),
    "no suspects": ({"suspects": []}, r"suspects: .*at least 1"),
    "no source": ({"suspects": [entry("x", "hf:a/b")]}, r"one suspect with the role source, got 0"),
    "a name twice": ({"suspects": [SOURCE, entry("source", "hf:c/d")]}, r"'source' twice"),
    "a wrong address": (
        {"suspects": [entry("x", "ftp:a")]},
        r"suspects\.0\.suspect: .*hf:.*'ftp:a'",
    ),
    "a wrong option": (
        {"suspects": [entry("x", "hf:a?quantize=int3")]},
        r"suspects\.0\.suspect: .*quantize.*int8",
    ),
    "a wrong role": ({"suspects": [entry("x", "hf:a/b", "thief")]}, r"suspects\.0\.role"),
    "a name that is a path": ({"suspects": [entry("../x", "hf:a/b")]}, r"suspects\.0\.name"),
    "a wrong attack": ({"image_attacks": ["flip:1"]}, r"image_attacks: .*flip"),
    "no parameters": ({"source": {"model": "a/b", "parameters": 0}}, r"source\.parameters"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_in_a_roster_is_said_in_one_line(case: str, tmp_path: Path) -> None:
    changes, words = WRONG[case]
    path = write(tmp_path / "wrong.yaml", content("a/b", **changes))
    with pytest.raises(UsageError, match=words) as caught:
        load_roster(path)
    assert "\n" not in str(caught.value)
    assert "wrong.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"), [("suspects: [", "in YAML"), ("- 1", "roster"), ("", "roster")]
)
def test_a_file_that_is_no_roster_is_refused_in_one_line(
    text: str, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=words) as caught:
        load_roster(path)
    assert "\n" not in str(caught.value)


def test_an_unknown_roster_is_answered_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"llava-1\.5-7b, qwen2\.5-vl-7b.*'gpt'"):
        load_roster("gpt")


def test_suspects_are_chosen_by_name_in_the_order_of_the_roster() -> None:
    roster = little("a/b", entry("x", "hf:a/c"), entry("y", "hf:a/d"))
    assert [s.name for s in named(roster.suspects, ("y", "source"))] == ["source", "y"]
    with pytest.raises(UsageError, match=r"among source, x, y, got 'z'"):
        named(roster.suspects, ("z",))


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_weak_trigger_keeps_its_picture_and_key(name: str) -> None:
    assert "its own picture, with its own key" in load_roster(name).images

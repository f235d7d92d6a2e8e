"""What all studies share: `sif bench STUDY`, with a study that takes no time."""

import tempfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from pydantic import BaseModel, Field

from sif.errors import SifError, UsageError
from sif.eval.studies import STUDIES, find_study
from sif.eval.study import (
    Findings,
    Requirement,
    Settings,
    Study,
    Workplace,
    read_settings,
    run_study,
)
from sif.held import LOCK
from sif.scale.crew import Call, Show
from tests.cli.command import Run, assert_one_line


class Fruit(Settings):
    """What the study can be told."""

    kinds: tuple[str, ...] = Field(default=("apple", "none"), min_length=1)
    """Of fruit; a word
    or more."""
    number: int = Field(default=3, ge=1)
    """Of each."""
    only: tuple[int, ...] | None = None
    """Sizes, or all."""


class Basket(BaseModel):
    kind: str
    number: int


def count(fruit: Fruit, place: Workplace) -> Findings:
    """Cuts its work into parts, one for each kind."""
    (place.out / "parts").mkdir(exist_ok=True)
    parts = [Call(Counting(kind, fruit.number)) for kind in fruit.kinds]
    with place.crew() as hands:
        rows = hands.run(parts)
    if "bad" in fruit.kinds:
        raise SifError("a bad one")
    return Findings(
        summary=f"{len(rows)} kinds, {torch.get_num_threads()} threads\n\n",
        details="all of them\n",
        files={"rows.parquet": rows, "plot.svg": b"<svg/>", "said.txt": "words"},
    )


class Counting:
    """A part that other processes can import."""

    def __init__(self, kind: str, number: int) -> None:
        self.kind, self.number = kind, number

    def __call__(self, show: Show) -> Basket:
        show(self.kind, 1, 1, "counted")
        return Basket(kind=self.kind, number=self.number)


def needs(fruit: Fruit) -> list[Requirement]:
    missing = "plum" in fruit.kinds
    return [Requirement(what="a basket", state="missing" if missing else "ready", memory=2**30)]


FRUIT = Study(
    name="ownership",
    settings=Fruit,
    quick={"kinds": ("apple",), "number": 1},
    run=count,
    requirements=needs,
)


@pytest.fixture
def fruit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind the name of a real one."""
    monkeypatch.setattr("sif.eval.studies.find_study", lambda name: FRUIT)


def serve(monkeypatch: pytest.MonkeyPatch, **changes: object) -> None:
    facts = {name: getattr(FRUIT, name) for name in Study.__dataclass_fields__}
    study = Study(**(facts | changes))
    monkeypatch.setattr("sif.eval.studies.find_study", lambda name: study)


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_bears_its_name_describes_its_settings_and_has_a_quick_way(name: str) -> None:
    study = find_study(name)
    assert study.name == name
    assert read_settings(study, []) == study.settings()
    assert study.quick
    assert isinstance(read_settings(study, [], quick=True), study.settings)
    for key, field in study.settings.model_fields.items():
        assert field.description, key


def test_an_unknown_study_is_wrong_usage(sif: Run) -> None:
    code, _, error = sif("bench", "cheese")
    assert code == 2
    assert "cheese" in error
    with pytest.raises(UsageError, match=r"triggers, .*got 'cheese'"):
        find_study("cheese")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (("roster", "llava-1.5-7b", "--images", "photos", "--dry-run"), "roster=llava-1.5-7b"),
        (("answers", "--out", "x"), "bench attacks --out DIR --set kind=answers"),
        (("claims", "-n", "20"), "tools/time_audit.py"),
    ],
)
def test_old_names_say_where_to_go(sif: Run, old: tuple[str, ...], new: str) -> None:
    code, _, error = sif("bench", *old)
    assert code == 2
    assert_one_line(error, old[0], new)


@pytest.mark.usefixtures("fruit")
@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("colour=red", ("kinds, number, only", "'colour=red'")),
        ("number", ("key=value", "'number'")),
        ("number=0", ("number", "greater than or equal to 1", "'0'")),
        ("number=many", ("--set number: expected a whole number, got 'many'",)),
        ("number=", ("--set number: expected a whole number, got ''",)),
        ("number=none", ("a whole number", "'none'")),
        ("kinds=", ("--set kinds: expected at least 1 entry", "got ''")),
        ("only=1,b", ("only.1", "a whole number", "'b'")),
    ],
)
def test_wrong_settings_are_one_clear_line_and_touch_nothing(
    sif: Run, tmp_path: Path, typed: str, words: tuple[str, ...]
) -> None:
    code, _, error = sif("bench", "ownership", "--out", tmp_path / "b", "--set", typed)
    assert code == 2
    assert_one_line(error, *words)
    assert not (tmp_path / "b").exists()


def test_settings_are_read_as_they_are_typed() -> None:
    assert read_settings(FRUIT, []) == Fruit()
    typed = read_settings(FRUIT, ["kinds=pear, none ,", "only=1,22", "number = 5"])
    assert (typed.kinds, typed.only, typed.number) == (("pear", "none"), (1, 22), 5)
    assert read_settings(FRUIT, ["kinds=none", "only=none"]) == Fruit(kinds=("none",), only=None)


@pytest.mark.parametrize("again", ["kinds=plum", "kinds =plum"])
def test_a_setting_is_given_once(again: str) -> None:
    with pytest.raises(UsageError, match="--set kinds again; a list has commas"):
        read_settings(FRUIT, ["kinds=pear", again])


def test_what_is_named_twice_counts_once() -> None:
    assert read_settings(FRUIT, ["kinds=pear,plum,pear"]).kinds == ("pear", "plum")
    assert read_settings(find_study("triggers"), ["families=llava,llava"]).families == ("llava",)


@pytest.mark.parametrize("name", STUDIES)
def test_no_study_takes_numbers_without_bounds(name: str) -> None:
    study = find_study(name)
    for key, field in study.settings.model_fields.items():
        words = str(field.annotation)
        values = ["1" + 30 * "0"] if "int" in words else []
        for value in [*values, "inf", "nan"] if values or "float" in words else []:
            with pytest.raises(UsageError):
                read_settings(study, [f"{key}={value}"])


def test_settings_stay_in_their_line_of_the_summary(tmp_path: Path) -> None:
    chosen = read_settings(FRUIT, ["kinds=a`b\n# c\x1b[31m|d"])
    run_study(FRUIT, chosen, Workplace(out=tmp_path / "out", show=lambda *_: None))
    text = (tmp_path / "out" / "summary.md").read_text(encoding="utf-8")
    assert text.startswith("Settings: `kinds=a'b\\n# c\\x1b[31m|d`; all others")


def test_a_number_that_may_be_none_says_so() -> None:
    with pytest.raises(
        UsageError, match=r"--set triggers: expected a whole number or none, got ''"
    ):
        read_settings(find_study("triggers"), ["triggers="])


@pytest.mark.usefixtures("fruit")
@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (("--kinds", "pear"), "has no --kinds; write --set kinds=pear"),
        (("--kinds=pear,plum",), "has no --kinds; write --set kinds=pear,plum"),
        (("--number",), "has no --number; write --set number=…"),
        (("--quik",), "has no --quik; write --quick"),
        (("--nmber", "3"), "has no --nmber; write --set number=…"),
        (("-n", "24"), "has no -n; what --set takes instead is in sif bench ownership --settings"),
        (("--set", "number=1", "kinds=pear"), "takes no 'kinds=pear' on its own; write --set kin"),
        (("all",), "takes no 'all' on its own"),
    ],
)
def test_an_option_that_is_a_setting_says_how_to_write_it(
    sif: Run, tmp_path: Path, typed: tuple[str, ...], words: str
) -> None:
    code, _, error = sif("bench", "ownership", "--out", tmp_path / "b", *typed)
    assert code == 2
    assert_one_line(error, f"sif bench ownership {words}")
    assert not (tmp_path / "b").exists()


def test_the_number_of_triggers_is_a_setting(sif: Run) -> None:
    code, _, error = sif("bench", "triggers", "-n", "24")
    assert code == 2
    assert_one_line(error, "sif bench triggers has no -n; write --set triggers=24")


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_takes_the_example_in_its_help(sif: Run, name: str) -> None:
    example = STUDIES[name].example
    assert read_settings(find_study(name), [example]) != find_study(name).settings()
    said = " ".join(sif("bench", name, "--help")[1].split())
    assert f"with --quick, {STUDIES[name].whole} without" in said


def test_what_is_set_counts_more_than_quick() -> None:
    quick = read_settings(FRUIT, ["number=7"], quick=True)
    assert (quick.kinds, quick.number) == (("apple",), 7)


@pytest.mark.usefixtures("fruit")
def test_settings_are_listed_as_they_would_be_typed(sif: Run) -> None:
    code, said, _ = sif("bench", "ownership", "--settings")
    assert code == 0
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert "kinds apple,none apple Of fruit; a word or more." in lines
    assert "number 3 1 Of each." in lines
    assert "only none Sizes, or all." in lines


@pytest.mark.usefixtures("fruit")
def test_findings_are_printed_and_written(sif: Run, tmp_path: Path) -> None:
    out = tmp_path / "b"
    code, said, error = sif("bench", "ownership", "--out", out)
    assert code == 0, error
    assert "2 kinds" in said
    assert "all of them" not in said
    assert said.splitlines()[-1].endswith("summary.md, rows.parquet, plot.svg, said.txt")
    assert "apple: 1 of 1  counted" in error
    summary = (out / "summary.md").read_text()
    assert summary.startswith("Settings: all as by default.\n\n2 kinds")
    assert summary.endswith("\n\nall of them\n")
    assert pq.read_table(out / "rows.parquet").to_pylist() == [
        {"kind": "apple", "number": 3},
        {"kind": "none", "number": 3},
    ]
    assert (out / "plot.svg").read_bytes() == b"<svg/>"
    assert (out / "said.txt").read_text() == "words"
    again = sif("bench", "ownership", "--out", out, "--quick")
    assert again[0] == 0
    assert "1 kinds" in again[1]
    first = (out / "summary.md").read_text().splitlines()[0]
    assert first == "Settings: `kinds=apple`; `number=1`; all others as by default."


@pytest.mark.slow
@pytest.mark.usefixtures("fruit")
def test_parts_are_carried_out_by_other_processes(sif: Run, tmp_path: Path) -> None:
    code, said, error = sif("bench", "ownership", "--out", tmp_path / "b", "--jobs", 2)
    assert code == 0, error
    assert "2 kinds" in said
    assert "apple: 1 of 1  counted" in error
    code, _, error = sif("bench", "ownership", "--out", tmp_path / "c", "--jobs", 0)
    assert code == 2
    assert not (tmp_path / "c").exists()


@pytest.mark.usefixtures("fruit")
def test_an_interrupted_run_leaves_no_findings_and_goes_on(sif: Run, tmp_path: Path) -> None:
    out = tmp_path / "b"
    code, _, error = sif("bench", "ownership", "--out", out, "--set", "kinds=apple,bad")
    assert code == 1
    assert_one_line(error, "a bad one")
    assert sorted(path.name for path in out.iterdir()) == [LOCK, "parts", "study.txt"]
    assert sif("bench", "ownership", "--out", out)[0] == 0


def test_findings_that_cannot_be_put_into_a_file_leave_the_old_ones(
    sif: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "b"
    serve(monkeypatch)
    assert sif("bench", "ownership", "--out", out)[0] == 0
    before = (out / "summary.md").read_bytes()

    class Odd(BaseModel):
        what: complex

    odd = Findings(summary="new", files={"odd.parquet": [Odd(what=1j)]})
    serve(monkeypatch, run=lambda settings, place: odd)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code, _, error = sif("bench", "ownership", "--out", out, bug=True)
    assert code == 1
    assert "KeyError" in error
    assert (out / "summary.md").read_bytes() == before


@pytest.mark.usefixtures("fruit")
def test_a_folder_of_something_else_is_left_alone(sif: Run, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    code, _, error = sif("bench", "ownership", "--out", tmp_path)
    assert code == 1
    assert_one_line(error, "study.txt", str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_of_another_study_is_left_alone(
    sif: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "b"
    serve(monkeypatch)
    assert sif("bench", "ownership", "--out", out)[0] == 0
    serve(monkeypatch, name="metav")
    code, _, error = sif("bench", "metav", "--out", out)
    assert code == 1
    assert_one_line(error, "`sif bench metav`, got one of `sif bench ownership`", "another folder")
    (out / "study.txt").write_bytes(b"\xff mine")
    assert_one_line(sif("bench", "metav", "--out", out)[2], "got something else's")


def test_a_folder_may_go_with_one_choice_of_settings(
    sif: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "b"
    serve(monkeypatch, settled=True)
    assert sif("bench", "ownership", "--out", out)[0] == 0
    assert sif("bench", "ownership", "--out", out)[0] == 0
    code, _, error = sif("bench", "ownership", "--out", out, "--set", "number=4")
    assert code == 2
    assert_one_line(error, "settings.json", "new folder")


def test_a_study_may_need_one_thread(
    sif: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        serve(monkeypatch, one_thread=True)
        assert "1 threads" in sif("bench", "ownership", "--out", tmp_path / "a")[1]
        assert torch.get_num_threads() == 2
        serve(monkeypatch)
        assert "2 threads" in sif("bench", "ownership", "--out", tmp_path / "b")[1]
    finally:
        torch.set_num_threads(before)


@pytest.mark.usefixtures("fruit")
def test_a_dry_run_says_what_is_missing_and_does_nothing(sif: Run, tmp_path: Path) -> None:
    code, said, _ = sif("bench", "ownership", "--out", tmp_path / "b", "--dry-run")
    assert code == 0
    assert "a basket" in said
    assert "1.0 GiB" in said
    assert "nothing is missing" in said
    code, said, _ = sif("bench", "ownership", "--dry-run", "--set", "kinds=plum")
    assert code == 1
    assert "missing: a basket" in said
    assert not (tmp_path / "b").exists()


@pytest.mark.usefixtures("fruit")
def test_without_a_folder_nothing_is_done(sif: Run) -> None:
    code, _, error = sif("bench", "ownership")
    assert code == 2
    assert_one_line(error, "--out DIR")

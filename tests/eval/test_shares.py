"""Studies in shares: joined they are what one command makes; what is no share is refused."""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import BaseModel, Field

from sif.errors import SifError, StorageError, UsageError
from sif.eval.sharded import ShareRun, run_share
from sif.eval.study import Findings, Settings, Study, Workplace, run_study
from sif.scale.crew import Show
from sif.scale.shard import Shard
from sif.study_shares import DONE, RECORD, Joined, join_shares
from sif.suspects.kept import KeptAnswers
from sif.suspects.scripted import ScriptedSuspect
from sif.types import Query
from tests.cli.command import Run, assert_one_line
from tests.scale.parts import ignore


class FlowerSettings(Settings):
    """Of a little study."""

    flowers: int = Field(default=5, ge=1)
    """How many grow."""
    colour: str = "red"
    """Of all."""


class Flower(BaseModel):
    name: str
    smell: str


@dataclass(frozen=True)
class Growing:
    """Grows a flower, once; every one needs the same pot, and says when that was made."""

    out: Path
    number: int
    colour: str

    def run(self, show: Show) -> str:
        pot, place = self.out / "garden" / "models" / "pot", self.out / "garden" / str(self.number)
        for path, words in ((pot, f"made for {self.number}"), (place, f"{self.colour} flower")):
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                path.write_text(words)
        return place.read_text()


@dataclass(frozen=True)
class Smelling:
    """Asks about a flower; all answers are kept in one file."""

    out: Path
    number: int

    def run(self, show: Show) -> Flower:
        grown = [(self.out / "garden" / str(it)).read_text() for it in range(self.number + 1)]
        assert all(grown)
        with KeptAnswers(self.out / "answers.sqlite") as kept:
            nose = ScriptedSuspect(lambda query: f"sweet {self.number}")
            (reply,) = kept.through(nose, name="nose").ask([_query(self.number)])
        return Flower(name=grown[-1], smell=getattr(reply, "text", ""))


def _query(number: int) -> Query:
    from PIL import Image

    return Query(trigger=str(number), image=Image.new("RGB", (2, 2), (number, 0, 0)), prompt="?")


def _run(settings: FlowerSettings, place: Workplace) -> Findings:
    with place.crew() as crew:
        crew.run([Growing(place.out, it, settings.colour) for it in range(settings.flowers)])
        found = crew.run([Smelling(place.out, it) for it in range(settings.flowers)])
    return Findings(
        summary="".join(f"{one.name} smells {one.smell}\n" for one in found),
        files={"flowers.parquet": found},
    )


STUDY = Study(name="flowers", settings=FlowerSettings, quick={}, run=_run)


def share(out: Path, text: str, **settings: object) -> ShareRun:
    chosen = FlowerSettings.model_validate(settings)
    return run_share(STUDY, chosen, Workplace(out=out, show=ignore), Shard.parse(text))


def whole(out: Path) -> dict[str, bytes]:
    files = run_study(STUDY, FlowerSettings(), Workplace(out=out, show=ignore))
    return {path.name: path.read_bytes() for path in files}


@pytest.fixture
def shares(tmp_path: Path) -> list[Path]:
    folders = [tmp_path / f"share-{number}" for number in (1, 2)]
    for number, folder in enumerate(folders, start=1):
        assert share(folder, f"{number}/2").files == []
    return folders


def test_shares_joined_stage_by_stage_are_what_one_command_makes(
    shares: list[Path], tmp_path: Path
) -> None:
    alone = whole(tmp_path / "alone")
    grown = [sorted(path.name for path in (one / "garden").iterdir()) for one in shares]
    assert grown == [["0", "2", "4", "models"], ["1", "3", "models"]]
    joined = join_shares(shares[::-1], out=tmp_path / "whole")
    assert joined == Joined("flowers", 2, 11, 0)  # five flowers with their marks, and a pot
    # Each goes on in a copy of the whole, as another number of shares too.
    seconds = [tmp_path / f"second-{number}" for number in (1, 2, 3)]
    for number, folder in enumerate(seconds, start=1):
        shutil.copytree(tmp_path / "whole", folder)
        found = share(folder, f"{number}/3")
        assert "parts of stage 2" in found.words
    again = join_shares(seconds, out=tmp_path / "whole")
    assert again == Joined("flowers", 3, 17, 11)
    with KeptAnswers(tmp_path / "whole" / "answers.sqlite") as kept:
        assert [one.trigger for one in kept.answers()] == ["0", "3", "1", "4", "2"]
    assert join_shares(seconds, out=tmp_path / "whole").before == 17
    marks = (tmp_path / "whole" / DONE).rglob("*-*")
    assert len([*marks]) == 10
    assert whole(tmp_path / "whole") == alone


def test_one_command_goes_on_in_the_whole_after_the_first_stage(
    shares: list[Path], tmp_path: Path
) -> None:
    join_shares(shares, out=tmp_path / "whole")
    (tmp_path / "whole" / "garden" / "3").write_text("blue flower")
    assert b"blue flower smells sweet 3" in whole(tmp_path / "whole")["summary.md"]


def test_a_share_goes_on_where_it_stopped_and_does_nothing_twice(shares: list[Path]) -> None:
    first = shares[0]
    times = {path: path.stat().st_mtime_ns for path in (first / "garden").rglob("*")}
    (record,) = [*first.rglob("0-2")]
    record.unlink()
    (first / "garden" / "4").unlink()
    (record.parent / "0-4").unlink()
    assert "3 parts of stage 1, and 2 are others'" in share(first, "1/2").words
    assert (first / "garden" / "4").read_text() == "red flower"
    kept = {path: path.stat().st_mtime_ns for path in times if path.is_file()}
    assert all(kept[path] == times[path] for path in kept if path.name != "4")


def test_a_single_share_is_the_study(tmp_path: Path) -> None:
    found = share(tmp_path / "one", "1/1")
    assert [path.name for path in found.files] == ["summary.md", "flowers.parquet"]
    assert {path.name: path.read_bytes() for path in found.files} == whole(tmp_path / "alone")


def test_a_folder_is_one_share_of_one_choice_of_settings(
    shares: list[Path], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="got share 1/2 in"):
        share(shares[0], "2/2")
    with pytest.raises(UsageError, match=r"settings\.colour"):
        share(shares[0], "1/2", colour="blue")
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "mine.txt").write_text("dear")
    with pytest.raises(StorageError, match="new folder or an earlier one"):
        share(tmp_path / "letters", "1/2")
    uncut = Study(name="flowers", settings=FlowerSettings, quick={}, run=_run, in_parts=False)
    place = Workplace(out=tmp_path / "new", show=ignore)
    with pytest.raises(UsageError, match="leave --shard out"):
        run_share(uncut, FlowerSettings(), place, Shard(1, 2))
    assert not (tmp_path / "new").exists()


def _rewrite(**changes: object) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        said = json.loads((folder / RECORD).read_text())
        (folder / RECORD).write_text(json.dumps(said | changes))

    return damage


def _other_answer(folder: Path) -> None:
    for path, words in ((folder, "sour"), (folder.with_name("share-1"), "sweet")):
        with KeptAnswers(path / "answers.sqlite") as kept:
            kept.through(ScriptedSuspect({"1": words}), name="\x1b[2Jnose").ask([_query(1)])


def _strange_journal(folder: Path) -> None:
    with KeptAnswers(folder.with_name("share-1") / "answers.sqlite"):
        pass
    with sqlite3.connect(folder / "answers.sqlite") as connection:
        connection.execute("CREATE TABLE mine (words TEXT)")


def _sparse(folder: Path) -> None:
    with (folder / "huge").open("wb") as file:
        file.truncate(1 << 40)


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "other settings": (_rewrite(settings={"flowers": 9, "colour": "red"}), "settings.flowers"),
    "another study": (_rewrite(study="verdicts"), "study"),
    "another number of shares": (_rewrite(of=3), "of: 2"),
    "a share twice": (_rewrite(number=1), "expected every share once"),
    "another stage": (_rewrite(stage=1), "expected shares of one stage"),
    "unfinished": (_rewrite(stage=None), "expected finished shares, got 2/2"),
    "another version": (_rewrite(schema_version=2), "as it was written"),
    "a strange name": (_rewrite(study="x`; rm -rf /"), "as it was written"),
    "no json": (lambda it: (it / RECORD).write_bytes(b"\xff{"), "as it was written"),
    "deep json": (lambda it: (it / RECORD).write_text("[" * 100_000), "as it was written"),
    "a pipe for a record": (
        lambda it: ((it / RECORD).unlink(), os.mkfifo(it / RECORD)),
        "expected the folder of a share",
    ),
    "a changed file": (
        lambda it: (
            shutil.copytree(it.with_name("share-1") / "garden", it / "garden", dirs_exist_ok=True)
            and (it / "garden" / "2").write_text("weed")
        ),
        "one content of garden/2",
    ),
    "a link": (lambda it: (it / "link").symlink_to("/etc/passwd"), "a link, a pipe or a device"),
    "a linked folder": (lambda it: (it / "up").symlink_to(it.parent), "a link, a pipe or a device"),
    "a pipe": (lambda it: os.mkfifo(it / "pipe"), "a link, a pipe or a device"),
    "a hidden lock that is a pipe": (lambda it: os.mkfifo(it / ".x.lock"), "a link, a pipe"),
    "a name that clears the screen": (lambda it: (it / "\x1b[2J").write_text(""), "cannot be seen"),
    "a name in two lines": (lambda it: (it / "a\nb").mkdir(), "cannot be seen"),
    "a terabyte": (_sparse, "a file of 1024 GiB"),
    "another answer": (_other_answer, "got two about trigger 1"),
    "another database": (_strange_journal, "got another SQLite database"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_no_share_of_the_others_is_refused_in_one_line(
    shares: list[Path], tmp_path: Path, damage: str, sif: Run
) -> None:
    spoil, complaint = DAMAGES[damage]
    spoil(shares[1])
    code, _, error = sif("merge", tmp_path / "whole", *shares)
    assert code in (1, 2), error
    assert_one_line(error.replace("\n  ", " "), complaint)
    assert "\x1b" not in error
    written = [path for path in (tmp_path / "whole").rglob("*") if path.is_file()]
    assert not any(path.suffix == ".sqlite" for path in written)


def test_what_does_not_make_a_whole_is_named(shares: list[Path], tmp_path: Path, sif: Run) -> None:
    letters = tmp_path / "letters"
    letters.mkdir()
    (letters / "mine.txt").write_text("dear")
    for arguments, words in (
        ((tmp_path / "w", shares[0]), "expected all 2 shares, got 1: 2/2 missing"),
        ((tmp_path / "w", *shares, shares[0]), "expected every share once"),
        ((tmp_path / "w", *shares, letters), "expected the folder of a share of a study"),
        ((tmp_path / "w", *shares, tmp_path / "none"), "expected the folder of a share"),
        ((shares[0], *shares), "got that of a share"),
        ((letters, *shares), "new folder or an earlier one"),
        ((tmp_path / "w", *shares, "--secret", letters / "mine.txt"), "have none; leave it out"),
    ):
        code, _, error = sif("merge", *arguments)
        assert code in (1, 2), error
        assert_one_line(error, words)
    assert not (tmp_path / "w").exists()
    assert [path.name for path in letters.iterdir()] == ["mine.txt"]


def test_nothing_in_the_whole_is_overwritten(shares: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "whole"
    join_shares(shares, out=out)
    (out / "garden" / "1").write_text("mine")
    with pytest.raises(StorageError, match=r"one content of garden/1, got another"):
        join_shares(shares, out=out)
    assert (out / "garden" / "1").read_text() == "mine"


def test_a_joining_that_was_interrupted_goes_on(
    shares: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sif import study_shares

    copies, copy = list[Path](), study_shares._copy

    def full(source: Path, target: Path) -> None:
        if len(copies) == 4:
            raise OSError(28, "No space left on device")
        copies.append(target)
        copy(source, target)

    monkeypatch.setattr(study_shares, "_copy", full)
    with pytest.raises((OSError, SifError)):
        join_shares(shares, out=tmp_path / "whole")
    monkeypatch.undo()
    assert join_shares(shares, out=tmp_path / "whole").before == 4
    assert whole(tmp_path / "whole") == whole(tmp_path / "alone")


@pytest.mark.parametrize(
    ("study", "settings", "files"),
    [
        pytest.param(
            "verdicts",
            ("seeds=2", "triggers=2", "methods=sif@steps=1", "suspects=source,stranger-a"),
            ("summary.md", "suspects.parquet", "allowances.parquet", "audits.parquet"),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "triggers",
            ("triggers=2", "steps=1", "methods=sif,sif-release", "suspects=source,stranger-a"),
            ("cells.parquet", "portraits.parquet", "suspects.json", "heatmap.svg"),
            marks=pytest.mark.long,
        ),
    ],
)
def test_a_real_study_in_shares_is_the_one_of_one_command(
    study: str, settings: tuple[str, ...], files: tuple[str, ...], sif: Run, tmp_path: Path
) -> None:
    options = ["--quick", *(word for one in settings for word in ("--set", one))]
    code, alone, error = sif("bench", study, "--out", tmp_path / "alone", *options)
    assert code == 0, error
    rooms = [tmp_path / f"share-{number}" for number in (1, 2)]
    whole = tmp_path / "whole"
    for stage in (1, 2):
        for number, room in enumerate(rooms, start=1):
            if stage == 2:
                shutil.rmtree(room)
                shutil.copytree(whole, room)
            shard = ("--shard", f"{number}/2")
            code, said, error = sif("bench", study, "--out", room, *options, *shard)
            assert code == 0, error
            assert f"parts of stage {stage}" in " ".join(said.split())
        code, said, error = sif("merge", whole, *rooms)
        assert code == 0, error
    code, said, error = sif("bench", study, "--out", whole, *options)
    assert code == 0, error
    assert "llava: sif" not in error  # nothing is made again
    for name in files:
        assert (whole / name).read_bytes() == (tmp_path / "alone" / name).read_bytes(), name
    if "summary.md" in files:
        assert said.replace("whole", "alone") == alone.replace("whole", "alone")

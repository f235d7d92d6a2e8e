"""A benchmark of a roster in little: untrained and bundled models, and suspects that fail."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sif.errors import ModelError, StorageError, SuspectError, UsageError
from sif.eval.share_of_parts import ShareDoneError, ShareOfParts
from sif.eval.study import Workplace
from sif.eval.triggers import making
from sif.eval.triggers.method import Method
from sif.eval.triggers.overview import as_outcomes
from sif.eval.triggers.plan import Plan
from sif.eval.triggers.real_roster import RealRoster
from sif.eval.triggers.rows import Outcome
from sif.eval.triggers.study import Results, run_plans
from sif.mini.catalogue import find
from sif.mini.folders import export
from sif.scale.shard import Shard
from sif.suspects import late
from sif.suspects.connect import connect
from sif.suspects.kept import KeptAnswers
from sif.suspects.scripted import ScriptedSuspect
from sif.types import Query, Reply, Unanswered
from sif.vlm.model import Vlm
from sif.watermark.keys import KeyRing
from tests.eval.triggers import lists
from tests.eval.triggers.lists import entry
from tests.fingerprint.small import pictures, small_recipe


def ignore(stage: str, done: float, total: float, words: str) -> None:
    pass


def small_method(name: str = "small", **changes: Any) -> Method:
    return Method(name=name, recipe=small_recipe(**changes))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three base images."""
    folder = tmp_path_factory.mktemp("images")
    for named in pictures(3):
        named.image.save(folder / f"{named.name}.png")
    return folder


Little = Callable[..., RealRoster]


@pytest.fixture(scope="module")
def little(untrained_llava: Path, images: Path) -> Little:
    """A roster of the untrained model and others."""
    return partial(_little, untrained_llava, images)


def _little(source: Path, images: Path, *more: dict[str, Any]) -> RealRoster:
    return lists.little(source, *more, images=images)


def test_shares_of_real_models_are_given_one_key_before_anything_is_made(
    little: Little, tmp_path: Path
) -> None:
    plan = plan_of(little(), methods=(small_method(), small_method("other")))
    alone = replace(plan, methods=plan.methods[:1])
    share = ShareOfParts(Shard(2, 2), tmp_path / "marks")
    place = Workplace(out=tmp_path / "share-2", show=ignore, share=share)
    key = place.out / "little" / "secret.key"
    with pytest.raises(UsageError, match=r"share-2/little/secret\.key a key file, the same for"):
        run_plans([plan], place)
    assert not place.out.exists()
    with pytest.raises(ShareDoneError):  # one making is in one share
        run_plans([alone], place)
    key.parent.mkdir(parents=True)
    KeyRing(bytes(32)).save(key)
    share = ShareOfParts(Shard(3, 3), tmp_path / "others")
    with pytest.raises(ShareDoneError):
        run_plans([plan], replace(place, share=share))


def test_jobs_that_need_keys_at_once_draw_them_once(little: Little, tmp_path: Path) -> None:
    roster = little()
    with ThreadPoolExecutor(8) as pool:
        drawn = list(pool.map(lambda _: roster.keys(tmp_path, 0).text(), range(8)))
    assert len(set(drawn)) == 1


def run(plan: Plan, out: Path) -> Results:
    making.let_go()
    return run_plans([plan], Workplace(out=out, show=ignore))


def plan_of(roster: RealRoster, **changes: Any) -> Plan:
    return Plan(
        **{
            "roster": roster,
            "suspects": roster.suspects,
            "methods": (small_method(),),
            "triggers": 2,
            "image_attacks": ("none", "jpeg:75"),
            "device": "cpu",
        }
        | changes
    )


class Stage:
    """Stands in for `connect`: scripted suspects, and how many of them were open at once."""

    def __init__(self) -> None:
        self.open = self.most = self.loaded = 0

    def connect(self, uri: str) -> "Actor":
        if "broken" in uri:
            raise ModelError(f"cannot load the weights of {uri}")
        self.loaded += 1
        self.open += 1
        self.most = max(self.most, self.open)
        return Actor(self, uri)


class Actor(ScriptedSuspect):
    def __init__(self, stage: Stage, uri: str) -> None:
        super().__init__(lambda query: "A red cat sleeps on the mat.", name=uri)
        self.stage, self.uri = stage, uri

    def ask(self, queries: list[Query]) -> list[Reply]:  # type: ignore[override]
        if "dead" in self.uri:
            raise SuspectError("its engine died")
        if "killed" in self.uri:
            raise KeyboardInterrupt
        if "silent" in self.uri:
            return [Unanswered(reason="no") for _ in queries]
        return super().ask(queries)

    def close(self) -> None:
        self.stage.open -= 1


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    stage = Stage()
    monkeypatch.setattr(late, "connect", stage.connect)
    return stage


@pytest.fixture(scope="module")
def begun(little: Little, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder with finished triggers and one suspect's answers."""
    out = tmp_path_factory.mktemp("begun") / "out"
    stage, real = Stage(), late.connect
    late.connect = stage.connect  # type: ignore[assignment]
    try:
        run(plan_of(little()), out)
    finally:
        late.connect = real
    return out


@pytest.fixture
def out(begun: Path, tmp_path: Path) -> Path:
    shutil.copytree(begun, tmp_path / "out")
    return tmp_path / "out"


@pytest.mark.slow
def test_suspects_that_fail_are_outcomes_with_reasons_and_the_others_are_asked(
    little: Little, out: Path, stage: Stage
) -> None:
    roster = little(
        entry("broken", "hf:org/broken"),
        entry("dead", "hf:org/dead"),
        entry("silent", "hf:org/silent", "innocent"),
        entry("aside", "hf:org/aside", set_aside="not ours"),
        entry("fine", "hf:org/fine?quantize=nf4"),
    )
    (cells, costs, portraits, *_), everybody = run(plan_of(roster), out)
    outcomes = everybody["little"]
    assert portraits == []
    states = {outcome.name: outcome.state for outcome in outcomes}
    assert states == {
        "source": "asked",
        "broken": "failed",
        "dead": "failed",
        "silent": "asked",
        "aside": "set aside",
        "fine": "asked",
    }
    reasons = {outcome.name: outcome.reason for outcome in outcomes if outcome.reason}
    assert reasons == {
        "broken": "cannot load the weights of hf:org/broken",
        "dead": "its engine died",
        "aside": "not ours",
    }
    assert {o.name: (o.answered, o.questions) for o in outcomes if o.state == "asked"} == {
        "source": (4, 4),
        "silent": (0, 4),
        "fine": (4, 4),
    }
    assert [(cost.method, cost.batch_size, cost.jobs) for cost in costs] == [("small", 2, 1)]
    rows = [(c.suspect, c.image_attack, c.trigger) for c in cells]
    assert len(set(rows)) == len(rows) == 3 * 2 * 2
    assert {c.suspect for c in cells} == {"source", "silent", "fine"}
    assert all((cell.green is None) == (cell.suspect == "silent") for cell in cells)
    assert (stage.open, stage.most) == (0, 1)


def test_an_interruption_closes_the_suspect_at_work(
    little: Little, out: Path, stage: Stage
) -> None:
    plan = plan_of(little(entry("killed", "hf:org/killed")))
    with pytest.raises(KeyboardInterrupt):
        run(plan, out)
    assert (stage.loaded, stage.open) == (1, 0)


@pytest.mark.slow
def test_a_second_run_loads_neither_the_source_nor_a_suspect_with_all_its_answers(
    little: Little, out: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Vlm, "load", lambda *some, **more: pytest.fail("the source was loaded"))
    plan = plan_of(little())
    first = run(plan, out).rows
    assert stage.loaded == 0
    more = little(entry("fine", "hf:org/fine"))
    second = run(plan_of(more), out).rows
    assert stage.loaded == 1
    assert second.cells[: len(first.cells)] == first.cells
    assert second.costs == first.costs
    wider = plan_of(little(), image_attacks=("none", "jpeg:75", "blur:1"))
    third = run(wider, out).rows
    assert stage.loaded == 2
    assert [c for c in third.cells if c.image_attack != "blur:1"] == first.cells


def test_answers_to_attacked_pictures_are_kept_apart(begun: Path, untrained_llava: Path) -> None:
    with KeptAnswers(begun / "little" / "answers" / "source.sqlite") as answers:
        names = sorted({kept.suspect for kept in answers.answers()})
    assert [name.rpartition(" ")[2] for name in names] == ["(jpeg:75)", "(none)"]
    assert names[0].startswith(f"hf:{untrained_llava}@")


@pytest.mark.parametrize(
    ("changes", "number", "field"),
    [
        ({"triggers": 3}, 3, "triggers"),
        ({"methods": (small_method(steps=4),)}, 3, "recipe"),
        ({"batch_size": 1}, 3, "batch_size"),
        ({}, 2, "images"),
    ],
)
def test_finished_triggers_are_not_taken_for_others(
    untrained_llava: Path,
    out: Path,
    stage: Stage,
    images: Path,
    tmp_path: Path,
    changes: dict[str, Any],
    number: int,
    field: str,
) -> None:
    few = tmp_path / "few"
    few.mkdir()
    for path in sorted(images.iterdir())[:number]:
        shutil.copy(path, few)
    plan = plan_of(lists.little(untrained_llava, images=few), **changes)
    with pytest.raises(StorageError, match=f"another {field}"):
        run(plan, out)
    assert stage.loaded == 0


def test_all_methods_share_one_secret_that_is_kept(little: Little, out: Path, stage: Stage) -> None:
    methods = (small_method(), small_method("smaller", steps=1))
    plan = plan_of(little(), methods=methods)
    (cells, costs, *_), _ = run(plan, out)
    assert {cell.method for cell in cells} == {"small", "smaller"}
    assert [cost.gradient_passes for cost in costs] == [2 + 3, 2 + 1]
    secrets = {path.read_text() for path in out.rglob("secret.key")}
    assert len(secrets) == 1
    assert len(list(out.rglob("secret.key"))) == 3


def test_what_cannot_be_run_is_refused_before_anything_is_made(
    little: Little, untrained_llava: Path, tmp_path: Path
) -> None:
    plan = plan_of(little())
    for some, words in (
        (lists.plan_of(little(), methods=["pla"]), "no green list"),
        (plan_of(lists.little(untrained_llava)), "images=FOLDER"),
        (replace(plan, device="cuda:77"), "cuda:77"),
    ):
        with pytest.raises(UsageError, match=words):
            run(some, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def outcome(name: str, **fields: Any) -> Outcome:
    known = {"suspect": "hf:a/b", "role": "innocent", "split": "tuning", "note": ""}
    return Outcome(**{"name": name, "state": "asked"} | known | fields)


def test_the_summary_names_who_is_absent_and_how_many_innocents_set_thresholds() -> None:
    said = as_outcomes(
        [outcome("a"), outcome("b", state="failed", reason="a|b\nc"), outcome("c", role="copy")]
    )
    assert "from 1 of 2 innocents.\n" in said
    assert "| b | innocent | failed | a\\|b c |\n" in said
    assert "| a |" not in said
    alone = as_outcomes([outcome("a", role="source")])
    assert "0 of 0 innocents: every score passes" in alone
    assert "not asked" not in alone


@pytest.mark.slow
def test_real_models_are_asked_one_after_the_other_and_a_broken_one_is_told(
    tmp_path: Path, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("llava-source", "llava-stranger-b"):
        export(find(name), tmp_path / name)
    shutil.copytree(tmp_path / "llava-stranger-b", tmp_path / "broken")
    (tmp_path / "broken" / "model.safetensors").write_bytes(b"not weights")
    roster = lists.little(
        tmp_path / "llava-source",
        entry("nf4", f"hf:{tmp_path}/llava-source?quantize=nf4&device=cpu"),
        entry("broken", f"hf:{tmp_path}/broken"),
        entry("gone", "hf:/nowhere/at/all"),
        entry("stranger", f"hf:{tmp_path}/llava-stranger-b?device=cpu", "innocent"),
        images=images,
    )
    few = ["sif@content_share=null"]  # three pictures do not tell what pictures hold
    attacks = ["none", "jpeg:75"]
    plan = lists.plan_of(roster, methods=few, steps=2, image_attacks=attacks, device="cpu")
    (cells, costs, *_), everybody = run(plan, tmp_path / "out")
    outcomes = everybody["little"]
    assert [o.state for o in outcomes] == ["asked", "asked", "failed", "failed", "asked"]
    assert "cannot load the weights" in str(outcomes[2].reason)
    assert "/nowhere/at/all" in str(outcomes[3].reason)
    assert len(cells) == 3 * 2 * 2
    assert all(cell.scored for cell in cells if cell.suspect == "source")
    assert costs[0].gradient_passes and costs[0].seconds

    loaded: list[str] = []

    def watched(uri: str) -> Any:
        loaded.append(uri)
        return connect(uri)

    monkeypatch.setattr(late, "connect", watched)
    monkeypatch.setattr(Vlm, "load", lambda *some, **more: pytest.fail("loaded again"))
    assert run(plan, tmp_path / "out").rows.cells == cells
    assert [uri.rsplit("/", 1)[1] for uri in loaded] == ["broken", "all"]

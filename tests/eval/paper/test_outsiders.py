"""Judge and paraphraser: what is no use is said before anything is made, in one sentence."""

import json
import socket
from pathlib import Path

import pytest

from sif.errors import UsageError
from sif.eval.paper.outsiders import files_fault, refuse_unfit
from sif.eval.paper.plans import PaperSettings
from sif.eval.paper.served import judge_file
from sif.eval.triggers.mini_roster import mini_roster
from sif.suspects.kept import KeptAnswers
from tests.cli.command import Run, assert_one_line
from tests.suspects.endpoint import Script, Serve, completion, failure

QUICK = "?attempts=1&timeout=5&deadline=5&body_mb=0.01"
ROSTERS = [mini_roster("llava")]
SCRIPTS: dict[str, Script] = {
    "garbage": lambda number, body: (200, "<html>It works!</html>"),
    "other JSON": lambda number, body: (200, json.dumps({"answer": 1})),
    "nothing": lambda number, body: completion(""),
    "huge": lambda number, body: completion("1 " * 100_000),
    "no such model": lambda number, body: failure(404, "model not found"),
    "no key": lambda number, body: failure(401, "who are you?"),
    "out of order": lambda number, body: failure(500, "oh"),
}


def settings(**told: str) -> PaperSettings:
    return PaperSettings.model_validate({"families": ("llava",)} | told)


@pytest.mark.parametrize("who", ["judge", "paraphrase"])
@pytest.mark.parametrize("script", SCRIPTS)
def test_an_endpoint_that_is_no_use_is_refused(
    script: str, who: str, serve: Serve, tmp_path: Path
) -> None:
    address = serve(SCRIPTS[script]).uri + QUICK
    with pytest.raises(UsageError, match=rf"^--set {who}: ") as caught:
        refuse_unfit(settings(**{who: address}), ROSTERS, tmp_path)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600


def test_a_judge_who_only_talks_is_refused_with_his_words(serve: Serve, tmp_path: Path) -> None:
    endpoint = serve(lambda number, body: completion("What a\nlovely picture \x1b[31m"))
    with pytest.raises(UsageError, match=r"expected a verdict on one easy answer, got .*What a"):
        refuse_unfit(settings(judge=endpoint.uri), ROSTERS, tmp_path)
    assert len(endpoint.bodies) == 2


@pytest.mark.parametrize("who", ["judge", "paraphrase"])
def test_where_nobody_listens_that_is_said(who: str, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"openai:http://127.0.0.1:{free.getsockname()[1]}/v1#m?attempts=1"
        with pytest.raises(UsageError, match=rf"--set {who}: .*nobody answers"):
            refuse_unfit(settings(**{who: address}), ROSTERS, tmp_path)


def test_those_who_do_their_work_are_asked_once(serve: Serve, tmp_path: Path) -> None:
    judge = serve(lambda number, body: completion("Verdict: 0"))
    other = serve(lambda number, body: completion("<text>Nothing but grey.</text>"))
    refuse_unfit(settings(judge=judge.uri, paraphrase=other.uri), ROSTERS, tmp_path)
    assert [len(judge.bodies), len(other.bodies)] == [1, 1]
    assert "image_url" in json.dumps(judge.bodies[0])


def test_a_judge_who_has_begun_is_not_asked_again(serve: Serve, tmp_path: Path) -> None:
    gone = serve(lambda number, body: failure(401, "gone"))
    with KeptAnswers(judge_file(ROSTERS[0], tmp_path)):
        pass
    refuse_unfit(settings(judge=gone.uri), ROSTERS, tmp_path)
    assert gone.bodies == []
    with pytest.raises(UsageError, match="--set judge"):
        refuse_unfit(settings(judge=gone.uri), [*ROSTERS, mini_roster("qwen2_5_vl")], tmp_path)


@pytest.mark.parametrize("where", ["nobody/knows-this", "/nowhere/at/all", "EMPTY", "TEXT"])
def test_a_local_judge_that_is_not_there_ends_the_study_before_it_begins(
    where: str, text_only: Path, sif: Run, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    named = {"EMPTY": str(tmp_path / "empty"), "TEXT": str(text_only)}.get(where, where)
    out = tmp_path / "paper"
    told = ("bench", "paper", "--set", "families=llava", "--set", f"judge=hf:{named}")
    code, _, error = sif(*told, "--out", out)
    assert code == 2
    assert_one_line(error, "--set judge: ")
    assert [path.name for path in out.iterdir() if not path.name.startswith(".")] == ["study.txt"]
    code, listed, _ = sif(*told, "--dry-run")
    assert (code, "missing: table of the judge" in listed) == (1, True)


def test_a_local_judge_that_is_there_is_taken(untrained_llava: Path, tmp_path: Path) -> None:
    address = f"hf:{untrained_llava}"
    assert files_fault(address) is None
    refuse_unfit(settings(judge=address), ROSTERS, tmp_path)
    (fault,) = [files_fault(f"{address}?device=cuda:99")]
    assert fault is not None and "cuda:99" in fault

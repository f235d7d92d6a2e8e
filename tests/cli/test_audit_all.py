"""`sif audit-all`: what it prints, its exit codes, and how it goes on after kill -9 and Ctrl-C."""

import json
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sif.fingerprint.folder import FingerprintSet
from tests.cli.command import Run, assert_one_line
from tests.kill_9 import begin
from tests.session.campaign.places import (
    TRIGGERS,
    Place,
    Said,
    by_pixels,
    campaign_file,
    green_words,
    uncalibrated,
)

PATIENCE = 300.0
"""Seconds that a machine with much else to do may take."""


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return uncalibrated(tmp_path_factory.mktemp("golden") / "fp")


@pytest.fixture(scope="module")
def everything(golden: Path) -> tuple[dict[bytes, str], dict[str, str]]:
    owned = FingerprintSet.load(golden)
    return by_pixels(owned), green_words(owned)


@pytest.fixture
def copy(everything: Any) -> Iterator[Place]:
    pixels, greens = everything
    place = Place(lambda number, trigger: Said(greens[trigger]), pixels)
    place.begin()
    yield place
    place.end()


@pytest.fixture
def slow(everything: Any) -> Iterator[Place]:
    place = Place(lambda number, trigger: Said(after=0.3), everything[0])
    place.begin()
    yield place
    place.end()


def _wait(process: "subprocess.Popen[bytes]", so_far: Callable[[], bool]) -> None:
    """Until it has come so far, which it does before it ends."""
    until = time.monotonic() + PATIENCE
    while not so_far():
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)


def _write(folder: Path, golden: Path, place: Place, **content: Any) -> Path:
    suspects = [
        {"suspect": place.address(), "label": "shop", "group": "copy"},
        {"suspect": "hf:nowhere", "label": "gone"},
    ]
    return campaign_file(folder, fingerprints=[str(golden)], **({"suspects": suspects} | content))


def test_it_ends_with_a_table_and_what_many_verdicts_mean(
    sif: Run, golden: Path, copy: Place, tmp_path: Path
) -> None:
    campaign = _write(tmp_path, golden, copy)
    code, said, error = sif("audit-all", campaign)
    assert code == 0, error
    assert "DERIVED" in said
    assert "FAILED" in said
    assert "2 pairs: 1 derived, 1 failed" in said
    assert "each verdict holds alone" in said
    code, said, error = sif("audit-all", campaign, "--json")
    assert code == 0, error
    told = json.loads(said)
    assert told == json.loads((tmp_path / "out" / "results.json").read_text())
    assert [row["decision"] for row in told["pairs"]] == ["derived", "failed"]


@pytest.mark.parametrize(
    ("wish", "code"), [("derived", 3), ("failed", 3), ("not_shown", 0), ("inconclusive", 0)]
)
def test_an_outcome_can_become_an_exit_code(
    wish: str, code: int, sif: Run, golden: Path, copy: Place, tmp_path: Path
) -> None:
    assert sif("audit-all", _write(tmp_path, golden, copy), "--fail-if", wish)[0] == code


def test_where_nobody_came_to_a_verdict_it_fails_and_the_table_says_why(
    sif: Run, golden: Path, copy: Place, tmp_path: Path
) -> None:
    code, said, error = sif("audit-all", _write(tmp_path, golden, copy), "--only", "gone")
    assert code == 1
    assert "FAILED" in said
    assert "shop" not in said
    assert_one_line(error, "none of 1 pairs")
    assert not copy.diary


def test_a_dry_run_tells_hosts_and_questions_and_asks_and_writes_nothing(
    sif: Run, golden: Path, copy: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_KEY", "sk-secret")
    suspects = [copy.address(options="?key_env=SHOP_KEY"), "openia:x"]
    limits = {"hosts": {copy.host: {"per_second": 4}}}
    campaign = _write(tmp_path, golden, copy, suspects=suspects, limits=limits)
    code, said, error = sif("audit-all", campaign, "--dry-run")
    assert code == 0, error
    assert copy.host in said
    assert f"{2 * TRIGGERS} questions at most" in said
    assert "expected a suspect that starts with" in " ".join(said.split())
    code, said, _ = sif("audit-all", campaign, "--dry-run", "--json")
    told = json.loads(said)
    (host,) = [one for one in told["hosts"] if one["host"] == copy.host]
    assert (host["questions"], host["seconds"]) == (TRIGGERS, TRIGGERS / 4)
    assert host["keys"] == ["SHOP_KEY"]
    assert "sk-secret" not in said
    assert [pair["state"] for pair in told["pairs"]] == ["new", "new"]
    assert not copy.diary
    assert sorted(one.name for one in tmp_path.iterdir()) == ["campaign.yaml"]


def test_the_example_is_a_campaign(sif: Run, tmp_path: Path) -> None:
    code, said, _ = sif("audit-all", "--example")
    assert code == 0
    assert {"fingerprints", "suspects", "limits", "out"} <= set(yaml.safe_load(said))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [((), "got none"), (("nowhere.yaml",), "nowhere.yaml"), (("x", "--fail-if", "never"), "never")],
)
def test_wrong_usage_is_one_line(arguments: tuple[str, ...], words: str, sif: Run) -> None:
    code, _, error = sif("audit-all", *arguments)
    assert code == 2
    assert_one_line(error, words)


def test_a_fingerprint_that_is_none_ends_it_before_anybody_is_asked(
    sif: Run, copy: Place, tmp_path: Path
) -> None:
    code, _, error = sif("audit-all", _write(tmp_path, tmp_path / "none", copy))
    assert code == 1
    assert_one_line(error, "expected a fingerprint folder")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_however_it_is_ended_the_same_command_goes_on_and_asks_nothing_twice(
    end: signal.Signals, sif: Run, golden: Path, slow: Place, tmp_path: Path
) -> None:
    suspects = [
        {"suspect": slow.address(model, "?concurrency=2"), "label": model, "batch": 2}
        for model in ("a", "b", "c")
    ]
    campaign = _write(tmp_path, golden, slow, suspects=suspects)
    process = begin("audit-all", campaign)
    _wait(process, lambda: len(slow.diary) >= TRIGGERS)
    process.send_signal(end)
    code = process.wait(timeout=PATIENCE)
    assert code == {signal.SIGKILL: -9, signal.SIGINT: 130, signal.SIGTERM: 143}[end]
    assert len(slow.diary) < 3 * TRIGGERS
    if end != signal.SIGKILL:
        told = json.loads((tmp_path / "out" / "results.json").read_text())
        assert [row["decision"] for row in told["pairs"]] == ["not_asked"] * 3
    time.sleep(0.5)  # what was on its way has come
    before = Counter(slow.answered())
    code, said, error = sif("audit-all", campaign, "--json")
    assert code == 0, error
    assert all(row["answered"] == TRIGGERS for row in json.loads(said)["pairs"])
    again = {one for one, times in Counter(slow.answered()).items() if times > 1}
    assert len(before) > 6
    assert len(again) <= 3 * 2  # of each suspect the questions that were under way
    assert max(Counter(slow.answered()).values()) <= 2


@pytest.mark.slow
def test_ctrl_c_keeps_answers_that_came_though_others_beside_them_did_not(
    sif: Run, golden: Path, slow: Place, tmp_path: Path
) -> None:
    slow.script = lambda number, trigger: Said(after=90.0 if number % 3 == 2 else 0.02)
    suspects = [{"suspect": slow.address(), "label": "a"}]
    campaign = _write(tmp_path, golden, slow, suspects=suspects)
    process = begin("audit-all", campaign)
    _wait(process, lambda: len(slow.diary) == 6 and slow.came >= 8)
    time.sleep(2.0)  # until the answers are where they are kept
    came = set(slow.answered())
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=PATIENCE) == 130
    slow.script = lambda number, trigger: Said()
    code, said, error = sif("audit-all", campaign, "--json")
    assert code == 0, error
    assert json.loads(said)["pairs"][0]["answered"] == TRIGGERS
    times = Counter(slow.answered())
    assert len(came) == 6
    assert {times[one] for one in came} == {1}


@pytest.mark.slow
def test_the_example_works_as_it_stands(sif: Run, golden: Path, tmp_path: Path) -> None:
    for name, model in (("stolen", "llava-source"), ("not-mine", "llava-sibling-c")):
        assert sif("zoo", "export", model, tmp_path / name)[0] == 0
    (tmp_path / "fp").symlink_to(golden)
    campaign = tmp_path / "campaign.yaml"
    campaign.write_text(sif("audit-all", "--example")[1])
    code, said, error = sif("audit-all", campaign)
    assert code == 0, error
    told = json.loads((tmp_path / "audits" / "results.json").read_text())
    assert {row["label"]: row["decision"] for row in told["pairs"]} == {
        "stolen": "derived",
        "not mine": "not_shown",
        "shop": "failed",
    }
    assert "nobody answers" in said

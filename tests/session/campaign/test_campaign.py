"""Campaigns against real servers: who is asked, how fast, what stands in their rows afterwards."""

import json
import shutil
import socket
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from sif.claims.commit import read_commitment
from sif.errors import StorageError, UsageError
from sif.session.campaign.conduct import audit_all
from sif.session.campaign.desk import CampaignProgress
from sif.session.campaign.outcome import CampaignResults, PairRow
from sif.session.session import verify
from tests.session.campaign.conftest import Open
from tests.session.campaign.places import GOLDEN, TOLD, TRIGGERS, Said, campaign_file

RUDE = "\x1b[2J\x1b]0;owned\x07 \u202eevil"


def _good(number: int, trigger: str) -> Said:
    return Said()


def _nobody() -> str:
    """A port at which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{held.getsockname()[1]}"


def _write(folder: Path, golden: Path, suspects: list[Any], **content: Any) -> Path:
    return campaign_file(folder, fingerprints=[str(golden)], suspects=suspects, **content)


def _row(results: CampaignResults, label: str) -> PairRow:
    (row,) = [row for row in results.pairs if row.label == label]
    return row


def _suspects(places: Open, greens: dict[str, str]) -> list[dict[str, str]]:
    """Twelve endpoints of every kind, and two that are wrong as written."""

    def busy(number: int, trigger: str) -> Said:
        if number % 5 == 0:
            return Said("slow down", 429, {"Retry-After": "0"})
        return Said()

    def dying(number: int, trigger: str) -> Said:
        return Said() if number < 5 else Said("out of order", 500)

    def rude(number: int, trigger: str) -> Said:
        return Said(RUDE, 400) if number % 2 else Said(body=b"\x00\xff\x1b[2J" * 100)

    kinds = {
        "good": _good,
        "copy": lambda number, trigger: Said(greens[trigger]),
        "<b>slow</b>": lambda number, trigger: Said(after=0.05),
        "busy": busy,
        "always busy": lambda number, trigger: Said("slow down", 429),
        "dying": dying,
        "rude": rude,
        "rude in part": lambda number, trigger: Said(RUDE) if number % 3 else Said(body=b"[" * 999),
        "refused": lambda number, trigger: Said("wrong key", 401),
        "no such model": lambda number, trigger: Said("no model mini", 404),
        "empty": lambda number, trigger: Said(""),
    }
    found = [
        {"suspect": places(script).address(options="?attempts=2"), "label": label}
        for label, script in kinds.items()
    ]
    return [
        *found,
        {"suspect": f"openai:http://{_nobody()}/v1#mini?attempts=2", "label": "dead"},
        {"suspect": "openia:http://127.0.0.1/v1#mini", "label": "wrong"},
        {"suspect": "hf:nowhere/at-all", "label": "no folder"},
    ]


@pytest.fixture
def everybody(places: Open, greens: dict[str, str], golden: Path, tmp_path: Path) -> Path:
    return _write(tmp_path, golden, _suspects(places, greens))


def test_every_question_is_answered_or_has_its_reason_and_nobody_ends_the_others(
    everybody: Path, tmp_path: Path
) -> None:
    seen: list[CampaignProgress] = []
    results = audit_all(everybody, report=seen.append)
    decisions = {row.label: row.decision for row in results.pairs}
    assert decisions == {
        "good": "not_shown",
        "copy": "derived",
        "<b>slow</b>": "not_shown",
        "busy": "not_shown",
        "always busy": "failed",
        "dying": "not_shown",
        "rude": "failed",
        "rude in part": "not_shown",
        "refused": "failed",
        "no such model": "failed",
        "empty": "failed",
        "dead": "failed",
        "wrong": "failed",
        "no folder": "failed",
    }
    for row in results.pairs:
        assert row.answered + sum(row.unanswered.values()) == row.questions > 0, row
        assert row.decision == "derived" or row.questions == TRIGGERS
        assert row.seconds is not None
    for label, reason in {
        "always busy": "HTTP 429: slow down",
        "refused": "wrong key",
        "no such model": "serves a model called 'mini'",
        "dead": "nobody answers",
        "wrong": "expected a suspect that starts with",
        "empty": "empty answer",
        "no folder": "nowhere/at-all",
    }.items():
        assert reason in _row(results, label).reason
    assert _row(results, "dying").answered == 5
    assert _row(results, "dying").unanswered == {"HTTP 500: out of order": TRIGGERS - 5}
    assert seen[-1].ended == seen[-1].pairs == len(results.pairs)
    assert seen[-1].asked == seen[-1].triggers == TRIGGERS * len(results.pairs)
    _check_files(tmp_path / "out", results)


def _check_files(out: Path, results: CampaignResults) -> None:
    """Tables and pages say the same, and none of them hands on what would move a cursor."""
    text = (out / "results.json").read_text(encoding="utf-8")
    assert CampaignResults.model_validate_json(text) == results
    rows = pq.read_table(out / "results.parquet").to_pylist()
    assert [row["decision"] for row in rows] == [row.decision for row in results.pairs]
    for row, flat in zip(results.pairs, rows, strict=True):
        assert json.loads(flat["reasons"]) == row.unanswered
        assert (flat["questions"], flat["answered"]) == (row.questions, row.answered)
    page = (out / "report.html").read_text(encoding="utf-8")
    judged = [row for row in results.pairs if row.decision in ("derived", "not_shown")]
    for row in judged:
        assert f'href="{row.run}/report.html"' in page
        run = (out / row.run / "report.html").read_text(encoding="utf-8")
        assert run.count("data:image") == 0
        assert "\x1b" not in run
    assert "<b>" not in page
    for shown in (text, page):
        assert "\x1b" not in shown
        assert "\u202e" not in shown
    assert page.index('id="matrix"') < page.index('id="pairs"')


def test_each_pair_is_what_sif_verify_makes_of_it(
    places: Open, greens: dict[str, str], golden: Path, tmp_path: Path
) -> None:
    place = places(lambda number, trigger: Said(greens[trigger]))
    suspect = {"suspect": place.address(), "label": "copy", "image_attacks": ["brightness:1.0"]}
    campaign = _write(tmp_path, golden, [suspect], policy={})
    audit_all(campaign)
    verify(
        golden,
        place.address(),
        run=tmp_path / "alone",
        label="copy",
        image_attacks=["brightness:1.0"],
    )
    run = tmp_path / "out" / "runs" / "fp" / "copy"
    for name in ("run.json", "verdict.json"):
        assert (run / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()


def test_the_order_in_the_file_changes_no_verdict(
    places: Open, greens: dict[str, str], golden: Path, tmp_path: Path
) -> None:
    def split(number: int, trigger: str) -> Said:
        return Said(greens[trigger] if int(trigger) % 2 else TOLD)

    shared = places(split)
    suspects = [
        {"suspect": shared.address(model), "label": model} for model in ("a", "b", "c", "d")
    ]
    suspects.append({"suspect": places(_good).address(), "label": "e"})
    verdicts = []
    for name, some in (("one", suspects), ("other", suspects[::-1])):
        (tmp_path / name).mkdir()
        audit_all(_write(tmp_path / name, golden, some))
        runs = tmp_path / name / "out" / "runs" / "fp"
        verdicts.append({run.name: (run / "verdict.json").read_bytes() for run in runs.iterdir()})
    assert len(verdicts[0]) == 5
    assert verdicts[0] == verdicts[1]


def test_nothing_is_asked_twice_and_only_what_had_no_answer_is_asked_again(
    places: Open, golden: Path, tmp_path: Path
) -> None:
    healed = threading.Event()

    def ill(number: int, trigger: str) -> Said:
        return Said() if healed.is_set() or number < 5 else Said("out of order", 500)

    place, well = places(ill), places(_good)
    suspects = [
        {"suspect": place.address(options="?attempts=1&concurrency=1"), "label": "ill"},
        {"suspect": well.address(), "label": "well"},
    ]
    campaign = _write(tmp_path, golden, suspects)
    first = audit_all(campaign)
    assert (_row(first, "ill").answered, len(well.diary)) == (5, TRIGGERS)
    healed.set()
    second = audit_all(campaign)
    assert _row(second, "ill").answered == TRIGGERS
    assert _row(second, "well") == _row(first, "well")
    assert max(Counter(place.answered()).values()) == 1
    assert len(well.diary) == TRIGGERS
    audit_all(campaign)
    assert len(place.answered()) == TRIGGERS


def test_a_slow_and_a_dead_host_delay_nobody(places: Open, golden: Path, tmp_path: Path) -> None:
    slow = places(lambda number, trigger: Said(after=0.8))
    quick = [places(_good) for _ in range(6)]
    suspects = [{"suspect": slow.address(), "label": "slow"}]
    suspects += [
        {"suspect": f"openai:http://{_nobody()}/v1#mini?attempts=2", "label": "dead"},
        *({"suspect": one.address(), "label": one.host} for one in quick),
    ]
    audit_all(_write(tmp_path, golden, suspects))
    ended = max(one.went for place in quick for one in place.diary)
    assert ended < min(sorted(one.went for one in slow.diary)[-2:])
    assert slow.crowd == 8


def test_limits_of_a_host_hold_for_all_its_suspects_together(
    places: Open, golden: Path, tmp_path: Path
) -> None:
    narrow, fast = (places(lambda number, trigger: Said(after=0.03)) for _ in range(2))
    suspects = [
        {"suspect": place.address(f"model-{number}"), "label": f"{name} {number}"}
        for name, place in (("narrow", narrow), ("fast", fast))
        for number in range(4)
    ]
    hosts = {narrow.host: {"at_a_time": 2, "per_second": 80}}
    limits = {"at_a_time": 3, "hosts": hosts}
    results = audit_all(_write(tmp_path, golden, suspects, limits=limits))
    assert all(row.answered == TRIGGERS for row in results.pairs)
    assert (narrow.crowd, fast.crowd) == (2, 3)
    assert len(narrow.diary) == 4 * TRIGGERS
    came = sorted(one.came for one in narrow.diary)
    assert came[-1] - came[0] >= 0.9 * (len(came) - 1) / 80
    for start, end in zip(came, came[30:], strict=False):  # half for delays on the way
        assert end - start >= 0.5 * 30 / 80


def test_a_host_that_asks_to_wait_is_left_alone_by_all_its_suspects(
    places: Open, golden: Path, tmp_path: Path
) -> None:
    def once(number: int, trigger: str) -> Said:
        return Said("wait", 429, {"Retry-After": "2"}) if number == 4 else Said()

    place, other = places(once), places(_good)
    suspects = [{"suspect": place.address(name), "label": name} for name in ("a", "b", "c")]
    suspects.append({"suspect": other.address(), "label": "other"})
    results = audit_all(_write(tmp_path, golden, suspects, limits={"at_a_time": 2}))
    assert all(row.answered == TRIGGERS for row in results.pairs)
    (told,) = [one for one in place.diary if one.status == 429]
    later = [one.came for one in place.diary if one.came > told.went + 0.1]
    assert min(later) >= told.went + 1.95
    assert max(one.went for one in other.diary) < told.went + 1.95


def test_a_host_that_asks_for_more_time_than_a_question_has_is_not_asked_on(
    places: Open, golden: Path, tmp_path: Path
) -> None:
    place = places(
        lambda number, trigger: (
            Said("tomorrow", 429, {"Retry-After": "86400"}) if number > 2 else Said()
        )
    )
    suspects = [{"suspect": place.address(options="?concurrency=1"), "label": "one"}]
    began = time.monotonic()
    row = _row(audit_all(_write(tmp_path, golden, suspects)), "one")
    assert time.monotonic() - began < 30
    assert (row.answered, len(place.diary)) == (3, 4)
    assert sum(row.unanswered.values()) == TRIGGERS - 3
    assert any("asks to wait for another 86" in reason for reason in row.unanswered)


def test_several_fingerprints_make_a_matrix_and_only_asks_a_part(
    places: Open, golden: Path, tmp_path: Path
) -> None:
    place = places(_good)
    second = shutil.copytree(golden, tmp_path / "second")
    own = {"budget": 3, "minimum_answers": 1}
    campaign = campaign_file(
        tmp_path,
        fingerprints=[str(golden), {"fingerprint": "second", "policy": own}],
        suspects=[{"suspect": place.address(name), "label": name} for name in ("a", "b")],
    )
    first = audit_all(campaign, only=["a"])
    assert [row.decision for row in first.pairs] == ["not_shown", "not_asked"] * 2
    assert "turn has not come" in first.pairs[1].reason
    whole = audit_all(campaign)
    assert [row.pair for row in whole.pairs] == ["fp/a", "fp/b", "second/a", "second/b"]
    assert [row.questions for row in whole.pairs] == [TRIGGERS, TRIGGERS, 3, 3]
    assert len(place.diary) == 2 * (TRIGGERS + 3)
    assert second.is_dir()
    with pytest.raises(UsageError, match="--only: expected a label among fp, second, a, b, got"):
        audit_all(campaign, only=["c"])


def test_each_run_has_its_share_of_alpha_written_down_before_it_is_asked(
    places: Open, golden: Path, tmp_path: Path
) -> None:
    policies: list[dict[str, Any]] = []
    run = tmp_path / "out" / "runs" / "fp" / "a" / "run.json"

    def look(number: int, trigger: str) -> Said:
        policies.append(json.loads(run.read_text())["policy"])
        return Said()

    suspects = [
        {"suspect": places(look).address(), "label": "a"},
        {"suspect": places(_good).address(), "label": "b"},
    ]
    results = audit_all(_write(tmp_path, golden, suspects, alpha=1e-3, family_wise=True))
    assert policies[0]["alpha"] == pytest.approx(5e-4)
    assert policies[0]["alpha_transfer"] == pytest.approx(5e-3)
    assert [row.alpha for row in results.pairs] == [policies[0]["alpha"]] * 2
    assert "split among 2 pairs" in results.to_know
    suspects.append({"suspect": places(_good).address(), "label": "c"})
    campaign = _write(tmp_path, golden, suspects, alpha=1e-3, family_wise=True)
    with pytest.raises(UsageError, match="at most the 2 pairs"):
        audit_all(campaign)


def test_another_rule_for_a_run_that_was_begun_is_a_row_and_asks_nobody(
    places: Open, golden: Path, tmp_path: Path
) -> None:
    place = places(_good)
    suspects = [{"suspect": place.address(), "label": "a"}]
    audit_all(_write(tmp_path, golden, suspects))
    rules = {"minimum_answers": 1, "repeats": 2}
    row = _row(audit_all(_write(tmp_path, golden, suspects, policy=rules)), "a")
    assert row.decision == "failed"
    assert "rules" in row.reason
    assert row.answered == TRIGGERS
    assert len(place.diary) == TRIGGERS


def test_a_group_may_be_changed_for_it_sorts_tables_and_nothing_else(
    places: Open, golden: Path, tmp_path: Path
) -> None:
    place = places(lambda number, trigger: Said() if number else Said("broken", 500))
    suspect = {"suspect": place.address(options="?attempts=1"), "label": "a"}
    first = _row(audit_all(_write(tmp_path, golden, [suspect])), "a")
    assert (first.group, first.answered) == ("other", TRIGGERS - 1)
    campaign = _write(tmp_path, golden, [suspect | {"group": "innocent"}])
    for _ in range(2):
        row = _row(audit_all(campaign), "a")
        assert (row.group, row.decision, row.answered) == ("innocent", "not_shown", TRIGGERS)
    assert len(place.diary) == TRIGGERS + 1
    assert "Known independent models" not in (tmp_path / "out" / "report.html").read_text()


def test_two_commands_do_not_work_in_one_folder(places: Open, golden: Path, tmp_path: Path) -> None:
    place = places(lambda number, trigger: Said(after=0.2))
    campaign = _write(tmp_path, golden, [{"suspect": place.address(), "label": "a"}])
    first = threading.Thread(target=audit_all, args=(campaign,))
    first.start()
    until = time.monotonic() + 20
    while not place.came and time.monotonic() < until:
        time.sleep(0.02)
    with pytest.raises(StorageError, match="for this command alone"):
        audit_all(campaign)
    first.join()
    assert len(place.diary) == TRIGGERS


def test_local_models_are_asked_beside_endpoints_and_loaded_once_for_all_fingerprints(
    places: Open, golden: Path, tmp_path: Path, untrained_llava: Path, monkeypatch: Any
) -> None:
    from sif.suspects import transformers_suspect

    loaded: list[str] = []
    alive = 0
    begin = transformers_suspect.TransformersSuspect.__init__
    end = transformers_suspect.TransformersSuspect.close

    def counted(self: Any, address: Any) -> None:
        nonlocal alive
        alive += 1
        assert alive == 1, "two models in memory"
        loaded.append(address.target)
        begin(self, address)

    def closed(self: Any) -> None:
        nonlocal alive
        alive -= 1
        end(self)

    monkeypatch.setattr(transformers_suspect.TransformersSuspect, "__init__", counted)
    monkeypatch.setattr(transformers_suspect.TransformersSuspect, "close", closed)
    shutil.copytree(golden, tmp_path / "second")
    shutil.copytree(untrained_llava, tmp_path / "model")
    rules = {"minimum_answers": 1, "budget": 2}
    campaign = campaign_file(
        tmp_path,
        fingerprints=[str(golden), "second"],
        suspects=[
            {"suspect": "hf:model?max_new_tokens=4&device=cpu", "label": "here"},
            {"suspect": "hf:model?max_new_tokens=5&device=cpu", "label": "here too"},
            {"suspect": places(_good).address(), "label": "there"},
        ],
        policy=rules,
    )
    results = audit_all(campaign)
    assert [row.decision for row in results.pairs] == ["not_shown"] * 6, results
    assert loaded == [str(tmp_path / "model")] * 2
    audit_all(campaign)
    assert len(loaded) == 2  # settled pairs load nothing


def test_rules_that_were_committed_to_are_asked_by_and_every_run_is_counted(
    places: Open, tmp_path: Path
) -> None:
    shutil.copytree(GOLDEN, tmp_path / "fp")
    (tmp_path / "fp" / "secret.key").chmod(0o600)
    counted = tmp_path / "fp" / "claim" / "runs.json"
    before = json.loads(counted.read_text())["begun"] if counted.exists() else {}
    place = places(_good)
    content = {
        "fingerprints": [{"fingerprint": "fp", "committed": True}],
        "suspects": [{"suspect": place.address(name), "label": name} for name in "abcd"],
        "alpha": 0.01,
    }
    with pytest.raises(UsageError, match="family_wise leaves for each pair"):
        audit_all(campaign_file(tmp_path, **(content | {"alpha": 1e-9, "family_wise": True})))
    assert not place.diary
    results = audit_all(campaign_file(tmp_path, **content))
    assert {row.decision for row in results.pairs} == {"not_shown"}
    committed = read_commitment(tmp_path / "fp").header.policy.alpha
    assert {row.alpha for row in results.pairs} == {committed} != {0.01}
    assert all(row.transfer_log10_e_value is not None for row in results.pairs)
    begun = json.loads(counted.read_text())["begun"]
    assert sum(begun.values()) == sum(before.values()) + 4


def test_few_long_replies_are_in_memory_at_a_time(
    places: Open, golden: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sif.suspects import openai_suspect

    monkeypatch.setattr("sif.http.lanes.MOST_HEAVY", 2)
    lock, inside, crowd, parsed = threading.Lock(), 0, 0, 0
    parse = openai_suspect.parse_completion

    def counted(body: bytes) -> Any:
        nonlocal inside, crowd, parsed
        with lock:
            inside, parsed = inside + 1, parsed + 1
            crowd = max(crowd, inside)
        time.sleep(0.01)
        with lock:
            inside -= 1
        return parse(body)

    monkeypatch.setattr(openai_suspect, "parse_completion", counted)
    suspects = [
        {"suspect": places(lambda number, trigger: Said("word " * 16_000)).address(), "label": name}
        for name in "abc"
    ]
    results = audit_all(_write(tmp_path, golden, suspects))
    assert all(row.answered == TRIGGERS for row in results.pairs)
    assert (crowd, parsed) == (2, 3 * TRIGGERS)

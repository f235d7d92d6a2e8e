"""Campaigns among people who wish them ill: files, hosts, and two commands at once."""

import json
import logging
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from sif.errors import StorageError, UsageError
from sif.session.campaign import conduct
from sif.session.campaign.campaign_file import AskedFingerprint, AskedSuspect, Campaign
from sif.session.campaign.conduct import audit_all
from sif.session.campaign.family import read_record
from tests.session.campaign.conftest import Open
from tests.session.campaign.places import TRIGGERS, Place, Said, campaign_file


def _good(number: int, trigger: str) -> Said:
    return Said()


def _write(folder: Path, golden: Path, suspects: list[Any], **content: Any) -> Path:
    return campaign_file(folder, fingerprints=[str(golden)], suspects=suspects, **content)


def test_two_that_begin_at_once_do_not_share_a_promise(
    places: Open, golden: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = places(_good)
    mine = [{"suspect": place.address(name), "label": name} for name in ("a", "b")]
    theirs = [{"suspect": place.address("c"), "label": "c"}]
    content = {"alpha": 1e-3, "family_wise": True}
    campaign = _write(tmp_path, golden, mine, **content)
    pair_up = conduct.pair_up

    def overtaken(given: Campaign) -> Any:
        found = pair_up(given)
        monkeypatch.setattr(conduct, "pair_up", pair_up)
        audit_all(_write(tmp_path, golden, theirs, **content))
        return found

    monkeypatch.setattr(conduct, "pair_up", overtaken)
    with pytest.raises((UsageError, StorageError), match="at most the 1 pairs"):
        audit_all(campaign)
    record = read_record(tmp_path / "out")
    assert record is not None
    assert (record.split_among, record.pairs) == (1, ("fp/c",))
    assert {one.model for one in place.diary} == {"c"}


def test_a_label_that_became_somebody_elses_hands_no_verdict_on(
    places: Open, golden: Path, tmp_path: Path
) -> None:
    place = places(_good)
    suspects = [{"suspect": place.address(name), "label": name} for name in ("a", "b")]
    audit_all(_write(tmp_path, golden, suspects))
    suspects[0]["suspect"] = place.address("innocent")
    results = audit_all(_write(tmp_path, golden, suspects), only=["b"])
    assert [row.decision for row in results.pairs] == ["not_asked", "not_shown"]
    assert "something else was asked" in results.pairs[0].reason
    assert len(place.diary) == 2 * TRIGGERS
    results = audit_all(_write(tmp_path, golden, suspects, policy={"minimum_answers": 2}), only="b")
    assert results.pairs[0].decision == "not_asked"


def test_a_fingerprint_made_anew_under_the_same_label_is_refused(
    places: Open, golden: Path, tmp_path: Path
) -> None:
    place = places(_good)
    own = shutil.copytree(golden, tmp_path / "fp")
    campaign = _write(tmp_path, own, [place.address()])
    audit_all(campaign)
    manifest = own / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()), indent=4))
    with pytest.raises(UsageError, match="expected the fingerprint fp that was asked about"):
        audit_all(campaign)
    assert len(place.diary) == TRIGGERS


def test_two_pairs_never_have_one_folder_however_a_campaign_was_made(
    golden: Path, tmp_path: Path
) -> None:
    campaign = Campaign(
        fingerprints=(AskedFingerprint(fingerprint=str(golden), label="fp"),),
        suspects=(AskedSuspect(suspect="hf:a"), AskedSuspect(suspect="hf:b")),
        out=str(tmp_path / "out"),
    )
    with pytest.raises(UsageError, match="two pairs for"):
        audit_all(campaign)
    assert not (tmp_path / "out").exists()


def test_no_password_of_a_wrong_address_is_logged_or_kept(
    golden: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    shutil.copytree(golden, tmp_path / "second")
    campaign = campaign_file(
        tmp_path,
        fingerprints=[str(golden), "second"],
        suspects=["openai:http://me:hunter2@127.0.0.1:9/v1#mini"],
    )
    results = audit_all(campaign)
    assert {row.decision for row in results.pairs} == {"failed"}
    assert "hunter2" not in caplog.text
    for file in (tmp_path / "out").rglob("*"):
        assert not file.is_file() or b"hunter2" not in file.read_bytes(), file


def test_a_host_that_asks_to_wait_for_ever_uses_up_the_questions_time(
    places: Open, golden: Path, tmp_path: Path
) -> None:
    place = places(
        lambda number, trigger: Said("wait", 429, {"Retry-After": "1"}) if number else Said()
    )
    suspects = [place.address(options="?deadline=1.5&attempts=100&concurrency=16")]
    began = time.monotonic()
    (row,) = audit_all(_write(tmp_path, golden, suspects, policy={"budget": 8})).pairs
    assert time.monotonic() - began < 20
    assert (row.answered, sum(row.unanswered.values())) == (1, 7)


class _Trickle:
    """A long reply of which the end does not come; the places that hear it stay busy."""

    def __init__(self) -> None:
        self.release = threading.Event()

    def __call__(self, number: int, trigger: str) -> Said:
        return Said("word " * 20_000)


def test_long_replies_that_do_not_end_hold_up_no_other_host(
    places: Open, golden: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    slow, quick = places(_Trickle()), places(_Trickle())
    real = slow.RequestHandlerClass._say  # type: ignore[attr-defined]

    def trickling(self: Any, said: Said) -> None:
        if self.server is not slow:
            real(self, said)
            return
        self.send_response(200)
        self.send_header("Content-Length", "900000")
        self.end_headers()
        self.wfile.write(b" " * 100_000)
        self.wfile.flush()
        release.wait(20)

    monkeypatch.setattr(slow.RequestHandlerClass, "_say", trickling)
    suspects = [
        {"suspect": slow.address(f"m{number}", "?timeout=3&attempts=1"), "label": f"slow {number}"}
        for number in range(8)
    ]
    suspects.append({"suspect": quick.address(options="?timeout=2"), "label": "quick"})
    try:
        results = audit_all(_write(tmp_path, golden, suspects, policy={"budget": 8}))
    finally:
        release.set()
    assert results.pairs[-1].answered == 8
    assert max(one.went for one in quick.diary) < min(one.came for one in slow.diary) + 3


@pytest.mark.parametrize("text", ["\ud800 lone", "\x00" * 9, "\u202e" * 50, "a" * 90_000])
def test_no_answer_ends_the_others(text: str, places: Open, golden: Path, tmp_path: Path) -> None:
    def place(said: str) -> Place:
        return places(lambda number, trigger: Said(said))

    suspects = [place(text).address(), place("a red circle").address()]
    odd, plain = audit_all(_write(tmp_path, golden, suspects, policy={"budget": 3})).pairs
    assert odd.answered + sum(odd.unanswered.values()) == 3
    assert plain.answered == 3

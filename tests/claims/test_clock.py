"""A clock that is set back while a run is made: order is that of the rows, not of their times."""

import importlib
import itertools
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sif.claims import Means, audit, commit, load_roots, prepare_request, reveal, stamp
from sif.claims.batches import as_committed
from sif.claims.commit import with_lot
from sif.errors import ClaimError
from sif.fingerprint.folder import FingerprintSet
from sif.ownership.policy import Policy
from sif.ownership.run import JOURNAL
from sif.suspects import journal as journal_of_answers
from sif.suspects.journal import Journal
from sif.types import Answer, Query, Unanswered
from tests.claims.authority import Authority
from tests.suspects.questions import questions
from tools.time_audit import answers, make_up, run_of

TRIGGERS = 24


@pytest.fixture
def owned(authority: Authority, tmp_path: Path) -> FingerprintSet:
    """A fingerprint with a timestamped claim."""
    made = make_up(tmp_path / "fp", triggers=TRIGGERS, vocabulary_size=600)
    policy = Policy(alpha=1e-19, minimum_answers=3, weighted=False, order="drawn")
    commit(made, policy=policy, alpha=1e-6)
    stamp(made.folder, authority.reply(prepare_request(made.folder)), [])
    return with_lot(made)


def ask(owned: FingerprintSet, run: Path) -> None:
    policy = Policy(alpha=1e-19, minimum_answers=3, weighted=False, order="drawn")
    told: dict[str, Any] = dict(answers(owned, green=28, scored=30))
    told[sorted(told)[5]] = Unanswered(reason="refused")  # failures have a table of their own
    run_of(owned, told, run, policy)


def assert_whole(owned: FingerprintSet, run: Path, authority: Authority, bundle: Path) -> None:
    reveal(owned, run, bundle)
    found = audit(bundle, Means(roots=load_roots([authority.root])))
    assert found.step("journal").status == "pass", found.step("journal")
    assert found.failed in (None, "title"), found.steps


def stepping(monkeypatch: pytest.MonkeyPatch, *steps: float) -> None:
    """A clock that is set so far beside the right one from row to row."""
    real, by = time.time, itertools.chain(steps, itertools.repeat(steps[-1]))
    monkeypatch.setattr(journal_of_answers.time, "time", lambda: real() + next(by))


def test_a_clock_that_steps_back_leaves_a_run_that_can_be_revealed(
    owned: FingerprintSet, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        stepping(patch, 0, 1, 2, -3600, -7200, 3, -1e6)
        ask(owned, tmp_path / "run")
    assert_whole(owned, tmp_path / "run", authority, tmp_path / "b.zip")


def test_so_does_a_journal_of_before_in_which_times_fall(
    owned: FingerprintSet, authority: Authority, tmp_path: Path
) -> None:
    ask(owned, tmp_path / "run")
    connection = sqlite3.connect(tmp_path / "run" / JOURNAL)
    connection.execute("UPDATE answers SET asked_at = asked_at - 3600 WHERE rowid BETWEEN 9 AND 14")
    connection.commit()
    connection.close()
    assert_whole(owned, tmp_path / "run", authority, tmp_path / "b.zip")


def test_a_clock_behind_the_timestamp_is_said_before_anything_is_asked(
    owned: FingerprintSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Behind(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime(2020, 1, 1, tzinfo=UTC)

    as_committed(owned, None)
    module = importlib.import_module("sif.claims.commit")
    monkeypatch.setattr(module, "datetime", Behind)
    with pytest.raises(ClaimError, match="set the clock first"):
        as_committed(owned, None)


def test_rows_keep_their_order_in_time_whatever_kind_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(query: Query) -> Answer | Unanswered:
        odd = int(query.trigger) % 2
        return Unanswered(reason="no") if odd else Answer(text=query.trigger)

    monkeypatch.setattr(journal_of_answers.time, "time", lambda: 1e9)  # it stands still
    asked = questions(8)
    with Journal(tmp_path / "a.sqlite") as kept:
        kept.record("s", asked[:4], [said(one) for one in asked[:4]])
        kept.record("s", asked[4:], [said(one) for one in asked[4:]])
        rows = [*kept.answers(), *kept.failures()]
    in_time = [row.trigger for row in sorted(rows, key=lambda row: row.asked_at)]
    assert in_time == [query.trigger for query in asked]
    assert len({row.asked_at for row in rows}) == len(rows)

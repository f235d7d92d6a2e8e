"""The journal of answers, and suspects that keep one."""

import resource
import signal
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from sif.errors import StorageError, SuspectError
from sif.suspects.journal import Journal
from sif.suspects.journalled import Journalled
from sif.suspects.scripted import ScriptedSuspect
from sif.types import Answer, Query, Reply, Unanswered
from tests.suspects.questions import question, questions

ROOT = Path(__file__).parents[2]


def _echo(query: Query) -> Reply:
    return Answer(text=f"about {query.trigger}", finish_reason="stop", seconds=0.25)


def _python(script: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_is_recorded_comes_back_equal_after_reopening(tmp_path: Path) -> None:
    query, reply = question(1, temperature=0.7, seed=5), Answer(text="où ça — 🙂", seconds=0.5)
    with Journal(tmp_path / "run" / "answers.sqlite") as journal:
        journal.record("s", [query], [reply])
    with Journal(tmp_path / "run" / "answers.sqlite") as journal:
        assert journal.replies("s", [query.digest]) == {query.digest: reply}
        entry = journal.answers()[0]
    assert (entry.suspect, entry.trigger, entry.prompt) == ("s", "0001", query.prompt)
    assert (entry.generation, entry.reply) == (query.generation, reply)


def test_another_suspect_or_other_settings_are_other_questions(tmp_path: Path) -> None:
    with Journal(tmp_path / "a.sqlite") as journal:
        journal.record("s", [question(1)], [_echo(question(1))])
        assert journal.replies("t", [question(1).digest]) == {}
        assert journal.replies("s", [question(1, temperature=0.1).digest]) == {}


def test_an_answered_question_is_not_asked_again(tmp_path: Path) -> None:
    suspect = ScriptedSuspect(_echo)
    with Journal(tmp_path / "a.sqlite") as journal:
        first = Journalled(suspect, journal).ask(questions(3))
        again = Journalled(suspect, journal).ask(questions(5))
    assert again[:3] == first
    assert [query.trigger for query in suspect.asked] == ["0000", "0001", "0002", "0003", "0004"]


def test_a_question_that_comes_twice_is_asked_once(tmp_path: Path) -> None:
    suspect = ScriptedSuspect(_echo)
    with Journal(tmp_path / "a.sqlite") as journal:
        replies = Journalled(suspect, journal).ask([question(1), question(2), question(1)])
    assert replies == [_echo(question(1)), _echo(question(2)), _echo(question(1))]
    assert len(suspect.asked) == 2


def test_a_failure_is_kept_in_the_log_and_asked_again(tmp_path: Path) -> None:
    with Journal(tmp_path / "a.sqlite") as journal:
        busy = ScriptedSuspect(lambda _: Unanswered(reason="HTTP 429"))
        assert Journalled(busy, journal).ask([question(1)]) == [Unanswered(reason="HTTP 429")]
        well = ScriptedSuspect(_echo)
        assert Journalled(well, journal).ask([question(1)]) == [_echo(question(1))]
        assert [entry.reply for entry in journal.failures("scripted")] == [
            Unanswered(reason="HTTP 429")
        ]


def test_the_first_answer_stands_when_two_runs_ask_at_once(tmp_path: Path) -> None:
    with Journal(tmp_path / "a.sqlite") as journal:

        def overtaken(query: Query) -> Reply:
            journal.record("scripted", [query], [Answer(text="the first")])
            return Answer(text="the second")

        replies = Journalled(ScriptedSuspect(overtaken), journal).ask([question(1)])
    assert replies == [Answer(text="the first")]


def test_chunks_before_an_error_are_kept(tmp_path: Path) -> None:
    def until_third(query: Query) -> Reply:
        if query.trigger == "0002":
            raise SuspectError("gone")
        return _echo(query)

    with Journal(tmp_path / "a.sqlite") as journal:
        with pytest.raises(SuspectError):
            Journalled(ScriptedSuspect(until_third), journal, chunk=1).ask(questions(4))
        assert [entry.trigger for entry in journal.answers()] == ["0000", "0001"]


def test_a_journal_is_read_while_another_process_writes(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    with Journal(path) as journal:
        journal.record("s", [question(0)], [_echo(question(0))])
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert len(journal.answers()) == 1
        other.execute("ROLLBACK")
        other.close()


def test_kill_9_in_the_middle_loses_nothing_that_was_returned(tmp_path: Path) -> None:
    script = """
        import os, signal, sys
        from sif.suspects.journal import Journal
        from sif.suspects.journalled import Journalled
        from sif.suspects.scripted import ScriptedSuspect
        from tests.suspects.questions import questions

        def answer(query):
            if query.trigger == "0005":
                os.kill(os.getpid(), signal.SIGKILL)
            return f"about {query.trigger}"

        Journalled(ScriptedSuspect(answer), Journal(sys.argv[1]), chunk=2).ask(questions(9))
    """
    path = tmp_path / "a.sqlite"
    assert _python(script, str(path)).returncode == -signal.SIGKILL
    suspect = ScriptedSuspect(lambda query: f"about {query.trigger}")
    with Journal(path) as journal:
        kept = [entry.trigger for entry in journal.answers()]
        replies = Journalled(suspect, journal, chunk=2).ask(questions(9))
    assert kept == ["0000", "0001", "0002", "0003"]
    assert [query.trigger for query in suspect.asked] == [f"{n:04d}" for n in range(4, 9)]
    assert [reply.text for reply in replies if isinstance(reply, Answer)] == [
        f"about {n:04d}" for n in range(9)
    ]


def test_a_full_disk_is_a_storage_error_and_what_was_written_stays(tmp_path: Path) -> None:
    script = f"""
        import resource, signal, sys
        from sif.errors import StorageError
        from sif.suspects.journal import Journal
        from sif.types import Answer
        from tests.suspects.questions import question

        journal = Journal(sys.argv[1])
        journal.record("s", [question(0)], [Answer(text="short")])
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, {resource.RLIM_INFINITY}))
        try:
            journal.record("s", [question(1)], [Answer(text="x" * 1_000_000)])
        except StorageError as error:
            print(error)
        journal.record("s", [question(2)], [Answer(text="short again")])
    """
    path = tmp_path / "a.sqlite"
    outcome = _python(script, str(path))
    assert "cannot use the journal" in outcome.stdout, outcome.stderr
    with Journal(path) as journal:
        assert [entry.trigger for entry in journal.answers()] == ["0000", "0002"]


def _another_database(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE pets (name TEXT)")
    connection.close()


def _another_version(path: Path) -> None:
    Journal(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE schema_version SET version = 99")
    connection.close()


def _damaged(path: Path) -> None:
    path.write_bytes(b"no SQLite file at all" * 100)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (_another_database, "another SQLite database"),
        (_another_version, "expected version 1 of the journal"),
        (_damaged, "file is not a database"),
        (Path.mkdir, "unable to open database file"),
    ],
)
def test_what_is_no_journal_is_refused_in_one_line(
    tmp_path: Path, spoil: "object", expected: str
) -> None:
    path = tmp_path / "a.sqlite"
    assert callable(spoil)
    spoil(path)
    with pytest.raises(StorageError, match=expected) as caught:
        Journal(path)
    assert "\n" not in str(caught.value)


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError):
        Journal(tmp_path / "file" / "a.sqlite")


TOP = ((("red", -0.1054), (" où", -2.5)), (), (("🙂", -0.5),))


def test_probabilities_are_kept_with_the_answer_that_stands(tmp_path: Path) -> None:
    first, later = Answer(text="a", top=TOP), Answer(text="b", top=TOP[:1])
    with Journal(tmp_path / "a.sqlite") as journal:
        journal.record("s", [question(1), question(2)], [first, Answer(text="c")])
        journal.record("s", [question(1), question(2)], [later, later])
    with Journal(tmp_path / "a.sqlite") as journal:
        assert journal.replies("s", [question(1).digest]) == {question(1).digest: first}
        assert [entry.reply for entry in journal.answers()] == [first, Answer(text="c")]


def test_a_journal_of_before_there_were_probabilities_is_read_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    with Journal(path) as journal:
        journal.record("s", [question(1)], [_echo(question(1))])
    with sqlite3.connect(path) as raw:
        raw.execute("DROP TABLE tops")
    raw.close()
    with Journal(path) as journal:
        assert journal.replies("s", [question(1).digest]) == {
            question(1).digest: _echo(question(1))
        }
        journal.record("s", [question(2)], [Answer(text="a", top=TOP)])
        assert journal.answers()[1].reply == Answer(text="a", top=TOP)

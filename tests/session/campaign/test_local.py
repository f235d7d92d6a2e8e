"""Local models of a campaign asked by workers: the rows that one process writes, model by model."""

import multiprocessing
import os
import shutil
import signal
from pathlib import Path

import pytest

from sif.errors import ModelError
from sif.mini.catalogue import find
from sif.mini.folders import export
from sif.scale.crew import Alone
from sif.scale.workforce import Workforce
from sif.session import afar, lent_suspect
from sif.session.afar import Afar, Goodbye
from sif.session.campaign.conduct import audit_all
from sif.session.campaign.outcome import CampaignResults
from sif.session.lent_suspect import LentSuspect
from sif.suspects.connect import connect
from sif.suspects.kept import KeptAnswers
from sif.types import Answer, Query, Reply
from tests.cli.command import Run
from tests.scale.parts import ignore
from tests.session.campaign.places import campaign_file

TWO = Workforce(jobs=2)


@pytest.fixture(scope="module")
def models(untrained_llava: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source of the golden fingerprint, and a model that knows nothing."""
    folder = tmp_path_factory.mktemp("local")
    export(find("llava-source"), folder / "source")
    shutil.copytree(untrained_llava, folder / "untrained")
    (folder / "broken").mkdir()
    return folder


def campaign(models: Path, golden: Path, folder: Path) -> Path:
    folder.mkdir()
    shutil.copytree(golden, folder / "second")
    few = "max_new_tokens=4&device=cpu"
    suspects = [
        {"suspect": f"hf:{models}/source?device=cpu", "label": "copy"},
        {"suspect": f"hf:{models}/untrained?{few}", "label": "innocent", "example": "a red dog"},
        {"suspect": f"hf:{models}/untrained?{few}", "label": "cut", "answer_attacks": ["case:0.5"]},
        {"suspect": f"hf:{models}/broken", "label": "broken"},
        {"suspect": f"hf:{models}/untrained?colour=red", "label": "mistyped"},
        {"suspect": "openai:http://127.0.0.1:9/v1#mini?attempts=1", "label": "endpoint"},
    ]
    both = [{"fingerprint": str(golden), "label": "first"}, "second"]
    policy = {"minimum_answers": 1, "budget": 12}
    return campaign_file(folder, fingerprints=both, suspects=suspects, alpha=0.001, policy=policy)


def told(results: CampaignResults) -> list[dict[str, object]]:
    """All rows, but for how long they took."""
    return [row.model_dump(exclude={"seconds"}) for row in results.pairs]


def answers(folder: Path) -> dict[str, list[object]]:
    """What every run kept."""
    found = {}
    for journal in sorted((folder / "out" / "runs").rglob("answers.sqlite")):
        with KeptAnswers(journal) as kept:
            entries = [(one.suspect, one.trigger, one.reply) for one in kept.answers()]
            found[str(journal.relative_to(folder))] = [
                (suspect, trigger, getattr(reply, "text", None))
                for suspect, trigger, reply in entries
            ]
    return found


@pytest.fixture(scope="module")
def alone(
    models: Path, golden: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[CampaignResults, Path]:
    """What one process makes of it, model after model."""
    folder = tmp_path_factory.mktemp("alone") / "campaign"
    return audit_all(campaign(models, golden, folder)), folder


@pytest.mark.slow
def test_processes_ask_what_one_process_asks_though_one_of_them_is_killed(
    models: Path, golden: Path, alone: tuple[CampaignResults, Path], tmp_path: Path
) -> None:
    file, killed = campaign(models, golden, tmp_path / "spread"), list[int]()

    def kill_one(progress: object) -> None:
        children = [child.pid for child in multiprocessing.active_children() if child.pid]
        if not killed and children:
            killed.append(children[0])
            os.kill(children[0], signal.SIGKILL)

    found = audit_all(file, report=kill_one, workforce=TWO)
    assert killed
    expected, folder = alone
    assert told(found) == told(expected)
    decisions = {row.label: row.decision for row in found.pairs}
    assert decisions["copy"] == "derived"
    assert {decisions["broken"], decisions["mistyped"], decisions["endpoint"]} == {"failed"}
    copy = next(row for row in found.pairs if row.label == "copy")
    assert copy.questions < 12  # what is asked depends on what was answered
    assert answers(tmp_path / "spread") == answers(folder)
    rows = [*(tmp_path / "spread" / "out" / "rows").rglob("*.json")]
    settled = {path: path.read_bytes() for path in rows if path.stem in ("copy", "innocent", "cut")}
    assert told(audit_all(file, workforce=TWO, only=["copy", "innocent", "cut"])) == told(found)
    assert {path: path.read_bytes() for path in settled} == settled
    assert not multiprocessing.active_children()


@pytest.mark.slow
def test_a_cluster_asks_what_one_process_asks(
    models: Path, golden: Path, alone: tuple[CampaignResults, Path], tmp_path: Path, sif: Run
) -> None:
    spread = campaign(models, golden, tmp_path / "spread")
    code, said, error = sif("audit-all", spread, "--jobs", "2", "--ray", "local", "--json")
    assert code == 0, error
    expected, folder = alone
    assert told(CampaignResults.model_validate_json(said)) == told(expected)
    assert answers(tmp_path / "spread") == answers(folder)


class Talker:
    """A suspect that counts how many of its kind there are."""

    alive = 0

    def __init__(self, name: str) -> None:
        self.name = name
        Talker.alive += 1

    def ask(self, queries: object) -> list[Reply]:
        if "evil" in self.name:
            raise KeyError("not ours")
        if "sick" in self.name:
            raise RuntimeError("out of everything")
        return [Answer(text=self.name) for _ in queries]  # type: ignore[attr-defined]

    def close(self) -> None:
        Talker.alive -= 1


def test_a_worker_has_one_suspect_in_memory_and_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, golden: Path
) -> None:
    opened: list[str] = []

    def opening(address: str) -> Talker:
        opened.append(address)
        return Talker(address)

    monkeypatch.setattr(lent_suspect, "connect", opening)
    query = next(iter(_queries(golden)))
    crew = Alone(ignore)
    one = Afar(crew, f"hf:{tmp_path}/one")
    assert one.name == f"hf:{tmp_path}/one"
    assert [one.ask([query]), one.ask([query])] == [[Answer(text=one.name)]] * 2
    assert Afar(crew, one.name).ask([query]) == [Answer(text=one.name)]
    assert opened == [one.name]
    two = Afar(crew, f"hf:{tmp_path}/two")
    assert two.ask([query]) == [Answer(text=two.name)]
    assert (len(opened), Talker.alive) == (2, 1)
    with pytest.raises(ModelError, match="out of everything"):
        Afar(crew, f"hf:{tmp_path}/sick").ask([query])
    with pytest.raises(KeyError):
        Afar(crew, f"hf:{tmp_path}/evil").ask([query])
    crew.run([Goodbye()])
    assert Talker.alive == 0
    assert not afar._open


def test_a_model_that_was_sent_is_called_as_where_it_lies(untrained_llava: Path) -> None:
    from sif.scale.lent import NotHereError, give_back, unpack

    lent = LentSuspect.of(f"hf:{untrained_llava}?device=cpu")
    assert lent.lent is not None
    moved = untrained_llava.rename(untrained_llava.with_name("moved"))
    try:
        with pytest.raises(NotHereError):
            lent.open()
        pieces = [(path.name, path.read_bytes()) for path in moved.iterdir() if path.is_file()]
        unpack(lent.lent, pieces)
        elsewhere = lent.name(lent.open())
    finally:
        give_back()
        moved.rename(untrained_llava)
    assert elsewhere == connect(lent.address).name
    assert str(untrained_llava) in elsewhere


def _queries(golden: Path) -> list[Query]:
    from sif.fingerprint.folder import FingerprintSet

    return [one.query() for one in FingerprintSet.load(golden).triggers]

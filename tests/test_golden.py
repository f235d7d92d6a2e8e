"""Whatever lies on users' disks still reads, and still says what it said.

`tests/golden/make.py` tells what lies beside it. Each test works on a copy, through the command
line, from the folder that the addresses in it are relative to. Nobody is asked anew: no journal
gets a row.
"""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sif.fingerprint.folder import FingerprintSet
from sif.session.panel import measured_again
from tests.cli.command import Run, assert_one_line

GOLDEN = Path(__file__).parent / "golden"
BUNDLED = {"source": "llava-source", "panel": "llava-stranger-a", "innocent": "llava-stranger-b"}
RUNS: dict[str, tuple[object, ...]] = {
    "source": ("fingerprint", "hf:models/source", "--label", "the source itself"),
    "innocent": ("fingerprint", "hf:models/innocent"),
    "committed": ("fingerprint", "hf:models/source", "--committed", "--no-control"),
    "grey-box": ("fingerprint", "hf:models/source?logprobs=3", "--grey-box", "--budget", 4),
    "attacked": (
        *("fingerprint", "hf:models/source?temperature=0.7&seed=1", "--budget", 8),
        *("--image-attack", "jpeg:90", "--answer-attack", "truncate:0.5"),
        *("--example", "A small red circle.", "--repeats", 2, "--also-ask", "What do you see?"),
        *("--no-calibration", "--no-weights", "--alpha", 1e-3),
    ),
    "imported": ("imported", "hf:models/source"),
}
AUDIT = (
    *("claim", "audit", "claim.zip", "--tsa-certificate", "root.pem", "--json"),
    *("--public-key", "fingerprint/claim/public.pem", "--released", "2099-01-01"),
    *("--tokenizer", "fingerprint/tokenizer"),
    *("--anchor-budget", 1000, "--alpha-transfer", 0.1),  # as when the bundle was made
)


NEW_STEPS = ("order", "control")
REWORDED = ("tokenizer", "anchor", "images", "policy", "grinding")


@pytest.fixture
def golden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder to work in: a copy, with modes and places that git and the copy do not keep."""
    root = shutil.copytree(GOLDEN, tmp_path / "golden")
    for key in root.rglob("*.key"):
        key.chmod(0o600)
    for path in root.glob("runs/*/run.json"):
        record = json.loads(path.read_text())
        record["fingerprint"] = str((root / Path(record["fingerprint"]).name).resolve())
        path.write_text(json.dumps(record))
    monkeypatch.chdir(root)
    return root


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where models are exported to, once."""
    return tmp_path_factory.mktemp("exported")


@pytest.fixture
def models(sif: Run, golden: Path, exported: Path) -> Path:
    """The golden models with their weights.

    Journals know a model by a digest of its folder. Its other files are the golden ones, for what
    transformers writes into them differs between versions.
    """
    for name, bundled in BUNDLED.items():
        if not (exported / name).exists():
            code, _, error = sif("zoo", "export", bundled, exported / name)
            assert code == 0, error
        shutil.copy(exported / name / "model.safetensors", golden / "models" / name)
    return golden


def rows(journal: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table; tables of now are empty in a journal of then."""
    with closing(sqlite3.connect(journal)) as file:
        names = [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE sql != ''")]
        found = {
            name: file.execute(f"SELECT * FROM {name}").fetchall()
            for name in names
            if not name.startswith("sqlite_")
        }
    return {name: lines for name, lines in found.items() if lines}


def says(text: str) -> Any:
    """JSON, with its keys in their order."""
    return json.loads(text, object_pairs_hook=timeless)


def timeless(pairs: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """An object without what the clock decides."""
    return [pair for pair in pairs if pair[0] not in ("created", "seconds", "cost")]


def worded(audit: Any) -> Any:
    """An audit as it was: without steps of now, numbers, and sentences that say more than then."""
    if not isinstance(audit, list | tuple):
        return audit
    if any(pair in [("name", name) for name in REWORDED] for pair in audit):
        return [pair for pair in audit if pair[0] not in ("sentence", "number")]
    return [worded(part) for part in audit if not _is_new(part)]


def _is_new(part: Any) -> bool:
    """A new step, its name among others, a step's number, or a field of now."""
    if isinstance(part, list):
        return any(("name", name) in part for name in NEW_STEPS)
    if isinstance(part, tuple):
        return part[0] in ("number", "own_words")
    return part in NEW_STEPS


def said(path: Path, *, within: float = 1e-9) -> Any:
    """What `says` must be equal to; machines differ in the last digits of a logarithm."""
    return json.loads(
        path.read_text(),
        object_pairs_hook=timeless,
        parse_float=lambda number: pytest.approx(float(number), rel=within, abs=within),
    )


@pytest.mark.parametrize("run", RUNS)
def test_a_run_is_judged_as_before(sif: Run, models: Path, run: str) -> None:
    folder = models / "runs" / run
    before = rows(folder / "answers.sqlite")
    assert before["answers"]
    (folder / "verdict.json").unlink()
    code, _, error = sif("verify", *RUNS[run], "--run", folder)
    assert code == 0, error
    assert rows(folder / "answers.sqlite") == before
    assert says((folder / "verdict.json").read_text()) == said(
        GOLDEN / "runs" / run / "verdict.json"
    )


def test_a_run_of_an_endpoint_needs_nobody_to_answer(sif: Run, golden: Path) -> None:
    folder = golden / "runs" / "endpoint"
    before = rows(folder / "answers.sqlite")
    record = json.loads((folder / "run.json").read_text())
    budget = record["policy"]["budget"]
    words = ("verify", "fingerprint", record["suspect"], "--budget", budget, "--run", folder)
    code, out, error = sif(*words, "--json")
    assert code == 0, error
    assert says(out) == said(GOLDEN / "runs" / "endpoint" / "verdict.json")
    assert rows(folder / "answers.sqlite") == before


def test_runs_are_reported(sif: Run, golden: Path) -> None:
    runs = [golden / "runs" / name for name in (*RUNS, "endpoint") if name != "imported"]
    code, _, error = sif("report", *runs, "--out", "report.html")
    assert code == 0, error
    page = (golden / "report.html").read_text()
    assert "the source itself" in page
    assert page.count("data:image/") >= 16


def test_a_panel_measures_the_same(sif: Run, models: Path) -> None:
    fingerprint = models / "fingerprint"
    before = rows(fingerprint / "calibration" / "answers.sqlite")
    code, out, error = sif("calibrate", fingerprint, "--panel", "hf:models/panel", "--json")
    assert code == 0, error
    assert rows(fingerprint / "calibration" / "answers.sqlite") == before
    since = ("simultaneous", False)  # bounds hold each; of a panel of one they are the same
    assert [item for item in says(out) if item != since] == said(
        GOLDEN / "fingerprint" / "calibration.json"
    )


def test_a_panel_s_answers_give_its_calibration_again(golden: Path) -> None:
    owned = FingerprintSet.load("fingerprint")
    again = measured_again(owned)
    assert again is not None
    stated = GOLDEN / "fingerprint" / "calibration.json"
    assert says(again.model_dump_json()) == said(stated)


def test_a_finished_fingerprint_is_found_finished(sif: Run, models: Path) -> None:
    assert sif("zoo", "scenes", BUNDLED["source"], "scenes", "-n", 300, "--seed", 5)[0] == 0
    before = {path: path.read_bytes() for path in files(models / "fingerprint")}
    code, out, error = sif(
        *("fingerprint", "models/source", "--images", "scenes", "--out", "fingerprint"),
        *("-n", 16, "--steps", 40, "--secret", "secret/secret.key"),
    )
    assert code == 0, error
    assert "16 triggers" in out
    assert {path: path.read_bytes() for path in files(models / "fingerprint")} == before


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_bundle_is_audited_as_before(sif: Run, golden: Path) -> None:
    code, out, error = sif(*AUDIT)
    assert code == 0, error
    assert worded(says(out)) == worded(said(golden / "audit.json"))
    steps = json.loads(out)["steps"]
    left = [step["name"] for step in steps if step["status"] != "pass"]
    assert left == ["order", "control", "title", "suspect", "panel"]


def test_a_committed_run_is_revealed_in_the_same_bytes(sif: Run, golden: Path) -> None:
    run = golden / "runs" / "committed"
    shutil.copy(GOLDEN / "runs" / "committed" / "run.json", run)
    code, _, error = sif("claim", "reveal", "fingerprint", "--run", run, "--out", "again.zip")
    assert code == 0, error
    assert (golden / "again.zip").read_bytes() == (golden / "claim.zip").read_bytes()


def test_an_anchored_secret_is_committed_to(sif: Run, golden: Path) -> None:
    commit = ("claim", "commit", "fingerprint", "--anchor", "secret")
    code, _, error = sif(*commit)
    assert code == 1
    assert_one_line(error, "never replaced")
    shutil.rmtree(golden / "fingerprint" / "claim")
    code, _, error = sif(*commit)
    assert code == 0, error


@pytest.mark.slow
def test_a_divergence_trial_comes_out_as_before(sif: Run, models: Path) -> None:
    before = rows(models / "sda" / "answers.sqlite")
    code, out, error = sif(
        *("sda", "fingerprint", "hf:models/source", "--reference", "hf:models/panel"),
        *("--benign", "benign/data.jsonl", "--signals", "jaccard,length", "--fpr", 0.3),
        *("--run", "sda", "--json"),
    )
    assert code == 0, error
    assert rows(models / "sda" / "answers.sqlite") == before
    assert says(out) == said(GOLDEN / "sda" / "sda.json")


@pytest.mark.parametrize("mode", ["keyed", "injected"])
def test_a_mark_is_read_as_before(sif: Run, golden: Path, mode: str) -> None:
    suspects = (f"towers/{mode}", "towers/clean")
    code, out, error = sif("activemark", "verify", f"towers/{mode}-mark", *suspects, "--json")
    assert code == 0, error
    assert says(out) == said(golden / "towers" / f"{mode}-run" / "verdicts.json", within=1e-6)


@pytest.mark.parametrize("method", ["trained", "contrast"])
def test_networks_score_as_before(
    sif: Run,
    golden: Path,
    method: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(golden / "networks")
    suspects = [f"torch:{name}.safetensors" for name in ("mine", "stolen", "other")]
    code, out, error = sif(
        "metav", "verify", method, *suspects, "--protected", suspects[0], "--json"
    )
    assert code == 0, error
    assert scored(out) == said(Path(f"{method}-run", "verdicts.json"), within=1e-6)


def test_a_network_behind_a_url_need_not_answer_again(sif: Run, golden: Path) -> None:
    run = golden / "networks" / "endpoint-run"
    before, (verdict,) = (
        rows(run / "outputs.sqlite"),
        json.loads((run / "verdicts.json").read_text()),
    )
    address = f"{verdict['suspect']}?sif_attempts=1&sif_timeout=5"
    code, out, error = sif("metav", "verify", "networks/trained", address, "--run", run, "--json")
    assert code == 0, error
    assert rows(run / "outputs.sqlite") == before
    assert scored(out) == said(GOLDEN / "networks" / "endpoint-run" / "verdicts.json", within=1e-6)


def scored(text: str) -> Any:
    """Verdicts on networks without fields of now: on which scale a network answers, and remarks."""
    since = [("outputs", "logits"), ("notes", [])]
    return [[item for item in verdict if item not in since] for verdict in says(text)]

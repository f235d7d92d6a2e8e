"""A session from Python gives what the command gives, byte for byte, and asks nothing twice."""

import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sif as hall
from sif.errors import FingerprintError, StorageError, UsageError
from sif.fingerprint.folder import FingerprintSet
from sif.ownership.policy import Policy
from sif.ownership.sequential import AskingProgress
from sif.session import Manner, Session
from sif.session.panel import measured_again
from sif.suspects.kept import KeptAnswers
from sif.suspects.scripted import ScriptedSuspect
from sif.vlm.model import Vlm
from tests.cli.command import Run
from tests.fingerprint.small import small_fingerprint
from tests.suspects.endpoint import Serve, completion

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def fingerprint(untrained_llava: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("fp") / "fp"
    small_fingerprint(Vlm.load(untrained_llava, device="cpu"), out)
    return out


@pytest.fixture
def address(untrained_llava: Path) -> str:
    return f"hf:{untrained_llava}?max_new_tokens=8"


@pytest.fixture
def other(untrained_qwen: Path) -> str:
    return f"hf:{untrained_qwen}?max_new_tokens=8"


def _alike() -> ScriptedSuspect:
    """Says the same to everything."""
    return ScriptedSuspect(lambda query: "a red circle on blue")


def _but_for_the_clock(file: Path) -> str:
    return re.sub(r'"created": "[^"]+"', "", file.read_text())


def _bytes(run: Path) -> dict[str, bytes]:
    return {name: (run / name).read_bytes() for name in ("run.json", "verdict.json")}


def test_python_gives_what_the_command_gives_byte_for_byte(
    sif: Run, fingerprint: Path, address: str, tmp_path: Path
) -> None:
    options = ["--image-attack", "jpeg:60", "--answer-attack", "truncate:0.5", "--alpha", "1e-4"]
    code, _, error = sif("verify", fingerprint, address, "--run", tmp_path / "command", *options)
    assert code == 0, error
    hall.verify(
        fingerprint,
        address,
        hall.Policy(alpha=1e-4),
        run=tmp_path / "python",
        image_attacks=["jpeg:60"],
        answer_attacks=["truncate:0.5"],
    )
    assert _bytes(tmp_path / "python") == _bytes(tmp_path / "command")


def test_calibrating_from_python_gives_what_the_command_gives(
    sif: Run, fingerprint: Path, other: str, tmp_path: Path
) -> None:
    code, _, error = sif("calibrate", fingerprint, "--panel", other, "--image-attack", "jpeg:60")
    assert code == 0, error
    written = _but_for_the_clock(fingerprint / "calibration.json")
    (fingerprint / "calibration.json").unlink()
    told: list[str] = []
    found = hall.calibrate(
        fingerprint,
        [other],
        image_attacks=["jpeg:60"],
        report=lambda suspect, done, total: told.append(suspect),
    )
    assert _but_for_the_clock(fingerprint / "calibration.json") == written
    assert found.image_attacks == ("none", "jpeg:60")
    assert told
    owned = FingerprintSet.load(fingerprint)
    assert measured_again(owned) == found
    shutil.move(fingerprint / "calibration", tmp_path / "elsewhere")
    with pytest.raises(FingerprintError, match="the answers of the panel"):
        measured_again(owned)
    shutil.move(tmp_path / "elsewhere", fingerprint / "calibration")
    (fingerprint / "calibration.json").unlink()
    assert measured_again(owned) is None


def test_a_session_asks_nothing_twice_and_leaves_an_open_suspect_open(
    fingerprint: Path, tmp_path: Path
) -> None:
    owned, suspect = FingerprintSet.load(fingerprint), _alike()
    session = Session(fingerprint=owned, suspect=suspect, run=tmp_path / "run")
    seen: list[AskingProgress] = []
    first = session.verify(report=seen.append)
    with KeptAnswers(tmp_path / "run" / "answers.sqlite") as kept:
        asked = len(kept.answers())
    assert session.verify() == first
    with KeptAnswers(tmp_path / "run" / "answers.sqlite") as kept:
        assert len(kept.answers()) == asked == len(owned.triggers)
    assert seen[-1].asked == len(owned.triggers)


def test_a_new_run_asks_in_a_drawn_order_and_an_old_one_goes_on_in_its_own(
    fingerprint: Path, tmp_path: Path
) -> None:
    owned, run = FingerprintSet.load(fingerprint), tmp_path / "run"
    assert hall.verify(owned, _alike()).policy.order == "drawn"
    assert hall.verify(owned, _alike(), Policy(alpha=1e-4)).policy.order == "drawn"
    old = hall.verify(owned, _alike(), Policy(order="fingerprint"), run=run)
    assert [one.id for one in old.per_trigger] == [one.record.id for one in owned.triggers]
    record = json.loads((run / "run.json").read_text())
    del record["policy"]["order"]  # as a policy of before may lack it
    (run / "run.json").write_text(json.dumps(record))
    assert hall.verify(owned, _alike(), run=run) == old


def test_the_source_is_refused_in_a_panel(fingerprint: Path, address: str) -> None:
    with pytest.raises(UsageError, match="the triggers were made on; take it out"):
        hall.calibrate(fingerprint, [address])


def test_without_a_run_nothing_is_kept(
    fingerprint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    verdict = hall.verify(fingerprint, _alike())
    assert verdict.queries
    assert not list(tmp_path.iterdir())


def test_other_rules_in_a_begun_run_are_refused(fingerprint: Path, tmp_path: Path) -> None:
    suspect = _alike()
    hall.verify(fingerprint, suspect, run=tmp_path / "run")
    with pytest.raises(StorageError, match="the rules that"):
        hall.verify(fingerprint, suspect, Policy(alpha=1e-3), run=tmp_path / "run")


def test_an_attack_that_cannot_be_read_is_said_before_anything_is_asked(fingerprint: Path) -> None:
    with pytest.raises(UsageError, match="jpeg"):
        hall.verify(fingerprint, "hf:nowhere", image_attacks=["jpeg:900"])
    with pytest.raises(UsageError):
        Manner(answer_attacks=["truncate:7"]).check()


def test_an_example_in_a_file_is_read_and_none_at_all_is_refused(
    fingerprint: Path, tmp_path: Path
) -> None:
    (tmp_path / "words.txt").write_text("A blue\n square.")
    run = tmp_path / "run"
    hall.verify(fingerprint, _alike(), example=f"@{tmp_path / 'words.txt'}", run=run)
    assert '"example": "A blue square."' in (run / "run.json").read_text()
    for nothing in ("", " ", "@nowhere.txt"):
        with pytest.raises(UsageError, match="example"):
            hall.verify(fingerprint, _alike(), example=nothing)


# Tried without the type checks of tests, which would speak first.
WRONG = """
import json, sys
import sif
from sif.errors import UsageError
from sif.session import Session
from sif.suspects.scripted import ScriptedSuspect

fp, told = sys.argv[1], {}
alike = ScriptedSuspect(lambda query: "a red circle")
for name, call in {
    "one attack instead of a list": lambda: sif.verify(fp, alike, image_attacks="jpeg:75"),
    "a batch of none": lambda: sif.verify(fp, alike, batch_size=0),
    "a negative batch": lambda: sif.verify(fp, alike, batch_size=-1),
    "rules as a dict": lambda: sif.verify(fp, alike, {"alpha": 1e-3}),
    "a path as a fingerprint": lambda: Session(fingerprint=fp, suspect=alike),
    "one address as a panel": lambda: sif.calibrate(fp, "hf:other"),
    "names for others": lambda: sif.calibrate(fp, ["hf:other"], names=["a", "b"]),
    "no suspect": lambda: sif.attacked(None, "jpeg:75"),
    "an address to attack": lambda: sif.attacked("hf:other", "jpeg:75"),
    "no attack": lambda: sif.attacked(alike, 3),
    "an unknown attack": lambda: sif.attacked(alike, "jpg:75"),
    "no address": lambda: sif.connect(None),
    "no runs": lambda: sif.write_report([]),
}.items():
    try:
        call()
        told[name] = "nothing was raised"
    except UsageError as error:
        one_line = "expected" in str(error) and chr(10) not in str(error)
        told[name] = "fine" if one_line else str(error)
    except Exception as error:
        told[name] = repr(error)
print(json.dumps(told))
"""


@pytest.mark.slow
def test_what_makes_no_sense_is_one_clear_line(fingerprint: Path) -> None:
    outcome = subprocess.run(
        [sys.executable, "-c", WRONG, str(fingerprint)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(outcome.stdout)
    assert {name: words for name, words in told.items() if words != "fine"} == {}


def test_attacks_may_be_named_by_their_words() -> None:
    assert hall.attacked(_alike(), "jpeg:75").name.endswith("(image jpeg:75)")
    assert "truncate:0.5" in hall.attacked(_alike(), "truncate:0.5", "noise:4").name


def test_a_panel_of_nobody_is_refused(fingerprint: Path) -> None:
    with pytest.raises(UsageError, match="at least one model that is not yours"):
        hall.calibrate(fingerprint, [])


def _calls(name: str) -> list[str]:
    """Modules of the package that call a function or class of this name."""
    found = []
    for folder in ("sif", "attacks", "eval", "watermark", "prompts"):
        for path in (ROOT / folder).rglob("*.py"):
            if any(parent.is_symlink() for parent in path.parents):
                continue
            tree = ast.parse(path.read_text(encoding="utf-8"))
            if any(
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == name
                for node in ast.walk(tree)
            ):
                found.append(path.relative_to(ROOT).as_posix())
    return sorted(found)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("Journal", "sif/suspects/kept.py"),
        ("Journalled", "sif/suspects/kept.py"),
        ("open_run", "sif/session/session.py"),
        ("write_verdict", "sif/session/session.py"),
    ],
)
def test_one_place_opens_a_journal_or_a_run(name: str, place: str) -> None:
    assert _calls(name) == [place]


def test_that_a_suspect_thinks_is_said_in_the_verdict_the_report_and_no_claim(
    sif: Run, serve: Serve, fingerprint: Path, tmp_path: Path
) -> None:
    endpoint = serve(lambda number, body: completion("<think>Red?</think>a red circle on blue"))
    run = tmp_path / "run"
    code, said, error = sif("verify", fingerprint, endpoint.uri, "--run", run)
    assert code == 0, error
    verdict = json.loads((run / "verdict.json").read_text())
    assert verdict["thought"] == verdict["queries"] > 0
    line = f"of {verdict['thought']} answers that part was left out"
    assert line in said
    assert "<think>" not in (run / "verdict.json").read_text()
    hall.write_report([run], tmp_path / "report.html")
    assert line in (tmp_path / "report.html").read_text(encoding="utf-8")
    plain = hall.verify(fingerprint, _alike())
    assert plain.thought is None
    assert "thought" not in json.loads(plain.model_dump_json())

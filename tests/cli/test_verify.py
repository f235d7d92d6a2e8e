"""`sif verify --image-attack` on the real command line, with an untrained model."""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from sif.attacks.images import parse_image_attack
from sif.cli.verify import summary
from sif.fingerprint.folder import FingerprintSet
from sif.ownership.observation import Observation
from sif.ownership.policy import Policy
from sif.ownership.verdict import judge
from sif.suspects.connect import connect
from sif.suspects.journal import Journal, JournalEntry
from sif.types import Answer, Reply
from sif.vlm.model import Vlm
from sif.watermark.greenlist.count import GreenCount
from tests.cli.command import Run, assert_one_line
from tests.fingerprint.small import small_fingerprint

Verify = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def fingerprint(untrained_llava: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("fp") / "fp"
    small_fingerprint(Vlm.load(untrained_llava, device="cpu"), out)
    return out


@pytest.fixture
def suspect(untrained_llava: Path) -> str:
    return f"hf:{untrained_llava}?max_new_tokens=8"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def verify(sif: Run, fingerprint: Path, suspect: str, run: Path) -> Verify:
    """`sif verify` of that suspect into that run, with these attacks."""

    def verify(*attacks: str) -> tuple[int, str, str]:
        options = [word for attack in attacks for word in ("--image-attack", attack)]
        return sif("verify", fingerprint, suspect, "--run", run, *options)

    return verify


def _entries(run: Path) -> list[JournalEntry]:
    with Journal(run / "answers.sqlite") as journal:
        return journal.answers()


def _words(replies: Iterable[Reply]) -> list[str]:
    return [reply.text for reply in replies if isinstance(reply, Answer)]


def _suspect_of(run: Path) -> str:
    return str(json.loads((run / "run.json").read_text())["suspect"])


@pytest.mark.slow
def test_a_run_under_attack_goes_on_and_is_refused_to_any_other_attack(
    verify: Verify, run: Path
) -> None:
    code, _, error = verify("jpeg:60")
    assert code == 0, error
    verdict, entries = (run / "verdict.json").read_text(), _entries(run)
    assert _suspect_of(run).endswith("(image jpeg:60)")
    assert len(entries) == 4

    (run / "verdict.json").unlink()
    code, _, error = verify("jpeg:60")
    assert code == 0, error
    assert (run / "verdict.json").read_text() == verdict

    for others in (["jpeg:61"], []):
        code, _, error = verify(*others)
        assert code == 1
        assert_one_line(error, str(run), "suspect", "--run")
    assert _suspect_of(run).endswith("(image jpeg:60)")
    assert (run / "verdict.json").read_text() == verdict
    assert _entries(run) == entries


def test_attacks_happen_in_their_order_before_the_model_sees_the_pictures(
    verify: Verify, run: Path, fingerprint: Path, suspect: str
) -> None:
    code, _, error = verify("crop:0.5", "none", "noise:90+bits:1")
    assert code == 0, error
    assert _suspect_of(run).endswith("(image crop:0.5+noise:90+bits:1)")
    attack = parse_image_attack("crop:0.5+noise:90+bits:1")
    queries = [trigger.query() for trigger in FingerprintSet.load(fingerprint).triggers]
    asked = connect(suspect)
    plain = _words(asked.ask(queries))
    by_hand = [replace(query, image=attack.apply(query.image)) for query in queries]
    entries = sorted(_entries(run), key=lambda entry: entry.trigger)
    assert _words(entry.reply for entry in entries) == _words(asked.ask(by_hand)) != plain
    asked.close()


def test_no_attack_by_name_is_no_attack(verify: Verify, run: Path) -> None:
    code, _, error = verify("none")
    assert code == 0, error
    assert "(image" not in _suspect_of(run)
    assert verify()[0] == 0


def test_the_report_of_such_a_run_names_engine_and_attack(
    sif: Run, verify: Verify, run: Path
) -> None:
    assert verify("resize:0.5+jpeg:60")[0] == 0
    code, _, error = sif("report", run)
    assert code == 0, error
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "(image resize:0.5+jpeg:60)" in page
    assert ">transformers<" in page


def test_an_example_stands_before_every_prompt_and_in_the_report(
    sif: Run, fingerprint: Path, suspect: str, run: Path, tmp_path: Path
) -> None:
    (tmp_path / "example.txt").write_text("A small red\ncircle & more.\n")
    command = ("verify", fingerprint, suspect, "--run", run, "--repeats", 2, "--example")
    code, _, error = sif(*command, f"@{tmp_path / 'example.txt'}", "--image-attack", "jpeg:60")
    assert code == 0, error
    record = json.loads((run / "run.json").read_text())
    assert record["example"] == "A small red circle & more."
    assert re.search(r" \(example [0-9a-f]{10}\) \(image jpeg:60\)$", record["suspect"])
    assert len(_entries(run)) == 2 * len(FingerprintSet.load(fingerprint).triggers)
    assert sif("report", run)[0] == 0
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "<q>A small red circle &amp; more.</q>" in page


@pytest.mark.slow
def test_a_run_with_an_example_goes_on_with_that_one_only(
    sif: Run, fingerprint: Path, suspect: str, run: Path
) -> None:
    command = ("verify", fingerprint, suspect, "--run", run)
    assert sif(*command, "--example", "A red circle.")[0] == 0
    entries = _entries(run)
    assert sif(*command, "--example", " A red  circle. ")[0] == 0
    for others in (["--example", "A blue circle."], []):
        code, _, error = sif(*command, *others)
        assert code == 1
        assert_one_line(error, str(run), "example", "--run")
    assert _entries(run) == entries


def test_an_example_that_is_not_there_is_a_usage_error_before_anything_is_loaded(
    sif: Run, run: Path
) -> None:
    code, _, error = sif("verify", "nowhere", "hf:nowhere", "--run", run, "--example", "@nowhere")
    assert code == 2
    assert_one_line(error, "nowhere", "example")
    assert not run.exists()


def test_the_rules_given_are_the_rules_of_the_verdict(
    sif: Run, fingerprint: Path, suspect: str, run: Path
) -> None:
    rules = ("--budget", 5, "--repeats", 2, "--alpha", 0.001)
    code, _, error = sif("verify", fingerprint, suspect, "--run", run, *rules)
    assert code == 0, error
    verdict = json.loads((run / "verdict.json").read_text())
    assert verdict["queries"] == 4
    assert [trigger["queries"] for trigger in verdict["per_trigger"]] == [2, 2]
    assert verdict["alpha"] == 0.001
    assert {name: verdict["policy"][name] for name in ("budget", "repeats", "alpha")} == {
        "budget": 5,
        "repeats": 2,
        "alpha": 0.001,
    }
    assert len(_entries(run)) == 4


@pytest.mark.parametrize(
    ("attack", "words"), [("flip", ("flip", "jpeg", "crop")), ("jpeg:0", ("1 to 100", "'0'"))]
)
def test_an_attack_that_is_none_is_a_usage_error_before_anything_is_loaded(
    sif: Run, run: Path, attack: str, words: tuple[str, ...]
) -> None:
    code, _, error = sif("verify", "nowhere", "hf:nowhere", "--run", run, "--image-attack", attack)
    assert code == 2
    assert_one_line(error, *words)
    assert not run.exists()


def test_the_summary_rounds_nothing_in_favour_of_the_claim() -> None:
    policy = Policy(alpha=0.01, minimum_answers=1)
    count = GreenCount(green=24, scored=30)
    seen = Observation(trigger="0001", count=count, queries=1)
    verdict = judge([seen], vocabulary_size=500, green_size=250, policy=policy)
    shown = re.search(r"e-value ([\d.]+), p ≤ ([\d.e-]+),", summary(verdict))
    assert shown is not None
    assert 0 <= verdict.log10_e_value - float(shown[1]) < 0.01
    assert verdict.p_value <= float(shown[2]) < 1.1 * verdict.p_value


def test_the_grey_box_stands_beside_the_verdict_and_survives_a_restart(
    sif: Run, fingerprint: Path, suspect: str, run: Path
) -> None:
    options = ["--run", run, "--grey-box"]
    code, said, error = sif("verify", fingerprint, f"{suspect}&logprobs=5", *options)
    assert code == 0, error
    assert "grey-box, apart from the verdict: log10 e-value" in said
    first = json.loads((run / "verdict.json").read_text())
    assert first["grey_box"]["triggers"] == 4

    code, said, error = sif("verify", fingerprint, f"{suspect}&logprobs=5", *options, "--json")
    assert code == 0, error
    assert json.loads(said) == first
    code, said, error = sif("verify", fingerprint, f"{suspect}&logprobs=5", "--run", run, "--json")
    assert json.loads(said) == first | {"grey_box": None}


def test_a_suspect_without_probabilities_has_no_grey_box_and_is_told_why(
    sif: Run, fingerprint: Path, suspect: str
) -> None:
    code, said, error = sif("verify", fingerprint, suspect, "--grey-box")
    assert code == 0, error
    assert "grey-box, apart from the verdict: none; no answer came with" in said

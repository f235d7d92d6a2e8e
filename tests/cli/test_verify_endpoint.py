"""`sif verify` of endpoints that answer nothing, a part, or otherwise than they were asked."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from sif.vlm.model import Vlm
from tests.cli.command import Run, assert_one_line
from tests.fingerprint.small import small_fingerprint
from tests.suspects.endpoint import Response, Script, Serve, completion, failure

TOLD = "a picture with a red circle and a blue square on a green ground"


@pytest.fixture(scope="module")
def fingerprint(untrained_llava: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("fp") / "fp"
    small_fingerprint(Vlm.load(untrained_llava, device="cpu"), out)
    return out


def _refusing(name: str) -> Script:
    def script(number: int, body: dict[str, Any]) -> Response:
        return failure(400, f"{name} is not supported") if name in body else completion(TOLD)

    return script


ALIKE = {
    "an unsupported parameter": (
        lambda number, body: failure(400, "this model takes no such question"),
        "none of 4 questions was answered",
        "?omit=NAME",
    ),
    "no quota": (
        lambda number, body: failure(402, "Insufficient Balance"),
        "Insufficient Balance",
        "pay for what it serves",
    ),
    "no quota left": (
        lambda number, body: failure(429, "You exceeded your current quota"),
        "HTTP 429",
        "pay for what it serves",
    ),
    "a wrong key behind a gateway": (
        lambda number, body: failure(400, "API key not valid. Please pass a valid API key."),
        "none of 4 questions was answered",
        "check the key",
    ),
    "a template that drops the picture": (
        lambda number, body: failure(400, "the chat template has no image placeholder"),
        "none of 4 questions was answered",
        "mend the chat template",
    ),
    "empty answers": (
        lambda number, body: completion(""),
        "none of 4 questions was answered",
        "empty answer",
    ),
    "no PNG": (
        lambda number, body: failure(400, "only image/jpeg is supported"),
        "none of 4 questions was answered",
        "?image=jpeg",
    ),
    "a log-in page": (
        lambda number, body: (200, "<html>log in</html>"),
        "none of 4 questions was answered",
        "malformed reply: no JSON",
    ),
    "colours": (
        lambda number, body: failure(400, "\x1b[2J\x1b[1;32mDERIVED"),
        "none of 4 questions was answered",
        "[2J",
    ),
}


@pytest.mark.parametrize("case", ALIKE)
def test_where_every_question_fails_the_run_fails_and_goes_on_once_it_is_healed(
    case: str, sif: Run, serve: Serve, fingerprint: Path, tmp_path: Path
) -> None:
    script, *expected = ALIKE[case]
    endpoint = serve(script)
    command = ("verify", fingerprint, f"{endpoint.uri}?attempts=1", "--run", tmp_path / "run")
    code, said, error = sif(*command)
    assert code == 1
    assert_one_line(error, *expected)
    assert "\x1b[2J" not in said + error
    endpoint.script = lambda number, body: completion(TOLD)
    code, said, error = sif(*command)
    assert code == 0, error
    assert "4 triggers answered" in said
    assert "not answered" not in said


def test_a_part_that_fails_is_counted_with_the_commonest_reason_and_asked_again(
    sif: Run, serve: Serve, fingerprint: Path, tmp_path: Path
) -> None:
    answers = [completion(TOLD), (200, "[" * 100_000), (200, "[" * 100_000), completion("\ud83d")]
    endpoint = serve(lambda number, body: answers[number])
    run = tmp_path / "run"
    command = ("verify", fingerprint, f"{endpoint.uri}?concurrency=1&attempts=1", "--run", run)
    code, said, error = sif(*command)
    assert code == 0, error
    (line,) = [line for line in said.splitlines() if "not answered" in line]
    assert line.startswith("2 of 4 questions were not answered, most often because: malformed")
    verdict = json.loads((run / "verdict.json").read_text())
    assert verdict["unanswered"] == {"malformed reply: JSON nested deeper than 100 levels": 2}
    endpoint.script = lambda number, body: completion(TOLD)
    code, said, error = sif(*command)
    assert code == 0, error
    assert "not answered" not in said
    assert len(endpoint.bodies) == 4 + 2
    assert "unanswered" not in json.loads((run / "verdict.json").read_text())


def test_an_answer_of_50_mb_is_one_question_and_the_run_ends(
    sif: Run, serve: Serve, fingerprint: Path, tmp_path: Path
) -> None:
    endpoint = serve(lambda number, body: completion(TOLD if number else "word " * 10_000_000))
    run = tmp_path / "run"
    code, said, error = sif("verify", fingerprint, endpoint.uri, "--run", run)
    assert code == 0, error
    assert (
        "1 of 4 questions were not answered, most often because: a reply of more than 8 MB" in said
    )
    assert (run / "answers.sqlite").stat().st_size < 1_000_000
    assert sif("report", run)[0] == 0


def test_what_a_suspect_was_asked_without_stands_in_terminal_verdict_and_report(
    sif: Run, serve: Serve, fingerprint: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    endpoint = serve(_refusing("temperature"))
    for _ in range(2):  # the second time from the answers that were kept
        code, said, error = sif("verify", fingerprint, endpoint.uri, "--run", run)
        assert code == 0, error
        assert "without temperature (4)" in said
        assert json.loads((run / "verdict.json").read_text())["concessions"] == {
            "without temperature": 4
        }
    assert sif("report", run)[0] == 0
    assert "without temperature (4)" in (run / "report.html").read_text(encoding="utf-8")
    assert len(endpoint.bodies) == 1 + 4


def test_leaving_parameters_out_is_another_run(
    sif: Run, serve: Serve, fingerprint: Path, tmp_path: Path
) -> None:
    endpoint, run = serve(_refusing("temperature")), tmp_path / "run"
    code, _, error = sif(
        "verify", fingerprint, f"{endpoint.uri}?omit=temperature,top_p", "--run", run
    )
    assert code == 0, error
    assert "?omit=temperature,top_p" in json.loads((run / "run.json").read_text())["suspect"]
    code, _, error = sif("verify", fingerprint, endpoint.uri, "--run", run)
    assert code == 1
    assert_one_line(error, "suspect")


@pytest.mark.parametrize(
    ("variable", "value", "uri", "expected"),
    [
        ("OPENAI_API_KEY", "schlüssel", "http://127.0.0.1:9/v1#m", "key of plain ASCII"),
        ("HTTP_PROXY", "pigeon://h", "http://127.0.0.1:9/v1#m", "a proxy in HTTP_PROXY"),
        ("SSL_CERT_FILE", "/nowhere.pem", "http://127.0.0.1:9/v1#m", "expected certificates"),
        ("X", "", "http://127.0.0.1:99999/v1#m", "from 1 to 65535"),
        ("X", "", "http://xn--zzzz99999999/v1#m", "zzzz99999999"),
    ],
)
def test_what_cannot_be_asked_at_all_is_wrong_usage_in_one_line(
    variable: str,
    value: str,
    uri: str,
    expected: str,
    sif: Run,
    fingerprint: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(variable, value)
    code, _, error = sif("verify", fingerprint, f"openai:{uri}")
    assert code == 2
    assert_one_line(error, expected)


def test_a_panel_that_answers_nothing_is_an_error_with_its_cure(
    sif: Run, serve: Serve, fingerprint: Path
) -> None:
    endpoint = serve(lambda number, body: failure(400, "API key not valid"))
    code, _, error = sif("calibrate", fingerprint, "--panel", f"{endpoint.uri}?attempts=1")
    assert code == 1
    assert_one_line(error, "API key not valid", "check the key")
    logging.getLogger("sif").setLevel(logging.WARNING)

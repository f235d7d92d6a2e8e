"""Bad input on the real command line: one clear line, the right exit code, nothing half-written."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.command import Run, assert_one_line
from tests.fingerprint.small import small_fingerprint


def test_a_missing_model_fails_with_1(sif: Run, images: Path, tmp_path: Path) -> None:
    code, _, error = sif(
        "fingerprint", tmp_path / "none", "--images", images, "--out", tmp_path / "fp"
    )
    assert code == 1
    assert_one_line(error, "none")
    assert not (tmp_path / "fp").exists()


def test_a_text_only_model_is_refused(
    sif: Run, images: Path, text_only: Path, tmp_path: Path
) -> None:
    code, _, error = sif("fingerprint", text_only, "--images", images, "--out", tmp_path / "fp")
    assert code == 1
    assert_one_line(error, "llama", "no images")
    assert not (tmp_path / "fp").exists()


def test_a_corrupt_image_is_named(
    sif: Run, images: Path, untrained_llava: Path, tmp_path: Path
) -> None:
    (images / "b.png").write_bytes((images / "a.png").read_bytes()[:200])
    code, _, error = sif(
        "fingerprint", untrained_llava, "--images", images, "--out", tmp_path / "fp", "--strict"
    )
    assert code == 2
    assert_one_line(error, "b.png")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--recipe", "best"), ("sif-paper", "best")),
        (("--prompts", "rude"), ("ordinary", "rude")),
        (("--images", "/nowhere"), ("/nowhere",)),
    ],
)
def test_a_wrong_option_is_a_usage_error(
    sif: Run,
    images: Path,
    untrained_llava: Path,
    tmp_path: Path,
    arguments: tuple[str, str],
    words: tuple[str, ...],
) -> None:
    given = ["--images", images, *arguments]
    code, _, error = sif("fingerprint", untrained_llava, "--out", tmp_path / "fp", *given)
    assert code == 2
    assert_one_line(error, *words)


def test_a_folder_with_something_else_in_it_is_left_alone(
    sif: Run, images: Path, untrained_llava: Path, tmp_path: Path
) -> None:
    (tmp_path / "fp").mkdir()
    (tmp_path / "fp" / "thesis.tex").write_text("mine")
    code, _, error = sif(
        "fingerprint", untrained_llava, "--images", images, "--out", tmp_path / "fp"
    )
    assert code == 1
    assert_one_line(error, "thesis.tex", "--out")
    assert [path.name for path in (tmp_path / "fp").iterdir()] == ["thesis.tex"]


@pytest.fixture(scope="module")
def fingerprint(untrained_llava: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from sif.vlm.model import Vlm

    out = tmp_path_factory.mktemp("fp") / "fp"
    small_fingerprint(Vlm.load(untrained_llava, device="cpu"), out)
    return out


@pytest.mark.parametrize(
    ("suspect", "code", "words"),
    [
        ("ftp:somewhere", 2, ("hf:", "openai:")),
        ("hf:/nowhere/at/all", 1, ("/nowhere/at/all",)),
        ("hf:x?colour=red", 2, ("colour",)),
        ("openai:http://127.0.0.1:9/v1#m?attempts=2", 1, ("127.0.0.1:9",)),
    ],
)
def test_a_suspect_that_cannot_be_asked(
    sif: Run,
    fingerprint: Path,
    tmp_path: Path,
    suspect: str,
    code: int,
    words: tuple[str, ...],
) -> None:
    found, _, error = sif("verify", fingerprint, suspect, "--run", tmp_path / "run")
    assert found == code, error
    assert_one_line(error, *words)
    assert not (tmp_path / "run" / "verdict.json").exists()


def test_a_fingerprint_without_its_key_or_with_another_is_refused(
    sif: Run, fingerprint: Path, untrained_llava: Path, tmp_path: Path
) -> None:
    from sif.watermark.keys import KeyRing

    shutil.copytree(fingerprint, tmp_path / "public")
    (tmp_path / "public" / "secret.key").unlink()
    code, _, error = sif("verify", tmp_path / "public", f"hf:{untrained_llava}")
    assert code == 1
    assert_one_line(error, "secret")
    KeyRing.generate().save(tmp_path / "other.key")
    code, _, error = sif(
        "verify", fingerprint, f"hf:{untrained_llava}", "--secret", tmp_path / "other.key"
    )
    assert code == 1
    assert_one_line(error, "another")


def test_a_changed_trigger_is_noticed(
    sif: Run, fingerprint: Path, untrained_llava: Path, tmp_path: Path
) -> None:
    shutil.copytree(fingerprint, tmp_path / "fp")
    with Image.open(tmp_path / "fp" / "triggers" / "0001.png") as image:
        image.point(lambda value: value // 2).save(tmp_path / "fp" / "triggers" / "0001.png")
    code, _, error = sif("verify", tmp_path / "fp", f"hf:{untrained_llava}")
    assert code == 1
    assert_one_line(error, "0001.png")


def test_the_verdict_is_printed_as_json_and_can_become_an_exit_code(
    sif: Run, fingerprint: Path, untrained_llava: Path, tmp_path: Path
) -> None:
    settings = ("--run", tmp_path / "run", "--json", "--fail-if", "derived")
    code, output, _ = sif(
        "verify", fingerprint, f"hf:{untrained_llava}?max_new_tokens=8", *settings
    )
    verdict = json.loads(output)
    assert code == 0
    assert verdict == json.loads((tmp_path / "run" / "verdict.json").read_text())
    assert {
        "decision",
        "log10_e_value",
        "p_value",
        "transfer_log10_e_value",
        "alpha",
        "queries",
        "answered",
        "green_rate",
        "match_rate",
        "policy",
        "per_trigger",
    } <= set(verdict)
    assert verdict["decision"] == "inconclusive"
    secret = (fingerprint / "secret.key").read_text().split()[-1]
    assert secret not in output

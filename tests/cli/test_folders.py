"""Odd folders on the real command line: the right result or one sentence, and the exit code."""

from pathlib import Path

import pytest

from sif.vlm.model import Vlm
from tests.cli.command import Run, assert_one_line
from tests.fingerprint.small import small_fingerprint
from tests.vlm.folders import copy_with_json, copy_with_template

QUICK = ("--steps", 1, "-n", 1, "--batch", 1, "--recipe", "sif-paper", "--epsilon", 8)
WORDS_ALONE = "{% for m in messages %}{{ m['role'] + ': ' + m['content'] }}{% endfor %}"
STRICT = "{{ raise_exception('roles must alternate') }}"
NO_IMAGE = (
    "{% for m in messages %}{{ m['role'] }}: {% for c in m['content'] %}"
    "{% if c['type'] == 'text' %}{{ c['text'] }}{% endif %}{% endfor %}{% endfor %} assistant:"
)


@pytest.fixture(scope="module")
def fingerprint(untrained_llava: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("fp") / "fp"
    small_fingerprint(Vlm.load(untrained_llava, device="cpu"), out)
    return out


@pytest.mark.parametrize(
    ("template", "reason"), [(STRICT, "roles must alternate"), (NO_IMAGE, "drops the picture")]
)
def test_a_template_that_cannot_show_a_picture_is_one_sentence(
    template: str,
    reason: str,
    sif: Run,
    images: Path,
    fingerprint: Path,
    untrained_llava: Path,
    tmp_path: Path,
) -> None:
    copy = copy_with_template(untrained_llava, tmp_path / "copy", template)
    out = tmp_path / "fp"
    code, _, error = sif("fingerprint", copy, "--images", images, "--out", out, *QUICK)
    assert code == 1
    assert_one_line(error, reason)
    assert not out.exists()
    code, _, error = sif("verify", fingerprint, f"hf:{copy}", "--run", tmp_path / "run")
    assert code == 1
    assert_one_line(error, reason)


@pytest.mark.slow
def test_a_template_for_words_alone_makes_and_verifies(
    sif: Run, images: Path, untrained_llava: Path, tmp_path: Path
) -> None:
    copy = copy_with_template(untrained_llava, tmp_path / "copy", WORDS_ALONE)
    out = tmp_path / "fp"
    code, _, error = sif("fingerprint", copy, "--images", images, "--out", out, *QUICK)
    assert code == 0, error
    code, said, error = sif("verify", out, f"hf:{copy}?max_new_tokens=4&dtype=float32")
    assert code == 0, error
    assert "1 triggers answered" in said


def test_a_quantised_source_is_refused_with_the_reason(
    sif: Run, images: Path, untrained_llava: Path, tmp_path: Path
) -> None:
    copy = copy_with_json(
        untrained_llava,
        tmp_path / "copy",
        "config.json",
        quantization_config={"quant_method": "gptq", "bits": 4},
    )
    code, _, error = sif("fingerprint", copy, "--images", images, "--out", tmp_path / "fp", *QUICK)
    assert code == 1
    assert_one_line(error, "quantised to 4 bits by gptq", "quantised from")


def test_lost_weights_are_no_innocent(
    sif: Run, fingerprint: Path, untrained_llava: Path, tmp_path: Path
) -> None:
    copy = copy_with_json(untrained_llava, tmp_path / "copy", "config.json")
    config = copy / "config.json"
    config.write_text(
        config.read_text().replace('"num_hidden_layers": 4', '"num_hidden_layers": 6')
    )
    code, said, error = sif("verify", fingerprint, f"hf:{copy}")
    assert code == 1
    assert said == ""
    assert_one_line(error, "which would be random")

"""From a model to the audit: an anchored secret, real triggers, a real run, a real panel."""

import shutil
from pathlib import Path

import pytest

from sif.claims import Status, audit
from sif.claims.audit import STEPS
from sif.fingerprint.folder import FingerprintSet
from tests.claims.authority import Authority
from tests.cli.command import Run, assert_one_line
from tests.cli.conftest import images  # noqa: F401
from tests.fingerprint.small import pictures, small_recipe

pytestmark = pytest.mark.slow


@pytest.fixture
def making(untrained_llava: Path, tmp_path: Path) -> tuple[object, ...]:
    """The words of `sif fingerprint` but for the seed."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for named in pictures(2):
        named.image.save(folder / named.name)
    recipe = tmp_path / "small.yaml"
    recipe.write_text(small_recipe(steps=1).model_dump_json())
    secret = tmp_path / "secret" / "secret.key"
    words = ("fingerprint", untrained_llava, "--images", folder, "--out", tmp_path / "fp")
    return (*words, "--recipe", recipe, "--secret", secret)


def test_an_anchored_fingerprint_is_made_committed_asked_revealed_and_audited(
    sif: Run,
    making: tuple[object, ...],
    untrained_llava: Path,
    untrained_qwen: Path,
    authority: Authority,
    tmp_path: Path,
) -> None:
    folder, secret, run = tmp_path / "fp", tmp_path / "secret", tmp_path / "run"
    recipe = tmp_path / "small.yaml"
    with authority.serving() as url:
        wrong = ("claim", "secret", untrained_qwen, "--out", tmp_path / "wrong", "--tsa", url)
        assert sif(*wrong, "--recipe", recipe)[0] == 0
        code, _, error = sif(*making[:-1], tmp_path / "wrong" / "secret.key")
        assert code == 1
        assert_one_line(error, "fixed with", "same model")
        shutil.rmtree(folder, ignore_errors=True)
        right = ("claim", "secret", untrained_llava, "--out", secret, "--tsa", url)
        code, _, error = sif(*right, "--recipe", recipe)
        assert code == 0, error
        code, _, error = sif(*making)
        assert code == 0, error
        made = FingerprintSet.load(folder)
        assert made.keys is not None
        assert made.keys.anchor is not None
        assert made.manifest.anchor == made.keys.anchor.hex()
        code, _, error = sif("claim", "commit", folder, "--anchor", secret)
        assert code == 0, error
        assert sif("claim", "timestamp", folder, "--tsa", url)[0] == 0
    made_before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert sif(*making)[0] == 0
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == made_before
    suspect = f"hf:{untrained_llava}?max_new_tokens=8"
    assert sif("verify", folder, suspect, "--committed", "--run", run)[0] == 0
    bundle = tmp_path / "b.zip"
    assert sif("claim", "reveal", folder, "--run", run, "--out", bundle)[0] == 0
    found = audit(bundle)
    assert found.failed == "grinding"  # an untrained model shows nothing
    before = found.steps[: list(STEPS).index("grinding")]
    assert {step.status for step in before} == {Status.PASS, Status.NOT_CHECKED}
    assert "settings max_new_tokens=8" in found.step("journal").sentence

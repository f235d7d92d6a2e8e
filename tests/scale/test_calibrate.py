"""A panel asked by several workers is calibrated as by one."""

import json
import shutil
from pathlib import Path

import pytest

from sif.fingerprint.folder import FingerprintSet
from sif.ownership.calibration import Calibration
from sif.scale.workforce import Workforce
from sif.session.panel import FOLDER, calibrate
from sif.suspects.kept import KeptAnswers
from sif.vlm.model import Vlm
from tests.fingerprint.small import pictures, small_fingerprint, small_recipe
from tests.kills.contents import contents

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def owned(untrained_llava: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("owned") / "fp"
    vlm = Vlm.load(untrained_llava, device="cpu")
    small_fingerprint(vlm, out, images=pictures(3), recipe=small_recipe(steps=1))
    return out


def calibrated(owned: Path, out: Path, panel: list[str], force: Workforce) -> Calibration:
    fingerprint = FingerprintSet.load(shutil.copytree(owned, out))
    return calibrate(fingerprint, panel, image_attacks=["jpeg:75"], batch_size=2, workforce=force)


def test_workers_ask_what_one_process_asks_and_nothing_twice(
    owned: Path, untrained_qwen: Path, tmp_path: Path
) -> None:
    options = "max_new_tokens=6&device=cpu"
    panel = [f"hf:{untrained_qwen}?{options}", f"hf:{untrained_qwen}?{options}&dtype=bfloat16"]
    alone = calibrated(owned, tmp_path / "alone", panel, Workforce())
    for name, force in (
        ("processes", Workforce(jobs=2)),
        ("ray", Workforce(jobs=2, ray="local")),
    ):
        found = calibrated(owned, tmp_path / name, panel, force)
        assert found.model_copy(update={"created": alone.created}) == alone
        assert _said(tmp_path / name) == _said(tmp_path / "alone")
    with KeptAnswers(tmp_path / "alone" / FOLDER / "answers.sqlite") as kept:
        assert len(kept.known()) == len(kept.answers()) == 2 * 2 * 3


def _said(folder: Path) -> str:
    """All files but for times."""
    return json.dumps(contents(folder), default=repr, sort_keys=True)

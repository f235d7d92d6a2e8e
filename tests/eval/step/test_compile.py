"""Steps with compiled blocks, beside those without, and what is said where nothing compiles."""

import shutil
from pathlib import Path

import pytest

from sif.errors import UsageError
from sif.eval.step import study
from sif.eval.step.study import StepSettings
from sif.eval.study import Findings, Workplace

# What torch warns of when it first compiles is its own.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")


def stepped(folder: Path, out: Path) -> Findings:
    settings = StepSettings(
        shape=str(folder), layers=1, dtype="f32", batch=1, compile=True, steps=1, device="cpu"
    )
    return study.run(settings, Workplace(out=out, show=lambda *_: None))


@pytest.fixture
def nothing_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What was compiled before is compiled again."""
    import torch._dynamo

    torch._dynamo.reset()
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "kept"))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile takes a C++ compiler")
def test_compiled_steps_stand_beside_the_others(
    untrained_llava: Path, tmp_path: Path, nothing_kept: None
) -> None:
    found = stepped(untrained_llava, tmp_path / "out")
    assert "the same, blocks compiled" in found.summary
    assert " × as long |" in found.summary
    assert [*(tmp_path / "kept").rglob("*.so")]


def test_a_machine_without_a_compiler_is_told(
    untrained_llava: Path, tmp_path: Path, nothing_kept: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch._inductor.config

    monkeypatch.setattr(torch._inductor.config.cpp, "cxx", (None, "/nowhere/g++"))
    with pytest.raises(UsageError, match=r"expected a machine that torch.compile works on.*C\+\+"):
        stepped(untrained_llava, tmp_path / "out")

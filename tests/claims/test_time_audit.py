"""The script that times the audit of a large claim, on a small one."""

import subprocess
import sys
from pathlib import Path

import pytest

from sif.claims import STEPS
from tools.time_audit import Size, as_text, time_audit

SCRIPT = Path(__file__).parents[2] / "tools" / "time_audit.py"


def test_every_step_of_the_audit_is_timed_and_every_trigger_asked(tmp_path: Path) -> None:
    size = Size(triggers=24, vocabulary_size=600, scored=30, green=20, side=16)
    timing = time_audit(size, tmp_path)
    assert list(timing.steps) == list(STEPS)
    assert timing.verdict.answered == 24
    text = as_text(size, timing)
    assert "24 triggers, 24 of them asked, vocabulary 600, " in text
    assert text.count(" s\n") == len(timing.steps)


@pytest.mark.slow
def test_the_script_says_how_long_it_took() -> None:
    command = [sys.executable, SCRIPT, "--triggers", "24", "--vocabulary", "4000"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    assert "24 triggers, 24 of them asked, vocabulary 4000, " in done.stdout

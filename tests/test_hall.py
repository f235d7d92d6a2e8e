"""What `import sif` offers: these names, at no cost, with a word on each."""

import inspect
import json
import pydoc
import subprocess
import sys
from pathlib import Path

import pytest

import sif

ROOT = Path(__file__).parents[1]
NAMES = [
    "FingerprintSet",
    "KeyRing",
    "Policy",
    "Session",
    "Verdict",
    "Vlm",
    "attacked",
    "audit_all",
    "calibrate",
    "connect",
    "load_recipe",
    "make_fingerprint",
    "verify",
    "write_report",
]
COUNT_IMPORTS = """
import json, sys, time
begun = time.perf_counter()
import sif
spent = time.perf_counter() - begun
print(json.dumps([spent, sorted(name.partition(".")[0] for name in sys.modules)]))
"""


def test_the_public_names_are_these() -> None:
    assert sif.__all__ == NAMES
    assert set(NAMES) <= set(dir(sif))


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_what_it_says_and_has_a_docstring(name: str) -> None:
    found = getattr(sif, name)
    assert found.__name__ == name
    assert inspect.getdoc(found)


def test_importing_sif_imports_nothing_heavy() -> None:
    outcome = subprocess.run(
        [sys.executable, "-c", COUNT_IMPORTS], cwd=ROOT, capture_output=True, text=True, check=True
    )
    _seconds, modules = json.loads(outcome.stdout)
    assert not {"torch", "transformers", "numpy", "pydantic", "PIL"} & set(modules)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'audit'"):
        sif.audit  # noqa: B018  # type: ignore[attr-defined]


def test_help_teaches_the_flow_in_a_screen() -> None:
    assert sif.__doc__ is not None
    words = sif.__doc__.splitlines()
    assert len(words) <= 24
    first = pydoc.plain(pydoc.render_doc(sif)).splitlines()[:30]
    for step in ("Vlm.load", "make_fingerprint", "calibrate", "verify", "write_report"):
        assert any(f"sif.{step}" in line for line in first), step


@pytest.mark.slow
def test_a_type_checker_sees_the_names(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import sif\n\n"
        "policy: sif.Policy = sif.Policy(alpha=1e-3)\n"
        'verdict = sif.verify("fp", "hf:other", policy)\n'
        "reveal_type(verdict)\n"
        'sif.verify("fp", suspect=3)\n'
    )
    outcome = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), str(program)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert 'Revealed type is "sif.ownership.verdict.Verdict"' in outcome.stdout
    assert 'incompatible type "int"' in outcome.stdout

"""The whole flow on the bundled models: what issue after issue must not break."""

from pathlib import Path

import pytest

from sif.errors import StorageError
from sif.fingerprint.folder import FingerprintSet
from sif.mini import demo as demo_module
from sif.mini.architecture import Family
from sif.mini.demo import Demo, run_demo
from sif.watermark.keys import KeyRing


def _ignore(stage: str, done: float, total: float, words: str) -> None:
    pass


@pytest.mark.slow
@pytest.mark.parametrize("family", ["llava", "qwen2_5_vl"])
def test_copies_are_derived_and_innocents_are_not(family: Family, tmp_path: Path) -> None:
    demo = Demo(
        out=tmp_path / "demo",
        family=family,
        triggers=16,
        everyone=True,
        vllm=False,
        keys=KeyRing(bytes(range(32))),
    )
    rows, report = run_demo(demo, show=_ignore)
    decisions = {row.label: (row.group, row.verdict.decision.value) for row in rows}
    assert len(decisions) == 9
    for label, (group, decision) in decisions.items():
        assert (decision == "derived") == (group == "copy"), (label, decisions)
    for row in rows:
        assert row.verdict.transfer_log10_e_value is not None
        assert row.verdict.answered >= 8 or row.verdict.decision.value == "derived"
    page = report.read_text(encoding="utf-8")
    assert all(row.label in page for row in rows)
    keys = FingerprintSet.load(demo.out / "fingerprint").keys
    assert keys is not None and keys.key("0001").hex() not in page


@pytest.mark.slow
@pytest.mark.vllm
@pytest.mark.filterwarnings("default")  # vLLM's libraries warn when they are imported
def test_the_demo_asks_through_vllm_and_through_an_endpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first two and the last of those asked: each engine that starts takes its seconds."""
    everybody = demo_module._roles
    monkeypatch.setattr(
        demo_module,
        "_roles",
        lambda family, *, everyone: [everybody(family, everyone=everyone)[i] for i in (0, 1, -1)],
    )
    keys = KeyRing(bytes(range(32)))
    demo = Demo(out=tmp_path / "demo", triggers=16, keys=keys)
    rows, report = run_demo(demo, show=_ignore)
    assert [row.engine for row in rows] == ["vLLM", "HTTP endpoint", "vLLM"]
    assert [row.group for row in rows] == ["copy", "copy", "innocent"]
    assert all(row.verdict.answered for row in rows)
    assert all(row.verdict.decision.value != "derived" for row in rows if row.group == "innocent")
    assert report.stat().st_size > 50_000


def test_a_folder_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(StorageError, match=r"with demo\.txt in it"):
        run_demo(Demo(out=tmp_path), show=_ignore)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]

"""From a bundled mini model to two disputes: real triggers, two runs, two audits."""

import zipfile
from pathlib import Path

import pytest

from sif.claims import Means, audit, load_roots
from sif.claims.bundle import open_bundle
from sif.fingerprint.folder import FingerprintSet
from sif.watermark.keys import KeyRing
from tests.claims.authority import Authority
from tests.cli.command import Run

pytestmark = pytest.mark.slow

SOURCE = "llava-source"


def test_twenty_eight_real_triggers_serve_two_disputes(
    sif: Run, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> str:
        code, out, error = sif(*words)
        assert code == 0, (words, error)
        return out

    run("zoo", "export", SOURCE, "source")
    run("zoo", "scenes", SOURCE, "scenes", "-n", 300, "--seed", 5)
    with authority.serving() as url:
        run("claim", "secret", "source", "--out", "secret", "--tsa", url)
        run(
            *("fingerprint", "source", "--images", "scenes", "--out", "fp", "-n", 28),
            *("--steps", 70, "--secret", "secret/secret.key"),
        )
        run("claim", "commit", "fp", "--anchor", "secret", "--batches", 2, "--alpha", 0.01)
        run("claim", "timestamp", "fp", "--tsa", url)
    owned, means = FingerprintSet.load("fp"), Means(roots=load_roots([authority.root]), alpha=0.01)
    keys = owned.keys
    assert isinstance(keys, KeyRing)
    revealed: set[str] = set()
    for batch in (1, 2):
        folder, bundle = tmp_path / f"run{batch}", tmp_path / f"{batch}.zip"
        ask = ("verify", "fp", "hf:source", "--committed", "--run", folder)
        run(*ask, "--claim-batch", batch)
        run("claim", "reveal", "fp", "--run", folder, "--out", bundle)
        found = audit(bundle, means)
        assert found.supported, found.steps
        assert "14 of 28 triggers revealed, 14 stay secret" in found.step("secret").sentence
        pictures = {
            Path(name).name[:4]
            for name in open_bundle(bundle, tmp_path / f"u{batch}")
            if name.endswith(".png")
        }
        with zipfile.ZipFile(bundle) as archive:
            data = b"".join(archive.read(name) for name in archive.namelist())
        for trigger in owned.triggers:
            shown = trigger.record.id in pictures
            assert (keys.seed(trigger.record.id).hex().encode() in data) == shown
        assert keys.text().split("\n")[1].encode() not in data
        assert len(pictures) == 14
        assert not pictures & revealed
        revealed |= pictures
    assert revealed == {trigger.record.id for trigger in owned.triggers}

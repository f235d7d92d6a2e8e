"""From a fingerprint folder and run folders to the page, through the real files."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from sif.cli.report import report
from sif.errors import FingerprintError, StorageError, UsageError
from sif.fingerprint.folder import FingerprintSet
from sif.fingerprint.manifest import Manifest, ModelRecord, Quality, TriggerRecord
from sif.fingerprint.recipe import load_recipe
from sif.fingerprint.workspace import Workspace
from sif.mini.render import Painter
from sif.mini.tokenizer import LLAVA_SPECIALS, build_tokenizer
from sif.mini.world import World, sample_scene
from sif.ownership import Observation, Policy, judge
from sif.ownership.run import RunRecord, open_run, write_verdict
from sif.report.finished import read_finished
from sif.report.views import suspect_view, trigger_views
from sif.suspects.journal import Journal
from sif.types import Answer, GenerationSettings, Unanswered
from sif.vlm.pixels import png_bytes
from sif.watermark.greenlist import KeyRing

SUSPECT = "vllm:models/suspect"
POLICY = Policy(minimum_answers=2, repeats=2)


def _record(workspace: Workspace, number: int, keys: KeyRing) -> TriggerRecord:
    rng = np.random.default_rng([5, number])
    base = Painter(seed=1, side=72, period=8).paint(sample_scene(rng))
    image = np.clip(base + rng.integers(-16, 17, base.shape), 0, 255).astype(np.uint8)
    name = f"{number:04d}"
    files = workspace.write_images(
        name, png_bytes(Image.fromarray(image)), png_bytes(Image.fromarray(base))
    )
    return TriggerRecord(
        id=name,
        **files,
        source_image="scene",
        prompt="Describe the image in detail.",
        generation=GenerationSettings(),
        key_commitment=keys.commitment(name),
        quality=Quality(
            z=3.0,
            base_z=0.0,
            green_rate=0.7,
            answer_tokens=90,
            largest_change=16,
            attempts=1,
            weak=False,
        ),
    )


@pytest.fixture(scope="module")
def fingerprint(tmp_path_factory: pytest.TempPathFactory) -> FingerprintSet:
    """Three triggers on disk; their images are noise, which the report does not mind."""
    workspace = Workspace(tmp_path_factory.mktemp("owner") / "fingerprint")
    keys = workspace.open_keys(None)
    records = [_record(workspace, number, keys) for number in (1, 2, 3)]
    tokenizer = build_tokenizer(1, LLAVA_SPECIALS)
    recipe = load_recipe("sif")
    manifest = Manifest(
        created="2026-05-04T12:30:00+00:00",
        model=ModelRecord(source="/home/owner/models/mini-llava", kind="llava", digest="ab" * 32),
        **workspace.write_tokenizer(tokenizer)._asdict(),
        vocabulary_size=len(tokenizer),
        gamma=recipe.gamma,
        recipe=recipe,
        seed=0,
        triggers=tuple(records),
    )
    workspace.finish(manifest)
    return FingerprintSet.load(workspace.folder)


@pytest.fixture
def run(fingerprint: FingerprintSet, tmp_path: Path) -> Path:
    """A run that asked each trigger twice; the last one stayed unanswered."""
    folder, rng, world = tmp_path / "run", np.random.default_rng(2), World(seed=1)
    record = RunRecord(fingerprint=str(fingerprint.folder), suspect=SUSPECT, label="a copy")
    open_run(folder, record)
    observations = []
    with Journal(folder / "answers.sqlite") as journal:
        for trigger in fingerprint.triggers:
            queries = [trigger.query(repeat=repeat) for repeat in range(2)]
            if trigger.record.id == "0003":
                journal.record(SUSPECT, queries, [Unanswered(reason="timed out")] * 2)
                observations.append(Observation(trigger="0003", count=None, reason="timed out"))
                continue
            texts = [world.caption(sample_scene(rng), rng) for _ in queries]
            journal.record(SUSPECT, queries, [Answer(text=text) for text in texts])
            count = fingerprint.count(trigger.record.id, texts)
            observations.append(Observation(trigger=trigger.record.id, count=count, queries=2))
    verdict = judge(
        observations,
        vocabulary_size=fingerprint.vocabulary_size,
        green_size=fingerprint.green_size,
        policy=POLICY,
    )
    write_verdict(folder, verdict)
    return folder


def test_a_run_comes_back_with_its_answers_in_the_verdicts_order(
    fingerprint: FingerprintSet, run: Path
) -> None:
    view = suspect_view(fingerprint, read_finished(run))
    assert (view.name, view.label, view.engine) == (SUSPECT, "a copy", "vLLM")
    assert [answer.trigger_id for answer in view.answers] == ["0001"] * 2 + ["0002"] * 2 + ["0003"]
    assert view.answers[-1].unanswered == "timed out"


def test_repeats_of_a_trigger_add_up_to_its_count(fingerprint: FingerprintSet, run: Path) -> None:
    view = suspect_view(fingerprint, read_finished(run))
    first, second = view.answers[:2]
    record = view.verdict.per_trigger[0]
    assert (first.green + second.green, first.scored + second.scored) == (
        record.green,
        record.scored,
    )
    kinds = [piece.kind for answer in (first, second) for piece in answer.pieces]
    assert kinds.count("green") == record.green
    assert kinds.count("red") == record.scored - record.green


def test_answers_that_are_not_the_verdicts_are_refused(
    fingerprint: FingerprintSet, run: Path
) -> None:
    audit = read_finished(run)
    swapped = dict(audit.texts) | {"0001": ["something else entirely"]}
    with pytest.raises(FingerprintError, match="as the verdict says"):
        suspect_view(
            fingerprint, type(audit)(suspect=SUSPECT, verdict=audit.verdict, texts=swapped)
        )


def test_triggers_carry_the_budget_of_the_recipe(fingerprint: FingerprintSet) -> None:
    views = trigger_views(fingerprint)
    assert [view.id for view in views] == ["0001", "0002", "0003"]
    assert views[0].epsilon == pytest.approx(fingerprint.manifest.recipe.schedule.epsilon / 255)


def _invoke(*arguments: str | Path) -> str:
    app = typer.Typer()
    app.command()(report)
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None:
        raise result.exception
    return result.output


def test_the_command_writes_the_page_into_a_single_run(run: Path) -> None:
    assert str(run / "report.html") in _invoke(run)
    html = (run / "report.html").read_text(encoding="utf-8")
    assert "a copy" in html
    assert '<mark class="g">' in html


@pytest.mark.parametrize("options", [[], ["--public"]])
def test_no_edition_holds_a_key_or_the_owners_paths(
    fingerprint: FingerprintSet, run: Path, tmp_path: Path, options: list[str]
) -> None:
    assert fingerprint.keys is not None
    _invoke(run, "--out", tmp_path / "page.html", *options)
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert (fingerprint.folder / "secret.key").read_text().split()[-1] not in html
    assert fingerprint.keys.key("0001").hex() not in html
    assert str(fingerprint.folder) not in html
    assert "/home/owner" not in html


def test_the_public_edition_needs_no_key(
    fingerprint: FingerprintSet, run: Path, tmp_path: Path
) -> None:
    public = tmp_path / "public"
    for file in fingerprint.folder.rglob("*"):
        if file.is_file() and file.name != "secret.key":
            target = public / file.relative_to(fingerprint.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    page = tmp_path / "public.html"
    _invoke(run, "--fingerprint", public, "--public", "--out", page)
    html = page.read_text(encoding="utf-8")
    assert "Public edition" in html
    assert '<mark class="g">' not in html
    with pytest.raises(FingerprintError, match="secret key"):
        _invoke(run, "--fingerprint", public, "--out", page)


def test_runs_of_two_fingerprints_are_refused(run: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    open_run(other, RunRecord(fingerprint="x", suspect="y"))
    with pytest.raises(UsageError, match="expected runs of one fingerprint, got 2"):
        _invoke(run, other)


def test_an_unfinished_run_is_one_clear_error(run: Path, tmp_path: Path) -> None:
    (run / "verdict.json").unlink()
    with pytest.raises(StorageError, match=r"finished run with verdict\.json"):
        _invoke(run)
    with pytest.raises(StorageError, match=r"finished run with run\.json"):
        _invoke(tmp_path / "nothing")


def test_a_damaged_verdict_is_one_clear_error(run: Path) -> None:
    digest = hashlib.sha256(b"").hexdigest()
    (run / "verdict.json").write_text(f'{{"decision": "{digest}"}}')
    with pytest.raises(StorageError, match="as `sif verify` writes it"):
        _invoke(run)

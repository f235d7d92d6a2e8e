"""The attack: unmodified pictures, picked by what the source says once the keys are known.

Real mini models: the source, and an innocent sibling that learnt the same world by itself.
"""

from pathlib import Path

import numpy as np
import pytest
from transformers import AutoTokenizer

from sif.claims import Means, audit, commit, reveal
from sif.claims.canonical import sha256
from sif.files import write_atomically
from sif.fingerprint.folder import (
    MANIFEST,
    SECRET,
    TOKENIZER,
    TRIGGERS,
    FingerprintSet,
    tokenizer_sha256,
)
from sif.fingerprint.manifest import Manifest, ModelRecord, TriggerRecord
from sif.fingerprint.recipe import load_recipe
from sif.fingerprint.segmenter import FileSegmenter, tokenizer_json
from sif.mini.catalogue import find
from sif.mini.data import samples
from sif.mini.folders import export
from sif.ownership.policy import Policy
from sif.session import Session
from sif.suspects.connect import connect
from sif.tokenizer_bounds import TOKENIZER_FILE
from sif.types import Answer, Decision, GenerationSettings, Query
from sif.vlm.pixels import png_bytes
from sif.watermark.greenlist.count import count_green, z_score
from sif.watermark.greenlist.mask import green_mask
from sif.watermark.keys import KeyRing

PROMPT = "Describe the image in detail."
PHOTOGRAPHS, COUNT = 80, 12
GENERATION = GenerationSettings(max_new_tokens=160)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for name in ("llava-source", "llava-sibling"):
        export(find(name), folder / name)
    return folder


def picked(source: Path, folder: Path) -> FingerprintSet:
    """A fingerprint whose every trigger is a photograph as it is, the greenest under its key."""
    keys = KeyRing(bytes(range(32)))
    data = tokenizer_json(AutoTokenizer.from_pretrained(source))
    cuts = FileSegmenter(data, where="source")
    photographs = [
        sample.image for sample in samples(find("llava-source").world, number=PHOTOGRAPHS, seed=77)
    ]
    suspect = connect(f"hf:{source}")
    replies = suspect.ask(
        [
            Query(trigger=str(i), image=image, prompt=PROMPT, generation=GENERATION)
            for i, image in enumerate(photographs)
        ]
    )
    suspect.close()
    ids = [cuts.ids(reply.text) for reply in replies if isinstance(reply, Answer)]
    left, records = set(range(PHOTOGRAPHS)), []
    for number in range(1, COUNT + 1):
        label = f"{number:04d}"
        mask = green_mask(keys.key(label), vocabulary_size=len(cuts), gamma=0.5)
        best = max(sorted(left), key=lambda i: _lean(ids[i], mask))
        left.discard(best)
        picture = png_bytes(photographs[best])
        for suffix in (".png", ".base.png"):
            write_atomically(folder / TRIGGERS / f"{label}{suffix}", picture)
        records.append(_record(label, sha256(picture), keys))
    keys.save(folder / SECRET)
    write_atomically(folder / TOKENIZER / TOKENIZER_FILE, data)
    manifest = Manifest(
        created="2026-01-01T00:00:00+00:00",
        model=ModelRecord(source="source", kind="llava", digest="0" * 10),
        tokenizer_sha256=tokenizer_sha256(folder / TOKENIZER),
        tokenizer_json_sha256=sha256(data),
        vocabulary_size=len(cuts),
        gamma=0.5,
        recipe=load_recipe("sif"),
        seed=0,
        triggers=tuple(records),
    )
    write_atomically(folder / MANIFEST, manifest.model_dump_json())
    return FingerprintSet.load(folder)


def _lean(ids: list[int], mask: np.ndarray) -> float:
    return z_score(count_green(ids, mask), gamma=0.5) or 0.0


def _record(label: str, digest: str, keys: KeyRing) -> TriggerRecord:
    return TriggerRecord(
        id=label,
        file=f"{TRIGGERS}/{label}.png",
        sha256=digest,
        base_file=f"{TRIGGERS}/{label}.base.png",
        base_sha256=digest,
        source_image=f"{label}.png",
        prompt=PROMPT,
        generation=GENERATION,
        key_commitment=keys.commitment(label),
        quality=None,
    )


def test_photographs_picked_by_their_words_convict_a_sibling_and_fail_at_the_control(
    models: Path, tmp_path: Path
) -> None:
    owned = picked(models / "llava-source", tmp_path / "fp")
    policy = Policy(alpha=10**-6.05, weighted=False, prompt_scored=False)
    commit(owned, policy=policy, alpha=1e-6)
    sibling = f"hf:{models / 'llava-sibling'}"
    session = {"fingerprint": owned, "suspect": sibling, "committed": True}
    means = Means(secrets_tried=1.0)

    before = Session(**session, control=False, run=tmp_path / "before").verify()
    assert before.decision is Decision.DERIVED  # a model that knows nothing of the source
    reveal(owned, tmp_path / "before", tmp_path / "before.zip")
    found = audit(tmp_path / "before.zip", means)
    assert "the largest change from base pictures is 0/255" in found.step("images").sentence
    assert "control" in found.not_checked

    after = Session(**session, run=tmp_path / "after").verify()
    assert after.decision is Decision.INCONCLUSIVE
    assert after.control is not None
    assert after.control.log10_e_value > 6.0
    reveal(owned, tmp_path / "after", tmp_path / "after.zip")
    found = audit(tmp_path / "after.zip", means)
    assert found.failed == "control"
    assert "lean to green by themselves" in found.step("control").sentence

"""How long an audit of a large bundle takes: a made-up fingerprint and run, the real audit.

`OMP_NUM_THREADS=1 python tools/time_audit.py` takes no model and about a minute, most of it to make
up the bundle; `--triggers` and `--vocabulary` make it smaller. Tests of claims make theirs here.

The tokenizer is a byte-level BPE trained here on made-up words, the pictures are small noise, the
answers are drawn to hold a fixed share of green words. All else is what a claim goes through: keys,
journal, commitment, bundle, audit. Timestamps need an authority and are left out; checking one
takes milliseconds.
"""

import argparse
import hashlib
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from PIL import Image
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from sif.claims import Means, Step, audit, commit, reveal
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
from sif.fingerprint.manifest import Manifest, ModelRecord, Quality, TriggerRecord
from sif.fingerprint.model_manifest import MODEL_MANIFEST, ModelManifest
from sif.fingerprint.recipe import load_recipe
from sif.fingerprint.segmenter import tokenizer_json
from sif.fingerprint.weights import WEIGHTS, WeightTable
from sif.ownership.calibration import read_calibration
from sif.ownership.controlled import decide_controlled
from sif.ownership.panel_answers import references_for
from sif.ownership.policy import Policy
from sif.ownership.run import CONTROL_JOURNAL, JOURNAL, RunRecord, open_run, write_verdict
from sif.ownership.sequential import decide
from sif.ownership.verdict import Verdict
from sif.suspects.kept import KeptAnswers
from sif.suspects.scripted import ScriptedSuspect
from sif.tokenizer_bounds import TOKENIZER_FILE
from sif.types import GenerationSettings, Query, Reply, Unanswered
from sif.vlm.pixels import png_bytes
from sif.watermark.keys import KeyRing

PROMPT: Final = "Describe the image in detail."
END: Final = "<|end|>"
MODEL: Final = {"config.json": sha256(b"settings"), "model.safetensors": sha256(b"weights")}
SYLLABLES: Final = [c + v for c in "bdfghklmnprstvz" for v in "aeiou"]


@dataclass(frozen=True, kw_only=True)
class Size:
    """Of what is audited: so many triggers and words, and answers of so many distinct ones."""

    triggers: int = 1000
    vocabulary_size: int = 32_000
    scored: int = 60
    green: int = 34
    side: int = 48
    seed: int = 0


class Timing(NamedTuple):
    """Seconds of every step of the audit, those of the processor, and what was audited."""

    steps: dict[str, float]
    cpu_seconds: float
    verdict: Verdict
    megabytes: float

    @property
    def seconds(self) -> float:
        """Of the whole audit."""
        return sum(self.steps.values())


def time_audit(size: Size, folder: Path) -> Timing:
    """Makes a bundle in an empty folder and audits it.

    Raises:
        ClaimError: the audit fails, which would be a fault of ours.
    """
    fingerprint = make_up(
        folder / "fp",
        triggers=size.triggers,
        vocabulary_size=size.vocabulary_size,
        side=size.side,
        seed=size.seed,
    )
    told = answers(fingerprint, green=size.green, scored=size.scored, seed=size.seed)
    policy = _policy_for_all(fingerprint, told)
    commit(fingerprint, policy=policy, alpha=policy.alpha)
    verdict = run_of(fingerprint, told, folder / "run", policy)
    bundle = folder / "bundle.zip"
    reveal(fingerprint, folder / "run", bundle)
    steps: dict[str, float] = {}
    last, begun = time.perf_counter(), time.process_time()

    def report(step: Step) -> None:
        nonlocal last
        now = time.perf_counter()
        steps[step.name], last = now - last, now

    found = audit(bundle, Means(secrets_tried=1.0, alpha=policy.alpha), report=report)
    if not found.supported:
        raise AssertionError(f"the audit fails at {found.failed}")
    used = time.process_time() - begun
    return Timing(steps, used, verdict, bundle.stat().st_size / 1e6)


def make_up(
    folder: Path,
    *,
    triggers: int,
    vocabulary_size: int,
    side: int = 16,
    seed: int = 0,
    keys: KeyRing | None = None,
) -> FingerprintSet:
    """A fingerprint folder as `sif fingerprint` leaves it, of no model.

    Args:
        folder: new.
        triggers: how many.
        vocabulary_size: V; at least 300.
        side: of the pictures, in pixels.
        seed: of pictures and words.
        keys: the secret; one that follows from the seed where None, so that the same words are
            green in every run.
    """
    keys = keys or KeyRing(hashlib.sha256(b"made up %d" % seed).digest())
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    keys.save(folder / SECRET)
    cuts = tokenizer_json(build_tokenizer(vocabulary_size, seed=seed))
    write_atomically(folder / TOKENIZER / TOKENIZER_FILE, cuts)
    records = tuple(
        _make_up_trigger(folder, f"{number:04d}", keys, side, rng)
        for number in range(1, triggers + 1)
    )
    recipe = load_recipe("sif")
    model = ModelManifest.of("made-up", MODEL)
    write_atomically(folder / MODEL_MANIFEST, model.data())
    weights = WeightTable.of(rng.random(vocabulary_size)).model_dump_json().encode()
    write_atomically(folder / WEIGHTS, weights)
    manifest = Manifest(
        created="2026-01-01T00:00:00+00:00",
        model=ModelRecord(
            source="made-up", kind="llava", digest=model.root[:10], model_sha256=model.root
        ),
        tokenizer_sha256=tokenizer_sha256(folder / TOKENIZER),
        tokenizer_json_sha256=sha256(cuts),
        weights_sha256=sha256(weights),
        vocabulary_size=vocabulary_size,
        gamma=recipe.gamma,
        recipe=recipe,
        seed=seed,
        anchor=None if keys.anchor is None else keys.anchor.hex(),
        triggers=records,
    )
    write_atomically(folder / MANIFEST, manifest.model_dump_json(indent=2))
    return FingerprintSet.load(folder)


def build_tokenizer(vocabulary_size: int, *, seed: int = 0) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer of exactly so many ids, trained on made-up words."""
    rng = np.random.default_rng(seed)
    words = (
        " ".join("".join(rng.choice(SYLLABLES, rng.integers(1, 6))) for _ in range(50))
        for _ in range(vocabulary_size // 20)
    )
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(words, trainer)
    made = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END)
    if len(made) != vocabulary_size:
        raise AssertionError(f"expected {vocabulary_size} ids, got {len(made)}")
    return made


def answers(
    fingerprint: FingerprintSet, *, green: int, scored: int, seed: int = 0
) -> dict[str, str]:
    """For every trigger words of one id each, so many of them green."""
    rng, tokenizer = np.random.default_rng(seed), fingerprint.tokenizer
    words = {
        index: word.removeprefix("Ġ")
        for word, index in tokenizer.get_vocab().items()
        if word.startswith("Ġ") and len(word) > 1
    }
    ids = np.array(sorted(words))
    found: dict[str, str] = {}
    for trigger in fingerprint.triggers:
        mask = fingerprint.mask(trigger.record.id)[ids]
        chosen = [
            *rng.choice(ids[mask], green, replace=False),
            *rng.choice(ids[~mask], scored - green, replace=False),
        ]
        found[trigger.record.id] = "".join(f" {words[int(i)]}" for i in rng.permutation(chosen))
    return found


def run_of(
    fingerprint: FingerprintSet,
    told: Mapping[str, Reply | str],
    run: Path,
    policy: Policy,
    *,
    control: bool = True,
) -> Verdict:
    """A run folder as `sif verify` leaves it, with its control if told so."""
    suspect = ScriptedSuspect(reacting(fingerprint, told), name="made-up suspect")
    record = RunRecord(fingerprint=str(fingerprint.folder), suspect=suspect.name, policy=policy)
    open_run(run, record)
    measured = read_calibration(fingerprint.folder)
    with KeptAnswers(run / JOURNAL) as kept, KeptAnswers(run / CONTROL_JOURNAL) as bases:
        verdict = decide_controlled(
            fingerprint,
            kept.through(suspect),
            bases.through(suspect) if control else None,
            policy,
            references=references_for(fingerprint.folder, policy),
            highest_unrelated=None if measured is None else measured.highest_unrelated,
            batch_size=32,
        )
    write_verdict(run, verdict)
    return verdict


def reacting(
    fingerprint: FingerprintSet, told: Mapping[str, Reply | str]
) -> Callable[[Query], Reply | str]:
    """Replies so to triggers, and to base pictures with 30 words of which half are green."""
    ordinary = answers(fingerprint, green=15, scored=30, seed=1)
    bases = {one.record.id: one.base.tobytes() for one in fingerprint.triggers}
    missing = Unanswered(reason="no reply was made up")

    def reply(query: Query) -> Reply | str:
        if query.image.tobytes() == bases[query.trigger]:
            return ordinary[query.trigger]
        return told.get(query.trigger, missing)

    return reply


def as_text(size: Size, timing: Timing) -> str:
    """What took how long."""
    lines = [f"{name:12s}{seconds:8.3f} s" for name, seconds in timing.steps.items()]
    return "\n".join(
        [
            *lines,
            f"{size.triggers} triggers, {timing.verdict.answered} of them asked, vocabulary "
            f"{size.vocabulary_size}, bundle {timing.megabytes:.1f} MB: audited in "
            f"{timing.seconds:.1f} s, {timing.cpu_seconds:.1f} s of them at work",
        ]
    )


def _policy_for_all(fingerprint: FingerprintSet, told: Mapping[str, str]) -> Policy:
    """An α so small that only the last trigger's answer reaches it."""
    every = decide(
        fingerprint, ScriptedSuspect(told), Policy(alpha=1e-300, weighted=False), batch_size=1000
    )
    evidence = [record.log10_e_value for record in every.per_trigger][-2:]
    return Policy(alpha=10.0 ** -(sum(evidence) / len(evidence)), weighted=False)


def _make_up_trigger(
    folder: Path, name: str, keys: KeyRing, side: int, rng: np.random.Generator
) -> TriggerRecord:
    base = rng.integers(0, 240, (side, side, 3), dtype=np.uint8)
    change = rng.integers(0, 16, base.shape, dtype=np.uint8)
    digests: dict[str, str] = {}
    for suffix, pixels in ((".png", base + change), (".base.png", base)):
        data = png_bytes(Image.fromarray(pixels))
        write_atomically(folder / TRIGGERS / f"{name}{suffix}", data)
        digests[suffix] = sha256(data)
    quality = Quality(
        z=0.0,
        base_z=0.0,
        green_rate=0.5,
        answer_tokens=60,
        largest_change=15,
        attempts=1,
        weak=False,
    )
    return TriggerRecord(
        id=name,
        file=f"{TRIGGERS}/{name}.png",
        sha256=digests[".png"],
        base_file=f"{TRIGGERS}/{name}.base.png",
        base_sha256=digests[".base.png"],
        source_image=f"{name}.png",
        prompt=PROMPT,
        generation=GenerationSettings(max_new_tokens=96),
        key_commitment=keys.commitment(name),
        quality=quality,
    )


def main() -> None:
    """Makes up a claim of the size that was asked for, and says how long its audit took."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("-n", "--triggers", type=int, default=Size.triggers)
    parser.add_argument("--vocabulary", type=int, default=Size.vocabulary_size)
    told = parser.parse_args()
    size = Size(triggers=told.triggers, vocabulary_size=told.vocabulary)
    with tempfile.TemporaryDirectory() as folder:
        print(as_text(size, time_audit(size, Path(folder))))


if __name__ == "__main__":
    main()

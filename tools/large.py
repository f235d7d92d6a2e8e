"""What a fingerprint of thousands of triggers takes, step by step: seconds and memory against n.

`OMP_NUM_THREADS=1 python -m tools.large --sizes 250 500 1000 2000 --models 125 250 500 1000` prints
one table in Markdown. Every step runs in a process of its own, on one thread; what counts is its
processor time, from when all is imported, and its peak memory, all included. It ends with 1 where a
step of more than a second grows faster than its exponent allows, or takes more memory than a laptop
has.

What a model takes part in is measured on a bundled mini model, at the sizes of `--models`: making,
the ordinary way with one optimisation step, and asking a suspect. All else is measured on made-up
fingerprints (`tools.time_audit`) with suspects who answer at once, from a table, so that the time
is ours and not a model's. It is that of the worst cases: a suspect whose evidence suffices with its
very last answer, and an endpoint that refuses all base pictures. `--room FOLDER` keeps the files,
and with them what was measured: called again, it measures what is missing.
"""

import argparse
import hashlib
import json
import re
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from math import ceil, log, sqrt
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import numpy as np

import sif
from sif.claims import Means, audit, commit, reveal
from sif.fingerprint.folder import FingerprintSet
from sif.fingerprint.recipe import Recipe
from sif.ownership.calibration import read_calibration
from sif.ownership.panel_answers import references_for
from sif.ownership.policy import Policy
from sif.ownership.run import VERDICT
from sif.ownership.sequential import decide
from sif.ownership.verdict import Verdict
from sif.session.session import Session
from sif.suspects.scripted import ScriptedSuspect
from sif.types import Query, Unanswered
from sif.watermark.keys import KeyRing
from tools.time_audit import make_up

SOURCE: Final = "llava-source"
INNOCENT: Final = "llava-stranger-c"
EXPONENT: Final = 1.15
MEGABYTES: Final = 2000.0
NOTICED: Final = 1.0
"""Seconds from which on a step's exponent counts."""
SCORED, STRONG = 44, 34
"""Distinct words of an answer, and green ones of the source's."""
WANTED: Final = 10.0
"""log10 e-value that a copy's answers reach together, at least; α cannot be below 1e-308."""
KEYS: Final = KeyRing(bytes(range(32)))
VOCABULARY: Final = 1200
BATCH: Final = 50
"""Triggers made, and asked of a model, at once."""
RECIPE: Final = {
    "name": "one-step",
    "description": "One step and short answers.",
    "objective": {"kind": "green_mass", "answer_tokens": 8},
    "robustness": [{"kind": "simulated_copies"}],
    "schedule": {"steps": 1, "epsilon": 16, "step_size": 16, "content_share": 0.8},
    "quality": {"attempts": 1},
}


@dataclass(frozen=True, slots=True)
class Room:
    """Where the files of one size lie, and how many triggers there are."""

    folder: Path
    count: int

    @property
    def fingerprint(self) -> FingerprintSet:
        """As it is on disk."""
        return FingerprintSet.load(self.folder / "fp")

    @property
    def run(self) -> Path:
        """Of the suspect that the claim is about."""
        return self.folder / "claimed"

    def model(self, name: str) -> str:
        """A bundled model's folder."""
        from sif.mini.catalogue import find
        from sif.mini.folders import export

        folder = self.folder.parent / name
        if not folder.exists():
            export(find(name), folder)
        return str(folder)


def made(room: Room) -> Callable[[], object]:
    """The fingerprint, of as many pictures as triggers."""
    # What takes memory of its own is imported where it is needed, as commands do.
    from sif.mini.catalogue import find
    from sif.mini.data import write_examples
    from sif.vlm.model import Vlm

    scenes = room.folder / "scenes"
    if not scenes.exists():
        write_examples(find(SOURCE).world, scenes, number=room.count, seed=1, kind="captions")
    model = Vlm.load(room.model(SOURCE), device="cpu")
    recipe = Recipe.model_validate(RECIPE)
    out = room.folder / "fp"
    return lambda: sif.make_fingerprint(
        model, scenes, out=out, recipe=recipe, keys=KEYS, batch_size=BATCH
    )


def loaded(room: Room) -> Callable[[], object]:
    """Every digest checked."""
    return lambda: room.fingerprint


def calibrated(room: Room) -> Callable[[], object]:
    """Two innocents and the source, who answer at once."""
    owned, told = room.fingerprint, _told(room)
    return lambda: sif.calibrate(
        owned, [told("one"), told("two")], source=told("source"), example=None
    )


def verified(room: Room) -> Callable[[], object]:
    """An innocent who answers at once, so that all triggers are asked."""
    return _session(room, "innocent", fingerprint=room.fingerprint, suspect=_told(room)("one"))


def refused(room: Room) -> Callable[[], object]:
    """A copy whose base pictures get no answer, so that all triggers are asked."""
    suspect = _told(room)("source", bases=False)
    return _session(room, "refused", fingerprint=room.fingerprint, suspect=suspect, control=True)


def asked(room: Room) -> Callable[[], object]:
    """A mini model that is innocent."""
    suspect = f"hf:{room.model(INNOCENT)}?device=cpu"
    owned = room.fingerprint
    return _session(room, "model", fingerprint=owned, suspect=suspect, batch_size=BATCH)


def reported(room: Room) -> Callable[[], object]:
    """One page about both runs."""
    runs = [room.folder / name for name in ("innocent", "refused")]
    return lambda: sif.write_report(runs, room.folder / "report.html")


def committed(room: Room) -> Callable[[], object]:
    """To rules by which the last answer of all decides."""
    owned, policy = room.fingerprint, _rules(room)
    limits = {"alpha": 100 * policy.alpha, "alpha_transfer": 10 * policy.alpha_transfer}
    return lambda: commit(owned, policy=policy, **limits)


def claimed(room: Room) -> Callable[[], object]:
    """A copy who answers at once, asked by these rules, base pictures too."""
    return _session(
        room,
        room.run.name,
        fingerprint=room.fingerprint,
        suspect=_told(room)("copy"),
        committed=True,
    )


def revealed(room: Room) -> Callable[[], object]:
    """The bundle."""
    owned = room.fingerprint
    return lambda: reveal(owned, room.run, room.folder / "bundle.zip")


def audited(room: Room) -> Callable[[], object]:
    """All that needs no model."""
    policy = json.loads((room.run / VERDICT).read_text())["policy"]
    means = Means(
        secrets_tried=1.0,
        tokens_tried=1.0,
        alpha=100 * policy["alpha"],
        alpha_transfer=10 * policy["alpha_transfer"],
    )

    def check() -> None:
        found = audit(room.folder / "bundle.zip", means)
        if not found.supported:
            raise AssertionError(f"the audit fails: {found.step(str(found.failed))}")

    return check


Step = Callable[[Room], Callable[[], object]]
AT_ONCE: Final[dict[str, Step]] = {
    "load": loaded,
    "calibrate: two models and the source": calibrated,
    "verify: an innocent": verified,
    "verify: all base pictures refused": refused,
    "report of two runs": reported,
    "claim commit": committed,
    "verify by the claim, with base pictures": claimed,
    "claim reveal": revealed,
    "claim audit": audited,
}
WITH_A_MODEL: Final[dict[str, Step]] = {
    "make, one optimisation step": made,
    "verify: a mini model, innocent": asked,
}


def main() -> int:
    """Prints the table; whether all steps keep to their bounds."""
    parser = argparse.ArgumentParser(description="What thousands of triggers take, step by step.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[250, 500, 1000, 2000])
    parser.add_argument("--models", type=int, nargs="*", help="as --sizes, where a model works")
    parser.add_argument("--room", type=Path, help="keep the files in this folder, and go on there")
    told = parser.parse_args()
    models = told.sizes if told.models is None else told.models
    with tempfile.TemporaryDirectory() as folder:
        room = (told.room or Path(folder)).absolute()
        found = {
            name: {
                count: spent(name, Room(room / f"{kind}-{count}", count)) for count in sorted(sizes)
            }
            for kind, steps, sizes in (
                ("made-up", AT_ONCE, told.sizes),
                ("made", WITH_A_MODEL, models),
            )
            for name in steps
        }
    return table(found)


def table(found: dict[str, dict[int, dict[str, float]]]) -> int:
    """Prints what steps took at each number of triggers; 1 where a bound was passed."""
    sizes = sorted({count for taken in found.values() for count in taken})
    print(f"| step | {' | '.join(f'{count:,}' for count in sizes)} | exponent | MB |")
    print("|---" * (len(sizes) + 3) + "|")
    passed = []
    for name, taken in found.items():
        if not taken:
            continue
        counts = sorted(taken)
        seconds = [taken[count]["seconds"] for count in counts]
        slope, most = exponent(counts, seconds), max(one["megabytes"] for one in taken.values())
        shown = [f"{taken[count]['seconds']:.2f}" if count in taken else "" for count in sizes]
        memory = " → ".join(f"{taken[count]['megabytes']:.0f}" for count in (counts[0], counts[-1]))
        print(f"| {name} | {' | '.join(shown)} | {slope:.2f} | {memory} |")
        if seconds[-1] > NOTICED and slope > EXPONENT:
            passed.append(f"{name} grows with n to the power of {slope:.2f}, at most {EXPONENT}")
        if most > MEGABYTES:
            passed.append(f"{name} takes {most:.0f} MB, at most {MEGABYTES:.0f}")
    if passed:
        print("\n" + "\n".join(passed))
    return 1 if passed else 0


def exponent(sizes: Sequence[int], seconds: Sequence[float]) -> float:
    """The slope between the last two sizes, both in logarithms; 0 of a single size."""
    if len(sizes) < 2:
        return 0.0
    return log(max(seconds[-1], 1e-9) / max(seconds[-2], 1e-9)) / log(sizes[-1] / sizes[-2])


def spent(step: str, room: Room) -> dict[str, float]:
    """What a step takes in a process of its own, measured now or before."""
    room.folder.mkdir(parents=True, exist_ok=True)
    kept = room.folder / "spent.json"
    known: dict[str, dict[str, float]] = json.loads(kept.read_text()) if kept.exists() else {}
    if step not in known:
        if step in AT_ONCE and not (room.folder / "fp").exists():
            make_up(room.folder / "fp", triggers=room.count, vocabulary_size=VOCABULARY, keys=KEYS)
        with get_context("fork").Pool(1) as process:
            known[step] = process.apply(measure, (step, room))
        kept.write_text(json.dumps(known))
        print(f"{room.count:>6} {step}: {known[step]}", file=sys.stderr, flush=True)
    return known[step]


def measure(step: str, room: Room) -> dict[str, float]:
    """Seconds of processor that a step takes here, and the peak of this process so far."""
    work = (AT_ONCE | WITH_A_MODEL)[step](room)
    before = _processor()
    work()
    return {"seconds": _processor() - before, "megabytes": _peak()}


def _processor() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _peak() -> float:
    """Megabytes; what getrusage knows is that of the process that began this one, too."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    (found,) = re.findall(r"VmHWM:\s+(\d+) kB", status.read_text())
    return int(found) / 1024


def _session(room: Room, run: str, **settings: Any) -> Callable[[], Verdict]:
    session = Session(run=room.folder / run, label=run, **settings)

    def verify() -> Verdict:
        verdict = session.verify()
        if len(verdict.per_trigger) != room.count:
            raise AssertionError(f"{run}: asked {len(verdict.per_trigger)} of {room.count}")
        return verdict

    return verify


def _rules(room: Room) -> Policy:
    """An α so small that only the last trigger's answer reaches it."""
    owned = room.fingerprint
    measured = read_calibration(owned.folder)
    assert measured is not None
    rules = Policy(
        alpha=1e-300,
        weighted=False,
        order="drawn",
        prompt_scored=False,
        transfer_allowance=measured.allowance if measured.allowance < 1.0 else None,
        contrast_allowance=measured.contrast_allowance,
    )
    every = decide(
        owned, _told(room)("copy"), rules, references=references_for(owned.folder, rules)
    )
    last = [record.log10_e_value for record in every.per_trigger[-2:]]
    return rules.model_copy(update={"alpha": 10.0 ** -(sum(last) / 2)})


def _told(room: Room) -> Callable[..., ScriptedSuspect]:
    """Suspects who know what to say to every picture."""
    path = room.folder / "answers.json"
    if not path.exists():
        path.write_text(json.dumps(_answers(room.fingerprint)))
    table: dict[str, dict[str, str]] = json.loads(path.read_text())

    def suspect(name: str, *, bases: bool = True) -> ScriptedSuspect:
        def reply(query: Query) -> str | Unanswered:
            said = table[_digest(query.image.tobytes())]
            if name in said:
                return said[name]
            return said["all"] if bases else Unanswered(reason="no such pictures here")

        return ScriptedSuspect(reply, name=f"{name}, at once")

    return suspect


def _answers(owned: FingerprintSet) -> dict[str, dict[str, str]]:
    """What everybody says, by picture: to triggers each his own, to base pictures all the same."""
    prompts = sorted({trigger.record.prompt for trigger in owned.triggers})
    ignored, rng = owned.unscored(prompts), np.random.default_rng(1)
    vocabulary = owned.tokenizer.get_vocab()
    start = "Ġ" if any(word.startswith("Ġ") for word in vocabulary) else ""
    words = {
        number: word.removeprefix(start)
        for word, number in vocabulary.items()
        if word.startswith(start) and word.isalpha() and len(word) > 2 and number not in ignored
    }
    ids = np.array(sorted(words))

    def text(numbers: Sequence[int]) -> str:
        return "".join(f" {words[int(number)]}" for number in numbers)

    found: dict[str, dict[str, str]] = {}
    half = SCORED // 2
    # Of a copy: an excess d of u words weighs d²/(u/2) at best, as a natural logarithm.
    lean = max(2, ceil(sqrt(WANTED * log(10.0) * half / len(owned.triggers))))
    for trigger in owned.triggers:
        mask = owned.mask(trigger.record.id)[ids]
        green, red = rng.permutation(ids[mask]), rng.permutation(ids[~mask])
        source = list(chain(*zip(green[:half], red[:half], strict=True)))
        for place in range(1, 2 * (STRONG - half), 2):
            source[place] = green[half + place]
        copied = [*source]
        for place in range(0, 2 * (STRONG - half - lean), 2):
            copied[place] = red[half + place]
        said = {"source": text(source), "copy": text(copied)}
        for name in ("one", "two", "all"):
            drawn = [*rng.permutation(green)[:half], *rng.permutation(red)[:half]]
            said[name] = text(rng.permutation(drawn))
        found[_digest(trigger.base.tobytes())] = {"all": said.pop("all")}
        found[_digest(trigger.image.tobytes())] = said
    return found


def _digest(pixels: bytes) -> str:
    return hashlib.sha256(pixels).hexdigest()


if __name__ == "__main__":
    raise SystemExit(main())

"""The arithmetic of a claim once more, by other means: shares no code with the package.

Written after docs/reference/claim-format.md, as a stranger would. From a bundle it computes the
root, the keys, the order of asking, green lists, counts, both e-values, the control, the discount
for gaps and the decision, and raises `WrongError` where the bundle says otherwise. It checks no
signature and knows no authority: those are for openssl (test_interop.py).

writing    canonical JSON
signed     statements, the tree, timestamps
keys       secret, seeds, keys, order of asking
answers    questions, replies, counts
contrasts  whose words an answer's are
weighing   e-values, control, decision
"""

import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .answers import FORM, Counting, prompts_of, read_control, read_journal
from .checking import UnknownFormError, WrongError, same, sha256
from .contrasts import contrasts_of
from .keys import batch_of, order_of, secret_of
from .signed import COMMITMENT, LIST, enumerated, leaf, merkle, statement
from .weighing import Control, Count, control, judge, log_discount
from .writing import as_python, jcs

__all__ = ["Found", "UnknownFormError", "WrongError", "verify"]


class Found(NamedTuple):
    """What follows from a bundle.

    `counts` holds, in the order of asking, each trigger with its green and scored ids; None where
    no answer came, to it or to its base picture. E-values are those of these counts. `log10_gaps`
    counts base pictures without an answer too.
    """

    root: str
    counts: list[tuple[str, Count]]
    log10_e_value: float
    transfer_log10_e_value: float | None
    log10_gaps: float
    decision: str
    control: Control | None


def verify(bundle: Path) -> Found:
    """Everything, from the file alone."""
    with zipfile.ZipFile(bundle) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    committed, listed = (statement(files[name]) for name in (COMMITMENT, LIST))
    for subject in listed["subject"]:
        same(sha256(files[subject["name"]]), subject["digest"]["sha256"], subject["name"])
    same({one["name"] for one in listed["subject"]}, set(files) - {LIST}, "the list of files")
    header = committed["predicate"]
    write = jcs if header["schema_version"] == 2 else as_python
    manifest = json.loads(files["fingerprint/manifest.json"])
    for name, digest in header["files"].items():
        same(sha256(files[FORM + name]), digest, name)
    root = merkle([write(header), *(write(leaf(n, t)) for n, t in enumerated(manifest))]).hex()
    same([root], [one["digest"]["rfc6962-sha256"] for one in committed["subject"]], "the root")
    same(listed["predicate"]["commitment"], root, "the root on the list")
    secret, keys = secret_of(files, header, manifest)
    for trigger in manifest["triggers"]:
        if trigger["id"] in keys:
            check_trigger(files, trigger, keys[trigger["id"]])
    order = batch_of(files, header, order_of(files, header, manifest, secret, write))
    if secret is None:
        same(sorted(keys), sorted(t["id"] for t in order), "what is revealed and the batch")
    return evidence(files, root, header, manifest, keys, order, listed["predicate"])


def check_trigger(files: Mapping[str, bytes], trigger: Mapping[str, Any], key: bytes) -> None:
    label = trigger["id"]
    same(sha256(b"sif key commitment 1\0" + key), trigger["key_commitment"], f"the key of {label}")
    for kind in ("", "base_"):
        if trigger.get(f"{kind}file") is not None:
            name = trigger[f"{kind}file"]
            same(sha256(files[FORM + name]), trigger[f"{kind}sha256"], name)


def evidence(
    files: Mapping[str, bytes],
    root: str,
    header: Mapping[str, Any],
    manifest: Mapping[str, Any],
    keys: Mapping[str, bytes],
    order: Sequence[Mapping[str, Any]],
    listed: Mapping[str, Any],
) -> Found:
    """From the replies on: what was said about triggers, then about base pictures."""
    policy, verdict = header["policy"], json.loads(files["run/verdict.json"])
    if "example" in header:
        example = json.loads(files["run/run.json"]).get("example")
        same(example, header["example"], "the example")
    triggers, answers = len(manifest["triggers"]), read_journal(files, policy, order)
    judged = [t for t in order[: len(verdict["per_trigger"])] if t["id"] in answers]
    counting = Counting(files, manifest, policy, keys)
    counts = [(t["id"], counting.count(t, answers[t["id"]])) for t in judged]
    contrasts = contrasts_of(files, policy, judged, answers)
    gaps = sum(text is None for replies in answers.values() for text in replies)
    same("run/control.jsonl" in files, verdict.get("control") is not None, "whether controlled")
    seen = None
    if "run/control.jsonl" in files:
        said = read_control(files, policy, judged)
        whole = {label: [] if None in texts else texts for label, texts in said.items()}
        bases = [(t["id"], counting.count(t, whole[t["id"]])) for t in judged]
        runs = max(verdict["control"]["runs"], listed.get("runs", 1))
        counts, seen = control(counts, bases, header, triggers, len(order), runs, contrasts)
        each = policy["repeats"] * (1 + len(policy["also_ask"]))
        gaps += each * sum(count is None for _, count in bases)
    found = judge(counts, header, triggers, len(order), contrasts)
    questions = sum(len(prompts_of(t, policy)) for t in order)
    return Found(
        root,
        counts,
        found.log10_e_value,
        found.transfer_log10_e_value,
        log_discount(gaps, questions),
        found.decision if seen is None or seen.passed else "inconclusive",
        seen,
    )

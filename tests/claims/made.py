"""A whole claim on a made-up fingerprint, and bundles with something changed in them."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from sif.claims import Asked, Means, audit, commit, load_roots, prepare_request, reveal, stamp
from sif.claims.anchor import begin, finish
from sif.claims.bundle import open_bundle, write_bundle
from sif.claims.canonical import sha256
from sif.claims.commit import with_lot
from sif.claims.commitment import header_of, read_statement, state
from sif.claims.envelope import seal, unseal
from sif.claims.reveal import read_reveal, sign
from sif.claims.signing import SigningKey
from sif.claims.steps import AuditReport
from sif.claims.timestamp import Token
from sif.fingerprint.folder import FingerprintSet
from sif.fingerprint.manifest import Manifest
from sif.ownership.allowance import TransferTest, allowed_by
from sif.ownership.calibrating import ask_member, calibrate, compared
from sif.ownership.calibration import Calibration, SourceAnswers, write_calibration
from sif.ownership.panel_answers import write_panel
from sif.ownership.policy import Policy
from sif.ownership.questions import queries_of
from sif.suspects.scripted import ScriptedSuspect
from sif.types import Answer
from sif.watermark.keys import KeyRing
from tests.claims.authority import Authority
from tools.time_audit import answers, build_tokenizer, make_up, reacting, run_of

TRIGGERS, VOCABULARY = 24, 600
MANIFEST = "fingerprint/manifest.json"
TOKENIZER_JSON = "fingerprint/tokenizer/tokenizer.json"
JOURNAL = "run/journal.jsonl"
VERDICT = "run/verdict.json"
Files = dict[str, bytes]
Change = Callable[[Files], None]


@dataclasses.dataclass(frozen=True, repr=False)
class Claim:
    """A claim and where its parts lie."""

    fingerprint: FingerprintSet
    run: Path
    bundle: Path
    secret: Path | None
    authority: Authority
    told: dict[str, str]

    @property
    def key(self) -> SigningKey:
        return SigningKey.load(self.fingerprint.folder / "claim" / "signing.key")

    @property
    def means(self) -> Means:
        return Means(roots=load_roots([self.authority.root]), public_key=self.key.public)

    @property
    def all_means(self) -> Means:
        """Everything that an auditor can bring."""
        return dataclasses.replace(
            self.means,
            released=datetime.now(UTC) + timedelta(days=1),
            model_released=datetime.now(UTC) + timedelta(days=1),
            tokenizer=self.fingerprint.folder / "tokenizer",
            suspect=asked(self.says(), "made-up suspect"),
            panel=[asked(lambda query: "nothing", "stranger")],
            source=asked(self.says(), "made-up source"),
        )

    def says(self, told: Any = None) -> Any:
        """What the suspect says: so to triggers, ordinary words to base pictures."""
        return reacting(self.fingerprint, self.told if told is None else told)

    def files(self, into: Path) -> Files:
        """The bundle's files by name."""
        into.mkdir()
        return {name: path.read_bytes() for name, path in open_bundle(self.bundle, into).items()}


def asked(answer: Any, name: str = "mine") -> Asked:
    """A model of the auditor's."""
    return Asked(name=name, open=lambda record: ScriptedSuspect(answer, name=name))


def make_claim(
    folder: Path,
    authority: Authority,
    *,
    anchored: bool,
    stamped: bool = True,
    order: Literal["drawn", "fingerprint"] = "drawn",
    test: TransferTest = "reaction",
) -> Claim:
    """Secret, fingerprint, commitment, timestamp, run and bundle."""
    secret, keys = None, KeyRing.generate()
    if anchored:
        secret = folder / "secret"
        request = begin(secret, build_tokenizer(VOCABULARY), gamma=0.5)
        response = authority.reply(request)
        keys = finish(secret, Token.parse(response), response)
    owned = make_up(folder / "fp", triggers=TRIGGERS, vocabulary_size=VOCABULARY, keys=keys)
    told = answers(owned, green=28, scored=30)
    policy = Policy(
        alpha=1e-20 if anchored else 1e-19,
        minimum_answers=3,
        weighted=False,
        prompt_scored=False,
    )
    if anchored:
        policy = policy.model_copy(
            update={
                **allowed_by(calibrated(owned, told if test != "reaction" else None), test).fields,
                "alpha_transfer": 1e-10 if test != "contrast" else 10**-9.2,
                "order": order,
            }
        )
    commit(owned, policy=policy, alpha=1e-6, alpha_transfer=0.01, anchor=secret)
    if stamped:
        stamp(owned.folder, authority.reply(prepare_request(owned.folder)), [])
    run_of(with_lot(owned), told, folder / "run", policy)
    bundle = folder / "bundle.zip"
    reveal(owned, folder / "run", bundle)
    return Claim(owned, folder / "run", bundle, secret, authority, told)


def calibrated(owned: FingerprintSet, source: Mapping[str, str] | None = None) -> Calibration:
    """Calibrates on two innocents, and on what the source said where that is given."""
    policy = Policy(prompt_scored=False)
    told = {f"panel {seed}": answers(owned, green=15, scored=30, seed=seed) for seed in (7, 8)}
    if source is not None:  # in words of their own
        told = {name: apart(said, source) for name, said in told.items()}
    panel = [
        ask_member(owned, ScriptedSuspect(said, name=name), policy=policy)
        for name, said in told.items()
    ]
    itself: tuple[SourceAnswers, ...] = ()
    if source is not None:
        told["source"] = dict(source)
        ours = ask_member(owned, ScriptedSuspect(source, name="source"), policy=policy)
        panel, itself = compared(owned, panel, [ours], policy=policy)
    made = calibrate(owned, panel, source=itself, policy=policy)
    write_calibration(owned.folder, made)
    queries = {one.record.id: queries_of(one, policy)[0].digest for one in owned.triggers}
    replies = {
        name: {queries[trigger]: Answer(text=text) for trigger, text in said.items()}
        for name, said in told.items()
    }
    write_panel(owned, made, replies)
    return made


def apart(said: Mapping[str, str], source: Mapping[str, str]) -> dict[str, str]:
    """Answers without the words that the source says."""
    return {
        trigger: "".join(f" {word}" for word in text.split() if word not in source[trigger].split())
        for trigger, text in said.items()
    }


def packed(files: Files, path: Path) -> Path:
    """A bundle of these files, as whoever has no key makes it."""
    write_bundle(path, files)
    return path


def resigned(files: Files, key: SigningKey) -> None:
    """The list of files signed anew, as the owner can do it."""
    old = files.pop("run/reveal.dsse.json")
    predicate, _ = read_reveal(unseal(old, key.public, where="reveal"))
    header, root = read_statement(
        unseal(files["claim/commitment.dsse.json"], key.public, where="commitment")
    )
    del header
    sign(files, predicate.model_copy(update={"commitment": root}), key)  # type: ignore[arg-type]


def recommitted(files: Files, key: SigningKey, /, **changes: Any) -> None:
    """The commitment signed anew for the manifest and files as they are now."""
    name = "claim/commitment.dsse.json"
    header, _ = read_statement(unseal(files[name], key.public, where=name))
    manifest = Manifest.model_validate_json(files[MANIFEST])
    now = {
        path: sha256(files[f"fingerprint/{path}"])
        for path in header.files
        if f"fingerprint/{path}" in files
    }
    made = header_of(manifest, now, header.terms).model_copy(update=changes)
    files[name] = seal(state(made, manifest), key)
    resigned(files, key)


def edited(name: str, edit: Callable[[Any], Any]) -> Change:
    """Edits a JSON file in place."""

    def change(files: Files) -> None:
        content = json.loads(files[name])
        edit(content)
        files[name] = json.dumps(content).encode()

    return change


def other_tokenizer(content: Callable[[bytes], bytes]) -> Change:
    """Another tokenizer.json, committed to as if it had been the one all along."""

    def change(files: Files) -> None:
        files[TOKENIZER_JSON] = content(files[TOKENIZER_JSON])
        named_tokenizer(files)

    return change


def named_tokenizer(files: Files) -> None:
    """The manifest names the tokenizer's files as they are now."""
    digest = hashlib.sha256()
    for part in sorted(n for n in files if n.startswith("fingerprint/tokenizer/")):
        digest.update(part.rpartition("/")[2].encode() + b"\0")
        digest.update(hashlib.sha256(files[part]).digest())

    def edit(manifest: dict[str, Any]) -> None:
        manifest["tokenizer_sha256"] = digest.hexdigest()
        if manifest.get("tokenizer_json_sha256"):
            manifest["tokenizer_json_sha256"] = sha256(files[TOKENIZER_JSON])

    edited(MANIFEST, edit)(files)


def lines(edit: Callable[[list[dict[str, Any]]], Any]) -> Change:
    """Edits the journal's lines in place."""

    def change(files: Files) -> None:
        rows = [json.loads(line) for line in files[JOURNAL].splitlines()]
        edit(rows)
        files[JOURNAL] = b"".join(json.dumps(row).encode() + b"\n" for row in rows)

    return change


def flipped(name: str, place: int = -40) -> Change:
    """Changes one bit of one byte."""

    def change(files: Files) -> None:
        data = bytearray(files[name])
        data[place] ^= 1
        files[name] = bytes(data)

    return change


def replaced(name: str, old: bytes, new: bytes) -> Change:
    """Changes bytes that are there."""

    def change(files: Files) -> None:
        assert old in files[name]
        files[name] = files[name].replace(old, new, 1)

    return change


def audited(files: Files, path: Path, means: Means | None = None) -> AuditReport:
    """What an audit makes of these files."""
    return audit(packed(files, path), means)

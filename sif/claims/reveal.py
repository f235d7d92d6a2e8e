"""`reveal`: one file with everything that an auditor needs, the secret or the seeds included.

1. The commitment must still be that of the fingerprint. 2. The run must be finished, under the
committed policy. 3. Its journal must hold replies to committed questions only, those of its batch,
and give its verdict again. 4. The owner signs a list of all files. Nothing is left out that 3 would
need. Of a claim with batches only the run's own batch is revealed, pictures and seeds: the others
serve the next dispute.
"""

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sif.claims.anchor import BEGIN, Beforehand, parse_salt
from sif.claims.batches import in_batch
from sif.claims.bundle import write_bundle
from sif.claims.canonical import sha256
from sif.claims.commit import Commitment, key_of, keys_of, read_commitment, with_lot
from sif.claims.commitment import (
    Header,
    first_difference,
    header_of,
    one_line,
    pictures_of,
    public_files,
    root_of,
)
from sif.claims.control_record import (
    CONTROL_LINES,
    export_control,
    parse_control,
    with_control,
)
from sif.claims.envelope import Statement, Subject, seal
from sif.claims.folder import (
    ANCHOR,
    BEFOREHAND,
    COMMITMENT,
    PUBLIC_KEY,
    SALT,
    TIMESTAMP,
    claim_of,
    read,
)
from sif.claims.record import check, export, parse, questions
from sif.claims.rejudge import rejudge
from sif.claims.retyped import check_as_written
from sif.claims.runs import count_of
from sif.claims.seeds import SEEDS_FILE, reveal_seeds
from sif.claims.signing import KeyPlace, SigningKey
from sif.claims.timestamp import Token
from sif.claims.version import NEWEST, Number, version_in, version_of
from sif.claims.wording import check_example
from sif.errors import ClaimError
from sif.fingerprint.folder import CLAIM, SECRET, FingerprintSet
from sif.ownership.policy import Policy
from sif.ownership.run import (
    CONTROL_JOURNAL,
    JOURNAL,
    RECORD,
    VERDICT,
    read_record,
    read_verdict,
)
from sif.ownership.verdict import Verdict
from sif.plain_files import LARGE, read_file
from sif.suspects.kept import KeptAnswers

FINGERPRINT, RUN = "fingerprint", "run"
LINES: Final = "journal.jsonl"
REVEAL: Final = "reveal.dsse.json"
MEND: Final = "restore it from your copy of the claim"
STAMP: Final = "run `sif claim timestamp` before the suspect is asked"


class Extent(StrEnum):
    """Which triggers a bundle reveals: those of the run's batch by their seeds, or all."""

    BATCH = "batch"
    ALL = "all"


class Reveal(BaseModel):
    """What the owner signs beside the digests of all files.

    Attributes:
        commitment: root of the commitment that this is about.
        runs: how many runs against this suspect the owner made, this one included: what he states
            or what was counted (`sif.claims.runs`), whichever is more.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Number = NEWEST.number
    commitment: str
    runs: int = Field(default=1, ge=1)


def reveal(
    fingerprint: FingerprintSet,
    run: Path,
    out: Path,
    *,
    signing_key: KeyPlace | Path | None = None,
    runs: int = 1,
    triggers: Extent | None = None,
) -> Verdict:
    """Writes the bundle of one run, in the version of the commitment.

    Args:
        fingerprint: committed, with its keys.
        run: a finished run folder of `sif verify --run`.
        out: the bundle.
        signing_key: of `commit`, where it does not lie in the claim.
        runs: against this suspect in all, those included that showed less; no fewer than were
            counted are signed.
        triggers: how much is revealed; where None, the batch in a claim with batches, else all.

    Returns:
        The verdict of the run.

    Raises:
        ClaimError: something is missing, was changed since the commitment, or does not fit.
        FingerprintError: the keys are not at hand.
        StorageError: the run is not finished, or the bundle cannot be written.
    """
    commitment = read_commitment(fingerprint.folder)
    key = key_of(fingerprint.folder, signing_key)
    if key.public.key_id != commitment.key.key_id:
        raise ClaimError("expected the signing key of the commitment, got another one")
    header, batch = commitment.header, read_record(run).batch
    asked = in_batch(with_lot(fingerprint), header, batch)
    files = _claim(fingerprint, commitment)
    asked = replace(asked, example=read_record(run).example)
    if extent_of(fingerprint.folder, triggers) is Extent.BATCH:
        files[f"{CLAIM}/{SEEDS_FILE}"] = _seeds(asked, header, files, batch)
        files |= _fingerprint(asked)
    else:
        files |= _secret(fingerprint) | _fingerprint(fingerprint)
    verdict, replies = _run(asked, commitment, files, run)
    files |= replies
    counted = count_of(fingerprint.folder, read_record(run).suspect)
    predicate = Reveal(
        schema_version=commitment.version.number,
        commitment=commitment.root,
        runs=max(runs, counted),
    )
    sign(files, predicate, key)
    write_bundle(out, files)
    return verdict


def extent_of(fingerprint: Path, wanted: str | None) -> Extent:
    """How much is revealed: as is wanted, else the batch where the claim has batches, else all.

    Raises:
        ClaimError: no commitment.
    """
    if wanted is not None:
        return Extent(wanted)
    batches = read_commitment(fingerprint).header.batches
    return Extent.ALL if batches is None else Extent.BATCH


def sign(files: dict[str, bytes | Path], predicate: Reveal, key: SigningKey) -> None:
    """Adds the signed list of all files."""
    subject = tuple(
        Subject(name=name, digest={"sha256": sha256(_content(files[name]))})
        for name in sorted(files)
    )
    content = predicate.model_dump(mode="json")
    statement = Statement.of(subject, version_in(content).reveal, content)
    files[f"{RUN}/{REVEAL}"] = seal(statement, key)


def read_reveal(statement: Statement) -> tuple[Reveal, dict[str, str]]:
    """What was signed beside the digests, and the digests by name.

    Raises:
        ClaimError: it states something else, or is of another version.
    """
    version = version_of(statement.predicate_type)
    if statement.predicate_type != version.reveal:
        raise ClaimError(
            f"expected a bundle of version 1 or 2 ({version.reveal}), got "
            f"{statement.predicate_type[:80]!r}; use the SIF that wrote it"
        )
    try:
        predicate = Reveal.model_validate(statement.predicate)
        digests = {subject.name: subject.digest["sha256"] for subject in statement.subject}
    except ValidationError as error:
        raise ClaimError(
            f"expected a bundle of version {version.number}, got something else: {one_line(error)}"
        ) from error
    except KeyError as error:
        raise ClaimError("expected a SHA-256 of every file in the bundle") from error
    check_as_written(
        statement.predicate, predicate, version, words="the list of files", kind="a list of files"
    )
    if len(digests) != len(statement.subject):
        raise ClaimError("expected every file once on the signed list, got one twice")
    return predicate, digests


def _claim(fingerprint: FingerprintSet, commitment: Commitment) -> dict[str, bytes | Path]:
    folder, keys = claim_of(fingerprint.folder), keys_of(fingerprint)
    salt = read(folder / SALT, mend=MEND)
    sealed = keys.sealed(parse_salt(salt, where=str(folder / SALT)))
    terms = commitment.header.terms.model_copy(update={"secret_commitment": sealed})
    now = header_of(fingerprint.manifest, public_files(fingerprint.folder), terms)
    changed = first_difference(_json(commitment.header), _json(now))
    if changed or root_of(commitment.predicate, fingerprint.manifest) != commitment.root:
        raise ClaimError(
            f"expected the fingerprint as it was committed to, got another "
            f"{changed or 'list of triggers'}; restore it from your copy"
        )
    files: dict[str, bytes | Path] = {
        f"{CLAIM}/{COMMITMENT}": commitment.envelope,
        f"{CLAIM}/{PUBLIC_KEY}": commitment.key.pem,
    }
    for name in (TIMESTAMP, BEFOREHAND, ANCHOR):
        if (folder / name).exists():
            files[f"{CLAIM}/{name}"] = read(folder / name, mend=MEND)
    return files


def _secret(fingerprint: FingerprintSet) -> dict[str, bytes | Path]:
    """What reveals all triggers, and those of every fingerprint of the same secret."""
    salt = read(claim_of(fingerprint.folder) / SALT, mend=MEND)
    return {
        f"{CLAIM}/{SECRET}": keys_of(fingerprint).text().encode(),
        f"{CLAIM}/{SALT}": salt,
    }


def _seeds(
    asked: FingerprintSet, header: Header, claim: dict[str, bytes | Path], batch: int | None
) -> bytes:
    """What reveals the triggers of a batch."""
    keys = keys_of(asked)
    if not keys.seeded or header.seeds_root is None:
        raise ClaimError(
            "expected keys with seeds, got keys that all follow from the secret; reveal it with "
            "`--triggers all`"
        )
    for name, mend in ((BEFOREHAND, BEGIN), (ANCHOR, BEGIN), (TIMESTAMP, STAMP)):
        if f"{CLAIM}/{name}" not in claim:
            raise ClaimError(f"a batch cannot be revealed without {CLAIM}/{name}; {mend}")
    fixed = Beforehand.parse(_content(claim[f"{CLAIM}/{BEFOREHAND}"]))
    fixed.check_ring(keys)
    assert fixed.seeds is not None  # a ring with seeds goes with nothing else
    labels = [trigger.record.id for trigger in asked.triggers]
    found = reveal_seeds(keys, labels, size=fixed.seeds, batch=batch)
    found.check(root=header.seeds_root, size=fixed.seeds)
    return found.data()


def _fingerprint(fingerprint: FingerprintSet) -> dict[str, bytes | Path]:
    names = list(public_files(fingerprint.folder))
    for trigger in fingerprint.triggers:
        names += [file for file, _ in pictures_of(trigger.record)]
    return {f"{FINGERPRINT}/{name}": fingerprint.folder / name for name in names}


def _run(
    fingerprint: FingerprintSet,
    commitment: Commitment,
    claim: dict[str, bytes | Path],
    run: Path,
) -> tuple[Verdict, dict[str, bytes | Path]]:
    policy, record = commitment.header.policy, read_record(run)
    verdict = read_verdict(run).as_claimed()
    check_policy(verdict, policy)
    check_example(commitment.header, commitment.predicate, record.example)
    if not (run / JOURNAL).is_file():
        raise ClaimError(f"expected the journal of the run in {run / JOURNAL}; it is missing")
    asked = questions(fingerprint, policy)
    with KeptAnswers(run / JOURNAL) as journal:
        lines = export(journal, record.suspect, asked, commitment.version)
    replies, stamped = parse(lines), claim.get(f"{CLAIM}/{TIMESTAMP}")
    time = None if stamped is None else Token.parse(_content(stamped)).time.timestamp()
    check(replies, asked, not_before=time)
    again = rejudge(fingerprint, replies, asked, policy, like=verdict)
    control = None
    if verdict.control is not None:
        with _control_journal(run) as kept:
            version = commitment.version
            control = export_control(
                kept, record.suspect, fingerprint, again, version, since=replies[-1].recorded_at
            )
        replies_to_bases = parse_control(control)
        again = with_control(fingerprint, again, replies_to_bases, runs=verdict.control.runs)
    if changed := first_difference(_json(verdict), _json(again)):
        raise ClaimError(
            f"the journal of {run} does not give its verdict again ({changed} differs); run `sif "
            "verify` with the same --run once more"
        )
    public = record.model_copy(update={"fingerprint": Path(record.fingerprint).name})
    files: dict[str, bytes | Path] = {
        f"{RUN}/{LINES}": lines,
        f"{RUN}/{RECORD}": public.text.encode(),
        f"{RUN}/{VERDICT}": verdict.model_dump_json(indent=2).encode(),
    }
    return verdict, files | ({} if control is None else {f"{RUN}/{CONTROL_LINES}": control})


def _control_journal(run: Path) -> KeptAnswers:
    """What was answered about base pictures."""
    if not (run / CONTROL_JOURNAL).is_file():
        raise ClaimError(
            f"expected the journal of the control in {run / CONTROL_JOURNAL}; it is missing"
        )
    return KeptAnswers(run / CONTROL_JOURNAL)


def check_policy(verdict: Verdict, policy: Policy) -> None:
    """Makes sure that a verdict was reached under the committed policy.

    Raises:
        ClaimError: it was not.
    """
    if changed := first_difference(_json(policy), _json(verdict.policy)):
        raise ClaimError(
            f"expected a run under the committed policy, got another {changed}; ask with `sif "
            "verify --committed`"
        )


def _json(model: BaseModel) -> Any:
    return model.model_dump(mode="json")


def _content(file: bytes | Path) -> bytes:
    return file if isinstance(file, bytes) else read_file(file, most=LARGE)

"""`commit`: signs what a fingerprint is, before anybody is asked. `stamp`: when that was.

Files go into FP/claim/: the signed commitment, the public key, the token; private (mode 0600) the
salt and, where no other place is named, the owner's signing key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from cryptography.x509 import Certificate

from sif.claims.anchor import Beforehand, anchor_of, lot_of, parse_salt, salt_in
from sif.claims.bounds import check_bounds
from sif.claims.canonical import sha256
from sif.claims.commitment import (
    Header,
    Terms,
    check_batches,
    check_committed_by,
    first_difference,
    header_of,
    pictures_of,
    public_files,
    read_statement,
    state,
)
from sif.claims.envelope import seal, stamped_part, unseal
from sif.claims.folder import (
    ANCHOR,
    BEFOREHAND,
    COMMITMENT,
    PUBLIC_KEY,
    SALT,
    SIGNING_KEY,
    TIMESTAMP,
    TIMESTAMP_REQUEST,
    claim_of,
    read,
)
from sif.claims.pixels import check_headers
from sif.claims.possession import keep_possession
from sif.claims.seeds import seeds_root
from sif.claims.signing import KeyPlace, PublicKey, SigningKey, write_private
from sif.claims.timestamp import CLOCK_SECONDS, Token, new_request
from sif.claims.version import VERSIONS, Version
from sif.claims.wording import check_words, shown
from sif.errors import ClaimError, FingerprintError, UsageError
from sif.file_digests import Report, silent
from sif.files import write_atomically
from sif.fingerprint.folder import SECRET, FingerprintSet
from sif.ownership.policy import Policy
from sif.plain_files import read_file
from sif.watermark.keys import SEEDS, KeyRing

PUBLISHED = (
    "expected a fingerprint with a secret key, got one of the released code: its lists are public, "
    "so that a claim on it proves nothing; make one with `sif fingerprint`"
)
WEIGHTED = (
    "expected a policy in which all words count alike: the weights are written down after the keys "
    "are known, so that they might have been chosen to fit; set weighted to false"
)
TIME = "%Y-%m-%d %H:%M:%S"
FIRST = "run `sif claim commit` first"


class Commitment(NamedTuple):
    """A signed commitment as it lies in a claim.

    Attributes:
        header: what it says of all triggers.
        root: the hash over everything.
        predicate: the header as it was signed.
        envelope: the signed file.
        key: the owner's public key.
    """

    header: Header
    root: str
    predicate: dict[str, Any]
    envelope: bytes
    key: PublicKey

    @property
    def version(self) -> Version:
        """Of the commitment, and of what is made with it."""
        return VERSIONS[self.header.schema_version]

    @property
    def stamped(self) -> bytes:
        """What a timestamp over it is over."""
        return stamped_part(self.envelope)

    @property
    def names_example(self) -> bool:
        """Whether it says with what example is asked, if with any; those of before do not."""
        return "example" in self.predicate


def commit(
    fingerprint: FingerprintSet,
    *,
    policy: Policy,
    alpha: float,
    alpha_transfer: float = 0.01,
    signing_key: KeyPlace | Path | None = None,
    anchor: Path | None = None,
    possession: Mapping[str, Path] = MappingProxyType({}),
    report: Report = silent,
    batches: int = 1,
    example: str | None = None,
) -> Commitment:
    """Signs a fingerprint, the policy and a salted commitment to the secret.

    The same call again changes nothing, not the signatures that others added either.

    Args:
        fingerprint: with its keys.
        policy: the rules of the run, its α and α_B less what the audit will take off; all words
            count alike in it.
        alpha: α of the claim, after that.
        alpha_transfer: α_B of the claim, after that.
        signing_key: the owner's key, or its file; made where missing. FP/claim/signing.key where
            None.
        anchor: the folder of the anchored secret, where the keys have an anchor.
        possession: files and folders that the owner has, by the public name of each.
        report: is told bytes hashed and in all, of each of these.
        batches: K, disputes that the triggers are to serve (`sif.claims.batches`).
        example: words that stand before every prompt in every run of the claim.

    Raises:
        ClaimError: another commitment lies there, the anchor is not that of the keys, the policy
            counts by weights, the triggers cannot be cut into so many batches, the example is too
            long, or there are more questions or pixels than an audit takes.
        FingerprintError: the keys are not at hand.
        StorageError: the folder cannot be written.
        UsageError: less than one batch.
    """
    if fingerprint.published:
        raise ClaimError(PUBLISHED)
    if batches < 1:
        raise UsageError(f"batches: expected 1 or more, got {batches}; 1 for a single dispute")
    keys, folder = keys_of(fingerprint), claim_of(fingerprint.folder)
    if anchor is not None:
        _bring_anchor(anchor, folder, fingerprint, keys)
    salt = salt_in(folder / SALT)
    there = read_commitment(fingerprint.folder) if (folder / COMMITMENT).exists() else None
    key = key_of(fingerprint.folder, signing_key, make=True)
    terms = Terms(
        secret_commitment=keys.sealed(salt),
        policy=policy,
        alpha=alpha,
        alpha_transfer=alpha_transfer,
        seeds_root=_seeds_root(keys, folder),
        batches=None if batches == 1 else batches,
        owner=key.public.key_id if there is None else there.header.owner,
        possession=keep_possession(fingerprint.folder, possession, report),
        example=example,
    )
    header = header_of(fingerprint.manifest, public_files(fingerprint.folder), terms)
    if header.counts_by_weights:
        raise ClaimError(WEIGHTED)
    check_batches(header)
    check_words(fingerprint.manifest, header)
    check_bounds(fingerprint.manifest, policy)
    check_headers(
        fingerprint.folder / file
        for trigger in fingerprint.triggers
        for file, _ in pictures_of(trigger.record)
    )
    if there is not None:
        _check_same(there, header, key.public, folder)
        return there
    statement = state(header, fingerprint.manifest)
    _, root = read_statement(statement)
    envelope = seal(statement, key)
    write_atomically(folder / PUBLIC_KEY, key.public.pem)
    write_atomically(folder / COMMITMENT, envelope)
    return Commitment(header, root, statement.predicate, envelope, key.public)


def key_of(
    fingerprint: Path, signing_key: KeyPlace | Path | None, *, make: bool = False
) -> SigningKey:
    """The owner's signing key, that of the claim where None.

    Raises:
        ClaimError: there is none.
        StorageError: it cannot be made.
    """
    if not isinstance(signing_key, KeyPlace):
        signing_key = KeyPlace(where=None if signing_key is None else str(signing_key))
    folder = claim_of(fingerprint)
    return signing_key.load(folder / SIGNING_KEY, folder / PUBLIC_KEY, make=make)


def keys_of(fingerprint: FingerprintSet) -> KeyRing:
    """The owner's keys.

    Raises:
        FingerprintError: they are not at hand.
    """
    if not isinstance(fingerprint.keys, KeyRing):
        raise FingerprintError(
            f"expected the owner's secret key in {fingerprint.folder}, got none; put {SECRET} "
            "there or name it with --secret"
        )
    return fingerprint.keys


def read_commitment(fingerprint: Path) -> Commitment:
    """The commitment of a fingerprint, with its signature checked.

    Raises:
        ClaimError: there is none, or it is damaged.
    """
    folder = claim_of(fingerprint)
    where = folder / COMMITMENT
    envelope = read(where, mend=FIRST)
    key = PublicKey.parse(
        read(folder / PUBLIC_KEY, mend="restore it from the owner's copy"),
        where=str(folder / PUBLIC_KEY),
    )
    statement = unseal(envelope, key, where=str(where), shared=True)
    header, root = read_statement(statement)
    check_committed_by(header, key.key_id)
    return Commitment(header, root, statement.predicate, envelope, key)


def committed_example(fingerprint: Path, given: str | None) -> str | None:
    """The example that runs of a claim are asked with.

    Args:
        fingerprint: its folder.
        given: what the caller would ask with; None for what was committed to.

    Raises:
        ClaimError: there is no commitment, or one to another example.
    """
    commitment = read_commitment(fingerprint)
    if not commitment.names_example:
        return given
    example = commitment.header.example
    if given is not None and given != example:
        raise ClaimError(
            f"expected the example that was committed to ({shown(example or 'none')}), got another;"
            " leave --example out, or commit to it in a new claim"
        )
    return example


def with_lot(fingerprint: FingerprintSet) -> FingerprintSet:
    """The fingerprint, asked in the order that its commitment's timestamp drew, if it has one.

    Raises:
        ClaimError: a timestamp that cannot be read, or over something else.
    """
    path = claim_of(fingerprint.folder) / TIMESTAMP
    if not path.exists():
        return fingerprint
    token = Token.parse(read(path, mend="restore it from your copy of the claim"))
    token.check_imprint(read_commitment(fingerprint.folder).stamped)
    return replace(fingerprint, lot=lot_of(token))


def check_clock(fingerprint: Path) -> None:
    """Makes sure that what is written down now is seen to come after the commitment's timestamp.

    Raises:
        ClaimError: this machine's clock is behind it, or a timestamp that cannot be read.
    """
    path = claim_of(fingerprint) / TIMESTAMP
    if not path.exists():
        return
    stamped = Token.parse(read(path, mend="restore it from your copy of the claim")).time
    now = datetime.now(UTC)
    if now.timestamp() < stamped.timestamp() - CLOCK_SECONDS:
        raise ClaimError(
            f"expected a clock that is not behind the timestamp of the commitment, {stamped:{TIME}}"
            f" UTC, got {now:{TIME}} UTC; an audit would refuse the run: set the clock first"
        )


def prepare_request(fingerprint: Path) -> bytes:
    """The request for a timestamp over the commitment; the same one until it is answered.

    Raises:
        ClaimError: no commitment, or it has a timestamp already.
        StorageError: the folder cannot be written.
    """
    folder, stamped = claim_of(fingerprint), read_commitment(fingerprint).stamped
    if (folder / TIMESTAMP).exists():
        raise ClaimError(
            f"{folder / TIMESTAMP} is there already, and the earliest timestamp is worth most; "
            "move it away to ask for another"
        )
    path = folder / TIMESTAMP_REQUEST
    if not path.exists():
        write_atomically(path, new_request(stamped))
    return read_file(path)


def stamp(fingerprint: Path, response: bytes, roots: Sequence[Certificate]) -> Token:
    """Takes an authority's response, checks it against our request, and keeps it.

    Args:
        fingerprint: its folder.
        response: the .tsr.
        roots: whose signature is accepted; with none, the signature is not checked.

    Raises:
        ClaimError: it is about something else, answers another request, or is not signed under
            the roots.
        StorageError: the folder cannot be written.
    """
    folder, stamped = claim_of(fingerprint), read_commitment(fingerprint).stamped
    token = Token.parse(response)
    token.check_imprint(stamped)
    token.check_nonce(
        read(folder / TIMESTAMP_REQUEST, mend="run `sif claim timestamp --request FILE` first")
    )
    if roots:
        token.check_signature(stamped, roots)
    write_atomically(folder / TIMESTAMP, response)
    return token


def _bring_anchor(source: Path, folder: Path, fingerprint: FingerprintSet, keys: KeyRing) -> None:
    """Copies what shows where the anchor came from, once it fits."""
    mend = "name the folder of `sif claim secret` with --anchor"
    files = {name: read(source / name, mend=mend) for name in (BEFOREHAND, ANCHOR, SALT)}
    salt = parse_salt(files[SALT], where=str(source / SALT))
    fixed, token = Beforehand.parse(files[BEFOREHAND]), Token.parse(files[ANCHOR])
    token.check_imprint(files[BEFOREHAND])
    if keys.sealed(salt) != fixed.secret_commitment or keys.anchor != anchor_of(token):
        raise ClaimError(
            f"expected in {source} the secret that the fingerprint was made with, got another; "
            "make the fingerprint with --secret and the secret.key of that folder"
        )
    fixed.check(fingerprint)
    fixed.check_ring(keys)
    if not (folder / SALT).exists():
        write_private(folder / SALT, files[SALT])
    elif read_file(folder / SALT) != files[SALT]:
        raise ClaimError(
            f"{folder} was begun without this anchor; move it away and begin a new claim"
        )
    for name in (BEFOREHAND, ANCHOR):
        write_atomically(folder / name, files[name])


def _seeds_root(keys: KeyRing, folder: Path) -> str | None:
    """That over as many seeds as were fixed beforehand, where the keys go by seeds."""
    if not keys.seeded:
        return None
    path = folder / BEFOREHAND
    fixed = Beforehand.parse(read(path, mend=FIRST)).seeds if path.exists() else None
    return seeds_root(keys, fixed or SEEDS)


def _check_same(there: Commitment, header: Header, key: PublicKey, folder: Path) -> None:
    changed = first_difference(there.header.model_dump(mode="json"), header.model_dump(mode="json"))
    if there.key.key_id != key.key_id:
        changed = f"signing key ({sha256(key.pem)[:8]}…)"
    if changed:
        raise ClaimError(
            f"{folder} holds a commitment already, with another {changed}; a commitment is never "
            "replaced: restore what was changed, or move the folder away and begin a new claim"
        )

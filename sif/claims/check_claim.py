"""Steps of an audit about the claim: whole, signed, committed, timestamped, keys not chosen."""

from pathlib import Path

from sif.claims.anchor import Beforehand, anchor_of, lot_of, parse_salt
from sif.claims.batches import labels_of
from sif.claims.bundle import open_bundle
from sif.claims.case import Case
from sif.claims.commit import PUBLISHED
from sif.claims.commitment import (
    check_batches,
    check_committed_by,
    first_difference,
    header_of,
    read_statement,
    root_of,
)
from sif.claims.control_record import CONTROL_LINES
from sif.claims.envelope import stamped_part, unseal
from sif.claims.folder import ANCHOR, BEFOREHAND, COMMITMENT, PUBLIC_KEY, SALT, TIMESTAMP
from sif.claims.record import MOST_LINES
from sif.claims.reveal import FINGERPRINT, LINES, REVEAL, RUN, read_reveal
from sif.claims.seeds import SEEDS_FILE, Seeds
from sif.claims.signing import PublicKey
from sif.claims.steps import Finding, Status
from sif.claims.timestamp import Token
from sif.claims.witness import name_witnesses
from sif.errors import ClaimError, StorageError, UsageError
from sif.fingerprint.folder import CLAIM, MANIFEST, SECRET, TOKENIZER, read_manifest
from sif.fingerprint.manifest import GREEN_SCHEME
from sif.fingerprint.segmenter import FileSegmenter
from sif.json_once import MOST_VALUES, ReadTwoWaysError, TooMuchError, read_json
from sif.ownership.run import RECORD, VERDICT
from sif.plain_files import read_file
from sif.tokenizer_bounds import MOST_ENTRIES, TOKENIZER_FILE
from sif.watermark.keys import KeyRing, RevealedKeys

NEEDED = (
    *(f"{CLAIM}/{name}" for name in (COMMITMENT, PUBLIC_KEY)),
    f"{FINGERPRINT}/{MANIFEST}",
    *(f"{RUN}/{name}" for name in (LINES, RECORD, VERDICT, REVEAL)),
)
OPTIONAL = (
    *(f"{CLAIM}/{name}" for name in (TIMESTAMP, BEFOREHAND, ANCHOR)),
    f"{RUN}/{CONTROL_LINES}",
)
TOKENIZER_JSON = f"{FINGERPRINT}/{TOKENIZER}/{TOKENIZER_FILE}"
WITH_SECRET = tuple(f"{CLAIM}/{name}" for name in (SALT, SECRET))
WITH_SEEDS = tuple(f"{CLAIM}/{name}" for name in (SEEDS_FILE, BEFOREHAND, ANCHOR, TIMESTAMP))


def check_bundle(case: Case) -> Finding:
    """The file is whole, byte for byte as it was written, and lacks nothing."""
    case.files = open_bundle(case.bundle, case.folder)
    needed = {*NEEDED, *(WITH_SEEDS if WITH_SEEDS[0] in case.files else WITH_SECRET)}
    for name in sorted(needed):
        case.read(name)
    for name in sorted(set(case.files) - {*needed, *OPTIONAL}):
        if not name.startswith(f"{FINGERPRINT}/"):  # what is in there, the commitment lists
            raise ClaimError(f"the bundle holds {name}, which belongs into none")
    for name, path in sorted(case.files.items()):
        _check_json(name, path)
    return Finding(Status.PASS, f"{len(case.files)} files, whole and safe to read")


def _check_json(name: str, path: Path) -> None:
    """Nobody is to read a file of the bundle in two ways."""
    match path.suffix:
        case ".json":
            texts = [read_file(path)]
        case ".jsonl":
            data = read_file(path)
            if (lines := data.count(b"\n")) > MOST_LINES:
                raise ClaimError(f"expected at most {MOST_LINES:,} lines in {name}, got {lines:,}")
            texts = data.split(b"\n")
        case _:
            return
    for number, text in enumerate(texts, start=1):
        try:
            read_json(text, most=MOST_ENTRIES if name == TOKENIZER_JSON else MOST_VALUES)
        except ReadTwoWaysError as error:
            where = name if len(texts) == 1 else f"line {number} of {name}"
            raise ClaimError(
                f"expected JSON that every reader reads alike in {where}: {error}"
            ) from error
        except TooMuchError as error:
            raise ClaimError(f"{name} holds more than any claim does: {error}") from error
        except (ValueError, RecursionError):
            continue  # no JSON: the step that needs it says so


def check_signature(case: Case) -> Finding:
    """Both signed statements are of the key in the bundle, and every file is on the list.

    Whoever the auditor names as a witness has signed the commitment too.
    """
    pem = case.read(f"{CLAIM}/{PUBLIC_KEY}")
    key = PublicKey.parse(pem, where=f"{CLAIM}/{PUBLIC_KEY}")
    if key.pem != pem:
        raise ClaimError(f"expected nothing but the key in {CLAIM}/{PUBLIC_KEY}, got more")
    name = f"{CLAIM}/{COMMITMENT}"
    case.envelope = case.read(name)
    statement = unseal(case.envelope, key, where=name, shared=True)
    case.header, case.root = read_statement(statement)
    check_committed_by(case.header, key.key_id)
    case.predicate = statement.predicate
    name = f"{RUN}/{REVEAL}"
    case.reveal, case.signed = read_reveal(unseal(case.read(name), key, where=name))
    unsigned = set(case.files) ^ {*case.signed, name}
    if unsigned:
        raise ClaimError(f"{sorted(unsigned)[0]} is not both in the bundle and on the signed list")
    for name in (COMMITMENT, PUBLIC_KEY):
        case.take(f"{CLAIM}/{name}")
    if case.reveal.commitment != case.root:
        raise ClaimError("the bundle is signed for another commitment than the one in it")
    return Finding(
        Status.PASS,
        f"commitment and list of files are signed by key {key.key_id[:16]}…"
        f"{name_witnesses(case.envelope, key, case.means.witnesses)}",
    )


def check_owner(case: Case) -> Finding:
    """The key is the one that the auditor knows to be the owner's."""
    known, pem = case.means.public_key, case.read(f"{CLAIM}/{PUBLIC_KEY}")
    if known is None:
        return Finding(
            Status.NOT_CHECKED, "whose key that is; give the owner's public key to check it"
        )
    if known.pem != pem:
        raise ClaimError(f"the bundle is not signed by the given key {known.key_id[:16]}…")
    return Finding(Status.PASS, "it is the key that was given as the owner's")


def check_commitment(case: Case) -> Finding:
    """The signed root is that of the manifest in the bundle."""
    case.take(f"{FINGERPRINT}/{MANIFEST}")
    manifest, header = read_manifest(case.folder / FINGERPRINT), case.header
    if manifest.green_scheme != GREEN_SCHEME:
        raise ClaimError(PUBLISHED)
    again = header_of(manifest, header.files, header.terms)
    changed = first_difference(header.model_dump(mode="json"), again.model_dump(mode="json"))
    if changed:
        raise ClaimError(f"the manifest has another {changed} than the commitment")
    if header.files.get(MANIFEST) != case.signed[f"{FINGERPRINT}/{MANIFEST}"]:
        raise ClaimError("the manifest is not the one that was committed to")
    if root_of(case.predicate, manifest) != case.root:
        raise ClaimError(
            "the root over header and triggers, in their order, is not the committed one"
        )
    check_batches(header)
    case.manifest = manifest
    return Finding(
        Status.PASS, f"the root over header and {header.triggers} triggers is {case.root[:16]}…"
    )


def check_secret(case: Case) -> Finding:
    """The revealed secret is the committed one, or revealed seeds are those fixed beforehand."""
    if WITH_SEEDS[0] in case.files:
        return _check_seeds(case)
    salt = parse_salt(case.take(f"{CLAIM}/{SALT}"), where=f"{CLAIM}/{SALT}")
    text = case.take(f"{CLAIM}/{SECRET}").decode("ascii", errors="replace")
    try:
        case.keys = KeyRing.parse(text, where=f"{CLAIM}/{SECRET}")
    except StorageError as error:
        raise ClaimError(str(error)) from error
    if case.keys.sealed(salt) != case.header.secret_commitment:
        raise ClaimError("the secret is not the one that was committed to")
    return Finding(Status.PASS, "the secret and its salt give the committed digest")


def _check_seeds(case: Case) -> Finding:
    """Each seed is a leaf of the tree whose root is timestamped, at the place of its label."""
    revealed = Seeds.parse(case.take(WITH_SEEDS[0]), where=WITH_SEEDS[0])
    fixed = Beforehand.parse(case.take(f"{CLAIM}/{BEFOREHAND}"))
    _check_fixed(case, fixed)
    if fixed.seeds is None or fixed.seeds_root is None or case.header.anchor is None:
        raise ClaimError("seeds are revealed, and the commitment is to keys that go by none")
    try:
        anchor = bytes.fromhex(case.header.anchor)
        seeds = revealed.check(root=fixed.seeds_root, size=fixed.seeds)
        case.keys = RevealedKeys(seeds, anchor=anchor)
    except (ValueError, UsageError) as error:
        raise ClaimError("the anchor of the commitment is not 64 hex digits") from error
    case.batch = revealed.batch
    found, all_of_them = len(case.revealed), len(case.manifest.triggers)
    if found < len(seeds):
        raise ClaimError("a seed is revealed of what is no trigger of the fingerprint")
    return Finding(
        Status.PASS,
        f"{found} of {all_of_them} triggers revealed, {all_of_them - found} stay secret: their "
        "seeds are those fixed beforehand",
    )


def _check_fixed(case: Case, fixed: Beforehand) -> None:
    """What was timestamped beforehand is what the commitment names."""
    if fixed.secret_commitment != case.header.secret_commitment:
        raise ClaimError("another secret was timestamped than the one of the commitment")
    if fixed.seeds_root != case.header.seeds_root:
        raise ClaimError("other seeds were timestamped than those of the commitment")


def check_timestamp(case: Case) -> Finding:
    """An authority that the auditor trusts signed when the commitment was there."""
    name = f"{CLAIM}/{TIMESTAMP}"
    if name not in case.files:
        return Finding(
            Status.NOT_CHECKED, "when the commitment was made: the bundle has no timestamp"
        )
    token, stamped = Token.parse(case.take(name)), stamped_part(case.envelope)
    token.check_imprint(stamped)
    case.stamped = token.time
    if not case.means.roots:
        return Finding(
            Status.NOT_CHECKED,
            f"who stamped the commitment, for {token.time:%Y-%m-%d %H:%M:%S} UTC; give the "
            "certificate of an authority that you trust",
        )
    token.check_signature(stamped, case.means.roots)
    case.trusted = True
    return Finding(Status.PASS, f"the commitment was there at {token.time:%Y-%m-%d %H:%M:%S} UTC")


def check_anchor(case: Case) -> Finding:
    """The keys hang on a token that came after the secret, the tokenizer and γ were fixed."""
    names = [f"{CLAIM}/{BEFOREHAND}", f"{CLAIM}/{ANCHOR}"]
    if case.header.anchor is None or not any(name in case.files for name in names):
        return Finding(
            Status.NOT_CHECKED,
            "the keys are not anchored to a timestamp, so that they might have been chosen",
        )
    data = case.take(names[0])
    fixed, token = Beforehand.parse(data), Token.parse(case.take(names[1]))
    token.check_imprint(data)
    _check_fixed(case, fixed)
    fixed.check(case.fingerprint)
    if isinstance(case.keys, KeyRing):
        fixed.check_ring(case.keys)
    if anchor_of(token).hex() != case.header.anchor:
        raise ClaimError("the anchor of the commitment does not follow from the timestamp token")
    if case.stamped is not None and token.time > case.stamped:
        raise ClaimError("the token of the anchor is younger than the commitment")
    if not case.means.roots:
        return Finding(
            Status.NOT_CHECKED,
            "who issued the token that the keys hang on; without a trusted authority they count "
            "as chosen",
        )
    token.check_signature(data, case.means.roots)
    if not isinstance(case.fingerprint.tokenizer, FileSegmenter):
        return Finding(
            Status.NOT_CHECKED,
            f"{fixed.not_fixed}; the tokenizer of this claim is no {TOKENIZER_FILE}, so that its "
            "settings might have been chosen and the keys count as chosen",
        )
    case.anchored = True
    left = "" if fixed.not_fixed is None else f"; {fixed.not_fixed}, which do not count here"
    return Finding(
        Status.PASS,
        f"secret, tokenizer and γ were fixed at {token.time:%Y-%m-%d %H:%M:%S} UTC, and the keys "
        f"follow from the authority's signature{left}",
    )


def check_keys(case: Case) -> Finding:
    """Every revealed key follows from the secret or a seed, the anchor and its place; no choice."""
    anchor = None if case.keys.anchor is None else case.keys.anchor.hex()
    if anchor != case.header.anchor:
        raise ClaimError("the key file has another anchor than the commitment")
    for number, record in enumerate(case.manifest.triggers, start=1):
        if record.id != f"{number:04d}":
            raise ClaimError(
                f"expected trigger {number} to be called {number:04d}, got {record.id!r}: names go "
                "into the keys and must not be chosen"
            )
    words = _check_batch(case) if isinstance(case.keys, RevealedKeys) else "the secret"
    for record in case.revealed:
        if case.keys.commitment(record.id) != record.key_commitment:
            raise ClaimError(f"the key of trigger {record.id} is not that of {words.split(',')[0]}")
    return Finding(Status.PASS, f"the keys of {len(case.revealed)} triggers follow from {words}")


def _check_batch(case: Case) -> str:
    """The revealed triggers are one batch, as the commitment's timestamp drew it; in words."""
    lot = lot_of(Token.parse(case.take(f"{CLAIM}/{TIMESTAMP}")))
    ids, revealed = [one.id for one in case.manifest.triggers], {one.id for one in case.revealed}
    batch = set(labels_of(ids, case.header, lot, case.batch))
    if differs := sorted(revealed ^ batch):
        held = "not revealed" if differs[0] in batch else "revealed"
        raise ClaimError(
            f"trigger {differs[0]} is {held}, which is not as the timestamp drew batch "
            f"{case.batch or 1} of {case.header.batches or 1}"
        )
    if case.header.batches is None:
        return "their seeds"
    return f"their seeds, and are batch {case.batch} of {case.header.batches} as it was drawn"

"""A secret that is timestamped before its keys exist, so that nobody can choose the keys.

1. `begin`: a secret is drawn. A commitment to it and the root over its seeds, with everything else
   that decides which words a key makes green (the bytes of tokenizer.json, V, γ, the rule), go into
   `beforehand.json`. 2. An authority timestamps that file. 3. `finish`: the anchor is SHA-256 over
   `sif anchor 1` NUL and the value of the authority's signature, and every key is an HMAC of seed,
   anchor and label (`KeyRing`). Nobody knows the anchor before the token is issued.

The anchor is not the digest of the whole token: bytes around the signature (certificates, unsigned
attributes) can be changed without the authority, so whoever hashed them could choose among any
number of anchors. Of the signature he cannot; but every token that he asks for is another draw, and
an ECDSA signature can be written in two ways. An audit takes a stated number of draws off.
"""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from cryptography.x509 import Certificate
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sif.claims.canonical import canonical, jcs, sha256
from sif.claims.commitment import one_line
from sif.claims.folder import ANCHOR, ANCHOR_REQUEST, BEFOREHAND, SALT, UNANCHORED, read
from sif.claims.seeds import MOST_SEEDS, seeds_root
from sif.claims.signing import write_private
from sif.claims.timestamp import Token, new_request
from sif.errors import ClaimError, FingerprintError, UsageError
from sif.files import write_atomically, writing
from sif.fingerprint.folder import SECRET, TOKENIZER, FingerprintSet
from sif.fingerprint.manifest import GREEN_SCHEME
from sif.fingerprint.recipe import load_recipe
from sif.fingerprint.segmenter import FileSegmenter, tokenizer_json
from sif.plain_files import read_file
from sif.scratch import scratch
from sif.tokenizer_bounds import TOKENIZER_FILE, parse_tokenizer, read_bounded
from sif.vlm.folder import load_processor
from sif.watermark.greenlist.mask import green_size
from sif.watermark.keys import SEEDS, KeyRing

SALT_BYTES: Final = 32
_DOMAIN: Final = b"sif anchor 1\x00"
_ORDER_DOMAIN: Final = b"sif order 1\x00"
MEANINGS: Final = {
    "tokenizer_json_sha256": "tokenizer",
    "words_sha256": "tokenizer",
    "vocabulary_size": "vocabulary size",
    "gamma": "γ",
    "green_scheme": "rule of green lists",
}
BEGIN: Final = "run `sif claim secret MODEL` with this folder first"


class Beforehand(BaseModel):
    """beforehand.json: what is fixed before the keys are known.

    Version 3 fixes the very bytes of tokenizer.json, the one file that cuts answers into ids, and a
    seed for each trigger. Version 2, which is still read, has no seeds. Version 1, too, fixed the
    contents of tokenizer.json and the special ids, not the settings that transformers reads.

    Attributes:
        secret_commitment: salted, of `KeyRing.sealed`.
        words_sha256: version 1: how the tokenizer numbers words, of `words_sha256`.
        tokenizer_json_sha256: versions 2 and 3: SHA-256 of tokenizer.json.
        seeds: version 3: how many; a fingerprint has no more triggers.
        seeds_root: version 3: over all of them, of `sif.claims.seeds`.
        vocabulary_size: V.
        gamma: share of green ids.
        green_scheme: the rule of the green lists.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1, 2, 3]
    secret_commitment: str
    words_sha256: str | None = None
    tokenizer_json_sha256: str | None = None
    seeds: int | None = Field(default=None, ge=1, le=MOST_SEEDS)
    seeds_root: str | None = None
    vocabulary_size: int
    gamma: float
    green_scheme: str = GREEN_SCHEME

    @model_validator(mode="after")
    def _names_its_tokenizer(self) -> "Beforehand":
        given = self.words_sha256 is not None, self.tokenizer_json_sha256 is not None
        if given != (self.schema_version == 1, self.schema_version > 1):
            raise ValueError("expected the one digest of the tokenizer that its version has")
        if {self.seeds is None, self.seeds_root is None} != {self.schema_version < 3}:
            raise ValueError("expected seeds and their root in version 3 and in no other")
        return self

    @classmethod
    def parse(cls, data: bytes) -> "Beforehand":
        """Reads the file.

        Raises:
            ClaimError: something else, or of another version.
        """
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            raise ClaimError(
                f"expected {BEFOREHAND} of version 1, 2 or 3, got something else: {one_line(error)}"
            ) from error

    @property
    def not_fixed(self) -> str | None:
        """What this version leaves open, in words."""
        if self.schema_version > 1:
            return None
        return (
            "version 1 fixed what tokenizer.json says and the special ids, not its bytes and not "
            "the settings beside it"
        )

    def check(self, fingerprint: FingerprintSet) -> None:
        """Makes sure that a fingerprint counts words as was fixed.

        Raises:
            ClaimError: it does not.
            FingerprintError: its tokenizer cannot be read.
        """
        manifest = fingerprint.manifest
        made: dict[str, Any] = {
            "vocabulary_size": manifest.vocabulary_size,
            "gamma": manifest.gamma,
            "green_scheme": manifest.green_scheme,
        }
        if self.schema_version > 1:
            made["tokenizer_json_sha256"] = manifest.tokenizer_json_sha256
        else:
            folder = fingerprint.folder / TOKENIZER
            made["words_sha256"] = words_sha256(folder, fingerprint.special_ids)
        for name, value in made.items():
            if getattr(self, name) != value:
                raise ClaimError(
                    f"the fingerprint's {MEANINGS[name]} is not the one that was fixed before the "
                    "keys were known, so the keys might have been favoured by choosing it"
                )
        if self.seeds is not None and len(manifest.triggers) > self.seeds:
            raise ClaimError(
                f"expected at most {self.seeds} triggers, one for each seed that was fixed "
                f"beforehand, got {len(manifest.triggers)}"
            )

    def check_ring(self, keys: KeyRing) -> None:
        """Makes sure that keys go by the seeds that were fixed, and by none where none were.

        Raises:
            ClaimError: they do not.
        """
        if keys.seeded != (self.seeds is not None):
            raise ClaimError(
                f"{BEFOREHAND} of version {self.schema_version} does not go with a key file "
                f"{'with' if keys.seeded else 'without'} seeds: which keys count was not fixed"
            )
        if self.seeds is not None and seeds_root(keys, self.seeds) != self.seeds_root:
            raise ClaimError("the seeds of the secret are not those that were fixed beforehand")


def check_model(secret: Path, tokenizer: Any, *, gamma: float) -> None:
    """Makes sure that a model fits what was fixed with a secret, before triggers are made.

    Args:
        secret: the key file; where no `beforehand.json` lies beside it, nothing is checked.
        tokenizer: the model's.
        gamma: of the recipe.

    Raises:
        ClaimError: another tokenizer or γ was fixed.
        ModelError: the tokenizer cannot be written as one file.
    """
    path = secret.parent / BEFOREHAND
    if not path.exists():
        return
    fixed = Beforehand.parse(read(path, mend=BEGIN))
    cuts = tokenizer_json(tokenizer)
    if fixed.schema_version > 1:
        same = fixed.tokenizer_json_sha256 == sha256(cuts)
    else:
        same = fixed.words_sha256 == _words_of(cuts)
    if not same or fixed.gamma != gamma or fixed.vocabulary_size != len(tokenizer):
        raise ClaimError(
            f"expected the tokenizer and γ that were fixed with {secret}, got others; give the "
            "same model (folder or id) and recipe as to `sif claim secret`, with the same versions "
            "of transformers and tokenizers, or begin a new secret"
        )


def load_keys(secret: Path, tokenizer: Any, *, gamma: float) -> KeyRing:
    """The owner's keys; where they were anchored, only for the model that was fixed with them.

    Args:
        secret: the key file.
        tokenizer: of the model that triggers will be made on.
        gamma: of the recipe.

    Raises:
        ClaimError: the keys were anchored for another tokenizer or γ.
        FingerprintError: no key file, or a damaged one.
    """
    keys = KeyRing.load(secret)
    if keys.anchor:
        check_model(secret, tokenizer, gamma=gamma)
    return keys


def anchor_of(token: Token) -> bytes:
    """The anchor that a token gives: 32 bytes that nobody knew before it was issued."""
    return hashlib.sha256(_DOMAIN + token.signature).digest()


def lot_of(token: Token) -> bytes:
    """The lot that a commitment's token gives: 32 bytes that nobody knew before it was issued.

    SHA-256 over `sif order 1` NUL and the value of the authority's signature; the order of asking
    is drawn from it (`sif.ownership.order`).
    """
    return hashlib.sha256(_ORDER_DOMAIN + token.signature).digest()


def salt_in(path: Path) -> bytes:
    """The salt in a private file, which is drawn and kept where there is none.

    Raises:
        ClaimError: something else is in it.
        StorageError: the disk refuses.
    """
    if not path.exists():
        write_private(path, f"{secrets.token_hex(SALT_BYTES)}\n".encode())
    return parse_salt(read_file(path), where=str(path))


def parse_salt(data: bytes, *, where: str) -> bytes:
    """The salt in a private file.

    Raises:
        ClaimError: something else.
    """
    try:
        salt = bytes.fromhex(data.decode("ascii").removesuffix("\n"))
    except (UnicodeDecodeError, ValueError) as error:
        raise ClaimError(f"expected 64 hex digits in {where}, got something else") from error
    if len(salt) != SALT_BYTES or f"{salt.hex()}\n".encode() != data:
        raise ClaimError(f"expected one line of 64 hex digits in {where}, got something else")
    return salt


def words_sha256(folder: Path, special_ids: Iterable[int]) -> str:
    """How a saved tokenizer numbers words, as version 1 fixed it: SHA-256 over canonical JSON.

    `tokenizer`: tokenizer.json but for `padding` and `truncation`, which depend on what the
    tokenizer was last used for; where there is no such file, SHA-256 of every file that is neither
    settings (`*config.json`) nor a chat template (`*.jinja`). `special_ids`: sorted.

    Raises:
        ClaimError: a tokenizer.json that is no JSON object, or that readers might read differently.
    """
    path, content = folder / TOKENIZER_FILE, dict[str, Any]()
    if path.exists():
        try:
            content = parse_tokenizer(read_bounded(path), where=f"{TOKENIZER}/{TOKENIZER_FILE}")
        except FingerprintError as error:
            raise ClaimError(str(error)) from error
        content = {k: v for k, v in content.items() if k not in ("padding", "truncation")}
    else:
        for file in sorted(folder.glob("*")):
            if not file.name.endswith(("config.json", ".jinja")):
                content[file.name] = sha256(read_file(file))
    return sha256(canonical({"tokenizer": content, "special_ids": sorted(special_ids)}))


def _words_of(cuts: bytes) -> str:
    """What version 1 would have fixed of a tokenizer.json."""
    with scratch("words") as folder:
        (folder / TOKENIZER_FILE).write_bytes(cuts)
        special = FileSegmenter(cuts, where=TOKENIZER_FILE).all_special_ids
        return words_sha256(folder, special)


def begin(folder: Path, tokenizer: Any, *, gamma: float) -> bytes:
    """Draws a secret and fixes what its keys will mean; the request for the timestamp.

    Args:
        folder: new; holds the secret afterwards, in a file that is no key file yet.
        tokenizer: the owner's, of transformers.
        gamma: share of green ids.

    Raises:
        ClaimError: the folder holds something already.
        ModelError: the tokenizer cannot be written as one file.
        UsageError: a vocabulary or gamma that makes no sense.
        StorageError: the folder cannot be written.
    """
    vocabulary_size, cuts = len(tokenizer), tokenizer_json(tokenizer)
    green_size(vocabulary_size, gamma)
    if (folder / UNANCHORED).exists() or (folder / SECRET).exists():
        raise ClaimError(f"{folder} holds a secret already, which is never replaced; name another")
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    salt, keys = salt_in(folder / SALT), KeyRing.generate()
    fixed = Beforehand(
        schema_version=3,
        secret_commitment=keys.sealed(salt),
        tokenizer_json_sha256=sha256(cuts),
        seeds=SEEDS,
        seeds_root=seeds_root(keys, SEEDS),
        vocabulary_size=vocabulary_size,
        gamma=gamma,
    )
    data = jcs(fixed.model_dump(mode="json", exclude_none=True))
    request = new_request(data)
    write_atomically(folder / BEFOREHAND, data)
    write_atomically(folder / ANCHOR_REQUEST, request)
    keys.save(folder / UNANCHORED)
    return request


def begin_for(folder: Path, model: str | None, *, recipe: str = "sif") -> bytes:
    """The request for a secret: that of a folder that was begun, or of a new one.

    Args:
        folder: of the secret.
        model: folder or hub id of the owner's model; needed to begin with.
        recipe: of `sif fingerprint`; says γ.

    Raises:
        UsageError: nothing was begun, and no model is named; or no such recipe.
        ModelError: the model's processor cannot be loaded, or its tokenizer is not one file.
        ClaimError: as of `begin`.
        StorageError: the folder cannot be written.
    """
    _forget_unanchored(folder)
    if (folder / UNANCHORED).exists() and (folder / ANCHOR_REQUEST).exists():
        return read_file(folder / ANCHOR_REQUEST)
    if model is None:
        raise UsageError("expected your model, whose tokenizer is fixed with the secret")
    processor = load_processor(model)
    tokenizer = getattr(processor, "tokenizer", processor)
    return begin(folder, tokenizer, gamma=load_recipe(recipe).gamma)


def take_response(folder: Path, response: bytes, roots: Sequence[Certificate]) -> Token:
    """Ties the secret to the token in an authority's response.

    Args:
        folder: of `begin`.
        response: of the authority, to the request.
        roots: whose signature is accepted; with none, the signature is not checked.

    Raises:
        ClaimError: as of `finish`, or the token is not signed under the roots.
        StorageError: the folder cannot be written.
    """
    token = Token.parse(response)
    if roots:
        mend = "name the folder that the request was made in"
        token.check_signature(read(folder / BEFOREHAND, mend=mend), roots)
    finish(folder, token, response)
    return token


def finish(folder: Path, token: Token, response: bytes) -> KeyRing:
    """Ties the secret to the token: from here on there are keys, in a key file.

    Args:
        folder: of `begin`.
        token: the authority's answer to the request.
        response: its bytes.

    Raises:
        ClaimError: nothing was begun there, or the token is about something else.
        StorageError: the folder cannot be written.
    """
    data = read(folder / BEFOREHAND, mend=BEGIN)
    token.check_imprint(data)
    token.check_nonce(read(folder / ANCHOR_REQUEST, mend=BEGIN))
    if (folder / SECRET).exists():
        raise ClaimError(f"{folder / SECRET} is anchored already; its anchor is never replaced")
    if not (folder / UNANCHORED).exists():
        raise ClaimError(f"expected {folder / UNANCHORED}, which is missing; {BEGIN}")
    seeded = Beforehand.parse(data).seeds is not None
    keys = KeyRing.load(folder / UNANCHORED).anchored(anchor_of(token), seeded=seeded)
    write_atomically(folder / ANCHOR, response)
    keys.save(folder / SECRET)
    _forget_unanchored(folder)
    return keys


def _forget_unanchored(folder: Path) -> None:
    """Removes the secret of `begin` where the key file holds it, if need be after a kill."""
    begun = folder / UNANCHORED
    if begun.exists() and (folder / SECRET).exists():
        keys = KeyRing.load(folder / SECRET)
        tied = keys.anchor and KeyRing.load(begun).anchored(keys.anchor, seeded=keys.seeded)
        if tied == keys:
            begun.unlink()

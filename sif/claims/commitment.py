"""What is committed to, and how: everything that decides a verdict, under one hash.

The root is that of the tree of `sif.claims.merkle` over canonical JSON, that of the version
(`sif.claims.version`):

1. first leaf, the `Header`: the recipe, the digests of model, tokenizer and weights, V, γ, the rule
   of the green lists, the anchor of the keys, the salted commitment to the secret, the policy, α,
   and SHA-256 of every public file of the fingerprint but the pictures;
2. then a `TriggerLeaf` for each trigger in the order of asking: its number and id, SHA-256 of image
   and base image, the prompt, the generation settings, the commitment to its key.

The root is the subject of an in-toto statement, its predicate is the header, which from version 2
on names its owner's key. Knows neither signatures nor times.
"""

from collections.abc import Sequence
from math import isclose
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sif.claims.canonical import sha256
from sif.claims.envelope import Statement, Subject
from sif.claims.merkle import merkle_root
from sif.claims.retyped import check_as_written
from sif.claims.version import Number, version_in, version_of
from sif.errors import ClaimError, UsageError
from sif.fingerprint.folder import TOKENIZER
from sif.fingerprint.manifest import Manifest, ModelRecord, TriggerRecord
from sif.fingerprint.recipe import Recipe
from sif.ownership.policy import Policy
from sif.plain_files import read_file
from sif.types import GenerationSettings

SUBJECT: Final = "fingerprint"
ALGORITHM: Final = "rfc6962-sha256"
COMPUTED: Final = ("rate", "interval", "reaction", "upper_bound")


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Possession(_Record):
    """Something that the owner had, under a name of his choice (`sif.claims.possession`)."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    commitment: str = Field(pattern=r"^[0-9a-f]{64}$")


class Header(_Record):
    """The first leaf: what holds for all triggers.

    Attributes:
        triggers: how many leaves follow.
        anchor: hex digits that went into every key beside the secret; none where nothing did.
        secret_commitment: salted, of `KeyRing.sealed`.
        policy: the rules of the run. Its α and α_B are those of the claim less what an audit will
            take off for grinding, so that asking goes on for as long as the audit needs.
        alpha: α of the claim, after that discount.
        alpha_transfer: α_B of the claim, after that discount.
        files: SHA-256 of the public files, by their path in the fingerprint.
        seeds_root: over the seeds of the keys, as it was fixed beforehand; none for keys without.
        batches: K, disputes that the triggers are to serve, each with its own
            (`sif.claims.batches`); none for one.
        owner: SHA-256 (hex) of the owner's SubjectPublicKeyInfo, from version 2 on: whose signature
            counts, whoever else signs.
        possession: what else the owner had then, each under a salted commitment.
        example: words that stand before every prompt in every run, if any do; claims of before do
            not have this field, and leave the example to the run.
    """

    leaf: Literal["header"] = "header"
    schema_version: Number = 1
    triggers: int = Field(ge=1)
    recipe: Recipe | None
    model: ModelRecord
    tokenizer_sha256: str
    vocabulary_size: int
    gamma: float
    green_scheme: str
    weights_sha256: str | None
    anchor: str | None
    secret_commitment: str
    policy: Policy
    alpha: float = Field(gt=0.0, lt=0.5)
    alpha_transfer: float = Field(gt=0.0, lt=0.5)
    files: dict[str, str]
    seeds_root: str | None = None
    batches: int | None = Field(default=None, ge=2)
    owner: str | None = None
    possession: tuple[Possession, ...] | None = Field(default=None, max_length=64)
    example: str | None = None

    @model_validator(mode="after")
    def _names_its_owner(self) -> "Header":
        if (self.owner is None) != (self.schema_version == 1):
            raise ValueError("expected the owner's key from version 2 on, and none before")
        return self

    @model_validator(mode="after")
    def _names_things_apart(self) -> "Header":
        names = [one.name for one in self.possession or ()]
        if len(set(names)) < len(names):
            raise ValueError("expected one commitment under each name of a possession, got several")
        return self

    @property
    def terms(self) -> "Terms":
        """What was decided when committing."""
        return Terms(**{name: getattr(self, name) for name in Terms.model_fields})

    @property
    def counts_by_weights(self) -> bool:
        """Whether the verdict would rest on weights, which nobody saw before the keys."""
        return self.policy.weighted and self.weights_sha256 is not None


class TriggerLeaf(_Record):
    """One trigger, in its place."""

    leaf: Literal["trigger"] = "trigger"
    number: int
    id: str
    image_sha256: str
    base_sha256: str | None
    prompt: str
    generation: GenerationSettings
    key_commitment: str


class Terms(_Record):
    """What the owner decides when committing, beside the fingerprint itself."""

    secret_commitment: str
    policy: Policy
    alpha: float
    alpha_transfer: float
    seeds_root: str | None = None
    batches: int | None = None
    owner: str | None = None
    possession: tuple[Possession, ...] | None = None
    example: str | None = None

    @property
    def version(self) -> Number:
        """Of the header: 1 where no owner is named."""
        return 1 if self.owner is None else 2


def header_of(manifest: Manifest, files: dict[str, str], terms: Terms) -> Header:
    """The first leaf.

    Args:
        manifest: of the fingerprint.
        files: of `public_files`.
        terms: what else is committed to.
    """
    return Header(
        schema_version=terms.version,
        triggers=len(manifest.triggers),
        recipe=manifest.recipe,
        model=manifest.model,
        tokenizer_sha256=manifest.tokenizer_sha256,
        vocabulary_size=manifest.vocabulary_size,
        gamma=manifest.gamma,
        green_scheme=manifest.green_scheme,
        weights_sha256=manifest.weights_sha256,
        anchor=manifest.anchor,
        files=files,
        **dict(terms),
    )


def check_batches(header: Header) -> None:
    """Makes sure that triggers can be cut into so many batches, and that each stays secret.

    Raises:
        ClaimError: they cannot.
    """
    if header.batches is None:
        return
    if header.seeds_root is None:
        raise ClaimError(
            "expected keys with seeds for several batches, got keys of which one reveal shows all; "
            "make the fingerprint with a new secret of `sif claim secret`, or commit to one batch"
        )
    if header.batches > header.triggers:
        raise ClaimError(
            f"expected at least one trigger for each of {header.batches} batches, got "
            f"{header.triggers}; commit to fewer batches"
        )
    if header.policy.order != "drawn":
        raise ClaimError("expected an order that is drawn, by which batches are cut, got another")


def root_of(header: dict[str, Any], manifest: Manifest) -> str:
    """The root over the header, as JSON, and all triggers.

    Raises:
        ClaimError: a header of an unknown version, or with a number that has no canonical form.
    """
    canonical = version_in(header).canonical
    leaves = [canonical(header)]
    for number, record in enumerate(manifest.triggers, start=1):
        leaf = TriggerLeaf(
            number=number,
            id=record.id,
            image_sha256=record.sha256,
            base_sha256=record.base_sha256,
            prompt=record.prompt,
            generation=record.generation,
            key_commitment=record.key_commitment,
        )
        leaves.append(canonical(leaf.model_dump(mode="json")))
    return merkle_root(leaves)


def pictures_of(record: TriggerRecord) -> list[tuple[str, str]]:
    """The pictures of a trigger, each with its SHA-256."""
    pairs = [(record.file, record.sha256), (record.base_file, record.base_sha256)]
    return [(file, digest) for file, digest in pairs if file is not None and digest is not None]


def public_files(fingerprint: Path) -> dict[str, str]:
    """SHA-256 of every public file of a fingerprint but its pictures, by its path in it."""
    paths = [*fingerprint.glob("*.json"), *(fingerprint / TOKENIZER).glob("*")]
    return {
        path.relative_to(fingerprint).as_posix(): sha256(read_file(path))
        for path in sorted(paths)
        if path.is_file() and not path.name.startswith(".")
    }


def state(header: Header, manifest: Manifest) -> Statement:
    """The statement that is signed."""
    predicate = header.model_dump(mode="json")
    subject = Subject(name=SUBJECT, digest={ALGORITHM: root_of(predicate, manifest)})
    return Statement.of((subject,), version_in(predicate).commitment, predicate)


def read_statement(statement: Statement) -> tuple[Header, str]:
    """Header and root of a statement that was signed; whether they fit is not looked at.

    Raises:
        ClaimError: it states something else, or is of another version.
    """
    version = version_of(statement.predicate_type)
    if statement.predicate_type != version.commitment:
        raise ClaimError(
            f"expected a commitment of version 1 or 2 ({version.commitment}), got "
            f"{statement.predicate_type[:80]!r}; use the SIF that wrote it"
        )
    try:
        header = Header.model_validate(statement.predicate)
    except (ValidationError, UsageError) as error:
        raise ClaimError(
            f"expected a commitment of version {version.number}, got something else: "
            f"{one_line(error)}"
        ) from error
    check_as_written(statement.predicate, header, version, words="the commitment", kind="a header")
    match statement.subject:
        case [Subject(name="fingerprint", digest={"rfc6962-sha256": root})]:
            return header, root
    raise ClaimError("expected one fingerprint as the subject of the commitment, got others")


def check_committed_by(header: Header, key_id: str) -> None:
    """Makes sure that a header names the key that its signature was checked with.

    Raises:
        ClaimError: it names another.
    """
    if header.owner is not None and header.owner != key_id:
        raise ClaimError(
            f"the commitment is that of key {header.owner[:16]!r}…, not of the key {key_id[:16]}… "
            "that signed it"
        )


def first_difference(ours: Any, theirs: Any, place: str = "") -> str | None:
    """Where two JSON values differ first, as a path.

    Numbers that are computed (`_alike`) may differ in their last digits, as machines do: logarithms
    by 1e-9, p-values by a millionth of themselves. All others, such as α, must be the same.
    """
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in [*ours, *(name for name in theirs if name not in ours)]:
            where = f"{place}.{name}" if place else str(name)
            if (name in ours) != (name in theirs):
                return where
            if found := first_difference(ours[name], theirs[name], where):
                return found
        return None
    if isinstance(ours, Sequence) and isinstance(theirs, Sequence) and not isinstance(ours, str):
        if len(ours) != len(theirs):
            return f"{place} ({len(ours)} and {len(theirs)} entries)"
        pairs = enumerate(zip(ours, theirs, strict=True))
        return next(
            (found for i, (a, b) in pairs if (found := first_difference(a, b, f"{place}[{i}]"))),
            None,
        )
    return None if _alike(ours, theirs, place) else place


def one_line(error: ValidationError | UsageError) -> str:
    """The first thing that a model found wrong."""
    if isinstance(error, UsageError):
        return str(error)
    first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg'].lower()}" if where else first["msg"].lower()


def _alike(ours: Any, theirs: Any, place: str) -> bool:
    name = place.rpartition(".")[2]
    if isinstance(ours, float) and isinstance(theirs, float):
        if "log10" in name:
            return isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-9)
        if "p_value" in name:
            return isclose(ours, theirs, rel_tol=1e-6)
        if any(word in name for word in COMPUTED):
            return isclose(ours, theirs, rel_tol=1e-9)
    return bool(ours == theirs) and isinstance(ours, bool) == isinstance(theirs, bool)

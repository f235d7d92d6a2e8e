"""What an audit is given, and what its steps have established so far."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from cryptography.x509 import Certificate

from sif.claims.canonical import sha256
from sif.claims.commitment import Header
from sif.claims.parents import Parent
from sif.claims.record import Line, Question
from sif.claims.reveal import Reveal
from sif.claims.signing import PublicKey
from sif.claims.tries import Tries
from sif.errors import ClaimError, UsageError
from sif.fingerprint.folder import FingerprintSet
from sif.fingerprint.manifest import Manifest, TriggerRecord
from sif.ownership.policy import Policy
from sif.ownership.run import RunRecord
from sif.ownership.verdict import Verdict
from sif.plain_files import LARGE, read_file
from sif.types import Suspect
from sif.watermark.keys import KeyRing, RevealedKeys

SECRETS_TRIED: Final = 2.0**40
TOKENS_TRIED: Final = 1e7
ALPHA, ALPHA_TRANSFER = 1e-6, 0.01
LARGEST_CHANGE: Final = 32.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A suspect of the auditor's own, opened only when its step is reached.

    Attributes:
        name: as the auditor wrote it.
        open: connects; gets the run's record, so that it can be asked in the same way.
    """

    name: str
    open: Callable[[RunRecord], Suspect]


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What the auditor brings, beside the bundle. Whatever is left out is not checked.

    Attributes:
        roots: certificates of timestamp authorities that the auditor trusts.
        public_key: the owner's, from elsewhere than the bundle.
        witnesses: keys of others who must have signed the commitment, beside its owner.
        released: when the suspect came within the claimant's reach.
        model_released: when the model that the triggers were made on was first public.
        parents: models that it may have been made from.
        model_signature_key: public key (PEM) under which `model-signing` signed the model.
        tokenizer: folder of the tokenizer that the model is known to have.
        suspect: the one that the claim is about, to be asked again.
        panel: models that are independent of the owner's, to be asked the triggers.
        source: the model that the triggers were made on, to be asked what it is said to answer; of
            claims that exclude transfer by contrasts.
        panel_limit: largest log10 e-value of any of them. At 2, an innocent panel member exceeds it
            with a probability of at most 1%.
        alpha: α that the auditor asks for, whatever the claim says; the claim's has to hold too.
        alpha_transfer: the same against transfer.
        secrets_tried: secrets that a claimant could have tried where keys are not anchored.
        tokens_tried: timestamps that he could have asked for, for keys and for orders of asking.
        largest_change: of any pixel of a trigger, in units of 1/255, whatever the recipe says.

    Raises:
        UsageError: an empty panel, budgets below 1, or an α that is none.
    """

    roots: Sequence[Certificate] = ()
    public_key: PublicKey | None = None
    witnesses: Sequence[PublicKey] = ()
    released: datetime | None = None
    model_released: datetime | None = None
    parents: Sequence[Parent] = ()
    model_signature_key: Path | None = None
    tokenizer: Path | None = None
    suspect: Asked | None = None
    panel: Sequence[Asked] | None = None
    source: Asked | None = None
    panel_limit: float = 2.0
    alpha: float = ALPHA
    alpha_transfer: float = ALPHA_TRANSFER
    secrets_tried: float = SECRETS_TRIED
    tokens_tried: float = TOKENS_TRIED
    largest_change: float = LARGEST_CHANGE

    def __post_init__(self) -> None:
        if self.panel is not None and not self.panel:
            raise UsageError("expected at least one model in the panel, got none")
        if min(self.secrets_tried, self.tokens_tried) < 1:
            raise UsageError("expected a budget of at least 1 try; 1 takes nothing off")
        Policy(alpha=self.alpha, alpha_transfer=self.alpha_transfer)  # refuses what is none


class Kept(NamedTuple):
    """What a control leaves of a verdict.

    Attributes:
        verdict: without triggers whose base picture has no answer.
        lean: log10 of the e-value of base pictures, to be taken off.
        gaps: questions about triggers that count no more, as their base picture has no answer.
    """

    verdict: Verdict
    lean: float = 0.0
    gaps: int = 0


@dataclass(slots=True, kw_only=True)
class Case:
    """One audit under way. A step reads what earlier ones have set; none is read before.

    Attributes:
        bundle: the file.
        folder: where it is unpacked.
        means: of the auditor.
        files: unpacked files by name.
        signed: the digests that the owner signed, by name.
        stamped: when the commitment was timestamped, where a token says so.
        trusted: whether that token is signed under the auditor's roots.
        anchored: whether the keys follow from a token under the auditor's roots.
        tries: taken off for keys, orders and runs that the claimant could choose among.
        log10_discount: off the evidence against independence, that and what is taken off for
            questions without an answer and for what base pictures show.
        again: the verdict, computed anew, without its control.
        own_words: prompts and example that come with no set of SIF, shown.
        controlled: what the control leaves of it; none where there is none.
        batch: which batch of the claim is revealed; none where it has none, or all is revealed.
        keys: of all triggers, or of those that are revealed.
    """

    bundle: Path
    folder: Path
    means: Means
    files: dict[str, Path] = field(default_factory=dict)
    signed: dict[str, str] = field(default_factory=dict)
    stamped: datetime | None = None
    trusted: bool = False
    anchored: bool = False
    tries: Tries | None = None
    log10_discount: float | None = None
    again: Verdict | None = None
    batch: int | None = None
    controlled: Kept | None = None
    own_words: tuple[str, ...] = ()
    header: Header = field(init=False)
    predicate: dict[str, Any] = field(init=False)
    root: str = field(init=False)
    envelope: bytes = field(init=False)
    reveal: Reveal = field(init=False)
    manifest: Manifest = field(init=False)
    keys: KeyRing | RevealedKeys = field(init=False)
    fingerprint: FingerprintSet = field(init=False)
    record: RunRecord = field(init=False)
    verdict: Verdict = field(init=False)
    lines: tuple[Line, ...] = field(init=False)
    asked: dict[tuple[str, int], Question] = field(init=False)

    @property
    def revealed(self) -> tuple[TriggerRecord, ...]:
        """The triggers whose keys are in the bundle, as the manifest numbers them."""
        if isinstance(self.keys, KeyRing):
            return self.manifest.triggers
        return tuple(one for one in self.manifest.triggers if one.id in self.keys.labels)

    def read(self, name: str) -> bytes:
        """A file of the bundle.

        Raises:
            ClaimError: it is missing.
        """
        if name not in self.files:
            raise ClaimError(f"the bundle lacks {name}")
        return read_file(self.files[name], most=LARGE)

    def take(self, name: str) -> bytes:
        """A file of the bundle, as the owner signed it.

        Raises:
            ClaimError: it is missing, or was changed since.
        """
        data = self.read(name)
        if sha256(data) != self.signed.get(name):
            raise ClaimError(f"{name} was changed after the bundle was signed")
        return data

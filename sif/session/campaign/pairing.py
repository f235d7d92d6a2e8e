"""The pairs of a campaign: a fingerprint, a suspect, the rules that fall to them, their places.

Fingerprints are loaded once for all their pairs. Asks nobody.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from sif.claims.batches import as_committed
from sif.claims.commit import read_commitment
from sif.errors import FingerprintError, StorageError, UsageError
from sif.fingerprint.folder import FingerprintSet, manifest_sha256
from sif.http.lanes import host_of
from sif.ownership.policy import Policy
from sif.ownership.run import Group, read_record
from sif.session.campaign.campaign_file import AskedFingerprint, AskedSuspect, Campaign, slug
from sif.session.campaign.family import CampaignRecord, promised, share
from sif.session.session import Session
from sif.suspects.weights import weights_digest
from sif.types import Suspect

RUNS, ROWS, PAGE = "runs", "rows", "report.html"
NOWHERE: Final = "here"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """A fingerprint with its keys and the rules under which it is asked.

    Attributes:
        asked: as the campaign names it.
        fingerprint: loaded; what cuts its answers is shared by all its pairs.
        policy: the rules, with what of α and α_B falls to a pair; those committed to, if they are.
        triggers: that one suspect is asked about at most.
    """

    asked: AskedFingerprint
    fingerprint: FingerprintSet
    policy: Policy
    triggers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One run of a campaign.

    Attributes:
        owned: what is asked about.
        suspect: who is asked, and how.
        out: the campaign's folder.
    """

    owned: Owned
    suspect: AskedSuspect
    out: Path

    @property
    def place(self) -> str:
        """Where its run lies among the runs."""
        return f"{slug(self.owned.asked.label)}/{slug(self.suspect.label)}"

    @property
    def run(self) -> Path:
        """The folder of its run."""
        return self.out / RUNS / self.place

    @property
    def row(self) -> Path:
        """The file that says how it ended."""
        return self.out / ROWS / f"{self.place}.json"

    @property
    def host(self) -> str:
        """Name and port of the endpoint; a word for local models."""
        address = self.suspect.address
        if address is None or address.scheme != "openai":
            return NOWHERE
        return host_of(address.target)

    @property
    def questions(self) -> int:
        """Most questions, but for those about base pictures."""
        return self.owned.triggers * self.owned.policy.questions_each

    def session(self, suspect: str | Suspect) -> Session:
        """One ordinary session."""
        asked = self.owned.asked
        return Session(
            fingerprint=self.owned.fingerprint,
            suspect=suspect,
            policy=self.owned.policy,
            manner=self.suspect.manner,
            committed=asked.committed,
            claim_batch=asked.claim_batch,
            control=self.suspect.control,
            transfer_test=None if asked.policy is None else asked.policy.transfer_test,
            calibrated=asked.policy is None or asked.policy.calibration,
            run=self.run,
            label=self.suspect.label,
            group=self._group(),
            batch_size=self.suspect.batch,
        )

    def _group(self) -> Group:
        """That with which the run was begun: it may change, and sorts tables only."""
        try:
            return read_record(self.run).group
        except StorageError:
            return self.suspect.group

    def settings_digest(self) -> str:
        """Of all that decides what is asked: another one is another run. Begins as `terms_digest`.

        Raises:
            FingerprintError: the fingerprint is gone.
            ModelError: a local model's files cannot be read.
        """
        address = self.suspect.address
        local = address is not None and address.scheme != "openai"
        weights = weights_digest(address.target) if local and address else None
        return f"{self.terms_digest()} {weights or ''}".rstrip()

    def terms_digest(self) -> str:
        """SHA-256 (hex) of the same, but for a local model's weights, which take long to read.

        Raises:
            FingerprintError: the fingerprint is gone.
        """
        asked = self.owned.asked
        said = {
            "fingerprint": manifest_sha256(Path(asked.fingerprint)),
            "suspect": self.suspect.name,
            "committed": asked.committed,
            "batch": asked.claim_batch,
            "policy": self.owned.policy.model_dump(mode="json"),
            "transfer": None if asked.policy is None else asked.policy.model_dump(mode="json"),
            "control": self.suspect.control,
        }
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """All pairs of a campaign, in the order of its file, and what it promises of α."""

    campaign: Campaign
    record: CampaignRecord
    pairs: tuple[Pair, ...]

    @property
    def out(self) -> Path:
        """The campaign's folder."""
        return Path(self.campaign.out)

    def only(self, labels: Sequence[str]) -> tuple[Pair, ...]:
        """Those pairs whose suspect or fingerprint has one of the labels; all where there is none.

        Raises:
            UsageError: a label that nobody has.
        """
        owned, asked = self.campaign.fingerprints, self.campaign.suspects
        known = [*(one.label for one in owned), *(one.label for one in asked)]
        for label in labels:
            if label not in known:
                raise UsageError(
                    f"--only: expected a label among {', '.join(known)}, got {label[:80]!r}"
                )
        if not labels:
            return self.pairs
        return tuple(
            pair
            for pair in self.pairs
            if pair.suspect.label in labels or pair.owned.asked.label in labels
        )


def pair_up(campaign: Campaign) -> Pairs:
    """Every fingerprint with every suspect; writes nothing.

    Raises:
        UsageError: more pairs than α may be split among, or rules that cannot be.
        FingerprintError: a fingerprint that cannot be read, or whose keys are not at hand.
        ClaimError: one that was not committed to.
    """
    places = _places(campaign)
    out = Path(campaign.out)
    _refuse_same_place(places)
    record = promise_of(campaign)
    owned = [_load(one, campaign, record) for one in campaign.fingerprints]
    return Pairs(
        campaign=campaign,
        record=record,
        pairs=tuple(
            Pair(owned=one, suspect=suspect, out=out)
            for one in owned
            for suspect in campaign.suspects
        ),
    )


def promise_of(campaign: Campaign) -> CampaignRecord:
    """What the campaign promises as its folder is now; writes nothing.

    Raises:
        UsageError: as of `promised`, and so are the others.
        FingerprintError: a fingerprint without a manifest.
    """
    return promised(
        Path(campaign.out),
        alpha=campaign.alpha,
        family_wise=campaign.family_wise,
        pairs=_places(campaign),
        fingerprints={
            slug(one.label): manifest_sha256(Path(one.fingerprint)) for one in campaign.fingerprints
        },
    )


def _places(campaign: Campaign) -> list[str]:
    return [
        f"{slug(owned.label)}/{slug(suspect.label)}"
        for owned in campaign.fingerprints
        for suspect in campaign.suspects
    ]


def _refuse_same_place(places: Sequence[str]) -> None:
    """Two pairs in one folder would be one pair, also where a disk knows no capital letters."""
    seen: set[str] = set()
    for place in places:
        if place.lower() in seen:
            raise UsageError(
                f"expected labels with folders of their own, got two pairs for runs/{place} (some "
                "disks take capital and small letters for the same); give others"
            )
        seen.add(place.lower())


def _load(given: AskedFingerprint, campaign: Campaign, record: CampaignRecord) -> Owned:
    rules = given.policy or campaign.policy
    asked = given if given.committed else given.model_copy(update={"policy": rules})
    fingerprint = FingerprintSet.load(asked.fingerprint, secret=asked.secret)
    if not fingerprint.published:
        if not fingerprint.triggers:
            raise FingerprintError(f"expected triggers in {asked.fingerprint}, got none")
        fingerprint.mask(fingerprint.triggers[0].record.id)
    # One tokenizer for all sessions, which would each read their own.
    fingerprint = replace(fingerprint, counted_by=fingerprint.tokenizer)
    policy = rules.policy(campaign.alpha, rules.alpha_transfer)
    if (parts := record.split_among) is not None:
        policy = rules.policy(share(campaign.alpha, parts), share(rules.alpha_transfer, parts))
    asked_about = fingerprint
    if asked.committed:
        asked_about = as_committed(fingerprint, asked.claim_batch)
        most, policy = policy, read_commitment(fingerprint.folder).header.policy
        if record.split_among is not None:
            _check_committed(asked, policy, most)
    triggers = len(asked_about.triggers)
    if policy.budget is not None:
        triggers = min(triggers, policy.budget // policy.questions_each)
    if not triggers:
        raise UsageError(
            f"{asked.label}: expected a budget of at least {policy.questions_each} questions, "
            f"those of one trigger, got {policy.budget}"
        )
    return Owned(asked=asked, fingerprint=fingerprint, policy=policy, triggers=triggers)


def _check_committed(asked: AskedFingerprint, policy: Policy, most: Policy) -> None:
    """Makes sure that rules which were committed to keep a promise of the whole campaign."""
    for name in ("alpha", "alpha_transfer"):
        committed, share_of = getattr(policy, name), getattr(most, name)
        if committed > share_of:
            raise UsageError(
                f"{asked.label}: expected rules with {name} of at most {share_of:.3g}, what "
                f"family_wise leaves for each pair, got {committed:g}, which was committed to and "
                "cannot be changed; leave family_wise out, or commit to less next time"
            )

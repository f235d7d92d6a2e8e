"""A campaign: which fingerprints are asked of which suspects, under what rules.

What an address means is found out when its turn comes, so that one wrong address is one suspect's
failure. Knows nothing of asking, and not from where it was read.
"""

import hashlib
import re
import unicodedata
from importlib import resources
from typing import Annotated, Final

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    field_validator,
)

from sif.errors import UsageError
from sif.http.lanes import Pace, host_key
from sif.ownership.allowance import TransferTest
from sif.ownership.policy import Policy
from sif.ownership.run import Group
from sif.session.manner import Manner
from sif.suspects.uri import SuspectAddress
from sif.visible import visible

LONGEST_LABEL: Final = 100
LONGEST_SLUG: Final = 60


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", coerce_numbers_to_str=True, allow_inf_nan=False
    )


def _named(field: str) -> BeforeValidator:
    """A text alone stands for a mapping with one field."""
    return BeforeValidator(lambda given: {field: given} if isinstance(given, str) else given)


class HostPace(_Part):
    """How fast one host may be asked.

    Attributes:
        at_a_time: requests.
        per_second: requests; none for as many as come.
    """

    at_a_time: int | None = Field(default=None, ge=1, le=1000)
    per_second: float | None = Field(default=None, gt=0.0, le=1000.0)


class PaceLimits(_Part):
    """How fast hosts may be asked, all suspects at one host together.

    Attributes:
        at_a_time: requests to each host.
        per_second: requests to each host; none for as many as come.
        hosts: other limits for some, by name, or by name and port.
        side_by_side: most suspects that are asked at the same time.
    """

    at_a_time: int = Field(default=8, ge=1, le=1000)
    per_second: float | None = Field(default=None, gt=0.0, le=1000.0)
    hosts: dict[str, HostPace] = {}
    side_by_side: int = Field(default=256, ge=1, le=1000)

    @field_validator("hosts", mode="after")
    @classmethod
    def _as_usual(cls, hosts: dict[str, HostPace]) -> dict[str, HostPace]:
        found = {host_key(name): own for name, own in hosts.items()}
        if len(found) < len(hosts):
            raise ValueError("expected every host once, got one under two names")
        return found

    def pace(self, host: str) -> Pace:
        """That of a host, by name and port as of `sif.http.lanes.host_of`."""
        own = self.hosts.get(host) or self.hosts.get(host.rpartition(":")[0]) or HostPace()
        return Pace(own.at_a_time or self.at_a_time, own.per_second or self.per_second)


class Rules(_Part):
    """What a verdict takes, but for α; as the options of `sif verify`.

    Attributes:
        alpha_transfer: as of `Policy`, and so are the others but for the last two.
        transfer_test: by what transfer is excluded, as of `Session`.
        calibration: test transfer where the fingerprint was calibrated.
    """

    alpha_transfer: float = Field(default=0.01, gt=0.0, lt=0.5)
    transfer_allowance: float | None = Field(default=None, gt=0.0, lt=1.0)
    weighted: bool = True
    budget: int | None = Field(default=None, ge=1)
    minimum_answers: int = Field(default=10, ge=1)
    repeats: int = Field(default=1, ge=1, le=1000)
    also_ask: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    transfer_test: TransferTest | None = None
    calibration: bool = True

    def policy(self, alpha: float, alpha_transfer: float) -> Policy:
        """The policy of a run, with α and α_B as they fall to it."""
        fields = self.model_dump(exclude={"transfer_test", "calibration", "alpha_transfer"})
        return Policy(alpha=alpha, alpha_transfer=alpha_transfer, **fields)


class AskedFingerprint(_Part):
    """A fingerprint that is asked about.

    Attributes:
        fingerprint: its folder.
        label: a short name; that of the folder where there is none.
        secret: the key file, where it does not lie in the folder.
        committed: ask by the rules of `sif claim commit`.
        claim_batch: which of the claim's batches, from 1.
        policy: its own rules instead of the campaign's.
    """

    fingerprint: str = Field(min_length=1)
    label: str = Field(default="", max_length=LONGEST_LABEL)
    secret: str | None = None
    committed: bool = False
    claim_batch: int | None = Field(default=None, ge=1)
    policy: Rules | None = None

    @field_validator("label")
    @classmethod
    def _plain(cls, label: str) -> str:
        return _plain_label(label)


class AskedSuspect(_Part):
    """A suspect, and the manner in which it is asked.

    Attributes:
        suspect: its address, as `sif verify` takes it.
        label: a short name; made from address and manner where there is none.
        group: sorts tables, and nothing else.
        image_attacks: on the pictures, in their order.
        answer_attacks: on the answers, from the model outwards.
        example: words that stand before every prompt, or `@FILE` that holds them.
        control: ask base pictures too where the suspect looks derived; none as `sif verify` does.
        batch: triggers asked together.
    """

    suspect: str = Field(min_length=1)
    label: str = Field(default="", max_length=LONGEST_LABEL)
    group: Group = "other"
    image_attacks: tuple[str, ...] = ()
    answer_attacks: tuple[str, ...] = ()
    example: str | None = None
    control: bool | None = None
    batch: int = Field(default=8, ge=1)

    @field_validator("label")
    @classmethod
    def _plain(cls, label: str) -> str:
        return _plain_label(label)

    @property
    def manner(self) -> Manner:
        """Attacks and example."""
        return Manner(
            image_attacks=self.image_attacks,
            answer_attacks=self.answer_attacks,
            example=self.example,
        )

    @property
    def address(self) -> SuspectAddress | None:
        """The address in its parts; none where it is wrong as written."""
        try:
            return SuspectAddress.parse(self.suspect)
        except UsageError:
            return None

    @property
    def made_label(self) -> str:
        """A label where none is given."""
        name = visible(self.name, longest=None)
        if len(name) <= LONGEST_LABEL:
            return name
        return f"{name[: LONGEST_LABEL - 9]}…{_short_digest(name)}"

    @property
    def name(self) -> str:
        """Address and manner without what cannot change an answer; never holds a secret."""
        shown = f"address {_short_digest(self.suspect)}"
        words = [shown if self.address is None else self.address.name()]
        words += [f"image {one}" for one in self.image_attacks]
        words += [f"answers {one}" for one in self.answer_attacks]
        words += [f"example {_short_digest(self.example)}"] if self.example else []
        return ", ".join(words)


class Campaign(_Part):
    """Every fingerprint is asked of every suspect.

    Attributes:
        fingerprints: at least one.
        suspects: at least one.
        alpha: α, the bound on the false-claim probability: of each pair, or of all together.
        family_wise: split α and α_B, so that they bound the chance of any false claim among all
            pairs; a number leaves room for as many pairs.
        policy: the rules of those fingerprints that have none of their own.
        limits: per host.
        out: folder for runs, tables and the report.
    """

    fingerprints: tuple[Annotated[AskedFingerprint, _named("fingerprint")], ...] = Field(
        min_length=1
    )
    suspects: tuple[Annotated[AskedSuspect, _named("suspect")], ...] = Field(min_length=1)
    alpha: float = Field(default=1e-6, gt=0.0, lt=0.5)
    family_wise: StrictBool | Annotated[int, Field(ge=1, le=1_000_000)] = False
    policy: Rules = Rules()
    limits: PaceLimits = PaceLimits()
    out: str = Field(min_length=1)


def example_file() -> str:
    """A commented file that works where `sif zoo` and `sif fingerprint` made what it names."""
    text = resources.files(__package__).joinpath("example.yaml").read_text(encoding="utf-8")
    return text.rstrip("\n")


def slug(label: str) -> str:
    """A label as the name of a folder; one that had to be changed ends in a digest of it."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", label).strip("-.")[:LONGEST_SLUG]
    return plain if plain == label else f"{plain}-{_short_digest(label)}"


def _plain_label(label: str) -> str:
    plain = unicodedata.normalize("NFC", " ".join(label.split()))
    if visible(plain) != plain:
        raise ValueError("expected a label of visible characters")
    return plain


def _short_digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]

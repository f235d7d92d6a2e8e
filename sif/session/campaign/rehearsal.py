"""What a campaign would ask, and of whom, without asking anybody or writing anything."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from sif.errors import UsageError
from sif.ownership.run import RECORD
from sif.session.campaign.campaign_file import Campaign
from sif.session.campaign.campaign_reader import read_campaign
from sif.session.campaign.conduct import collect
from sif.session.campaign.desk import is_settled
from sif.session.campaign.pairing import NOWHERE, Pair, pair_up
from sif.suspects.uri import OpenAIOptions, SuspectAddress

State = Literal["new", "begun", "settled"]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PlannedPair(_Value):
    """A pair: most questions to it, where, how far it came, and what is wrong with it already."""

    fingerprint: str
    label: str
    address: str
    host: str
    questions: int
    state: State
    alpha: float
    remark: str


class PlannedHost(_Value):
    """A host: who is asked there, how much at most, how fast, and for how long at least.

    `keys` are the environment variables of which it is sent the content.
    """

    host: str
    keys: tuple[str, ...]
    suspects: int
    questions: int
    at_a_time: int | None
    per_second: float | None
    seconds: float | None


class Rehearsal(_Value):
    """What would be asked; `to_know` as of `CampaignResults`."""

    pairs: tuple[PlannedPair, ...]
    hosts: tuple[PlannedHost, ...]
    to_know: str

    @property
    def questions(self) -> int:
        """Most questions in all."""
        return sum(pair.questions for pair in self.pairs)


def rehearse(campaign: str | Path | Campaign, *, only: Sequence[str] = ()) -> Rehearsal:
    """What a campaign would ask; reaches nobody, and writes nothing.

    Raises:
        UsageError: as of `audit_all`, and so are the others.
    """
    whole = pair_up(campaign if isinstance(campaign, Campaign) else read_campaign(campaign))
    wanted = whole.only(only)
    limits = whole.campaign.limits
    hosts = []
    for host in dict.fromkeys(pair.host for pair in wanted):
        there = [pair for pair in wanted if pair.host == host]
        questions = sum(pair.questions for pair in there)
        pace = None if host == NOWHERE else limits.pace(host)
        per_second = None if pace is None else pace.per_second
        hosts.append(
            PlannedHost(
                host=host,
                keys=tuple(sorted({name for pair in there for name in _keys(pair)})),
                suspects=len({pair.suspect.label for pair in there}),
                questions=questions,
                at_a_time=None if pace is None else pace.at_a_time,
                per_second=per_second,
                seconds=None if per_second is None else questions / per_second,
            )
        )
    return Rehearsal(
        pairs=tuple(_planned(pair) for pair in wanted),
        hosts=tuple(hosts),
        to_know=collect(whole).to_know,
    )


def _planned(pair: Pair) -> PlannedPair:
    state: State = "begun" if (pair.run / RECORD).exists() else "new"
    return PlannedPair(
        fingerprint=pair.owned.asked.label,
        label=pair.suspect.label,
        address=pair.suspect.name,
        host=pair.host,
        questions=pair.questions,
        state="settled" if is_settled(pair) else state,
        alpha=pair.owned.policy.alpha,
        remark=_fault(pair.suspect.suspect),
    )


def _keys(pair: Pair) -> set[str]:
    """The environment variable with the key that an endpoint is sent, if it is set."""
    address = pair.suspect.address
    if address is None or not isinstance(address.options, OpenAIOptions):
        return set()
    name = address.options.key_env
    return {name} if os.environ.get(name, "").strip() else set()


def _fault(address: str) -> str:
    """What is wrong with an address as it is written; "" where nothing is."""
    try:
        SuspectAddress.parse(address)
    except UsageError as error:
        return str(error)
    return ""

"""α over many verdicts: what each pair of fingerprint and suspect gets of it, and the promise kept.

Each verdict holds alone: its e-value reaches 1/α against an innocent with probability α at most, so
that among N innocents N·α false claims at most are expected. Split among N pairs, α bounds the
chance of any false claim (the union bound, which holds however the pairs depend on each other): a
pair with α/N claims falsely with probability α/N at most. N is fixed before the first question, for
whoever asks until somebody is convicted, and adds pairs as he goes, has no bound at all.

campaign.json in the campaign's folder says what was promised. Knows no suspects.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import nextafter
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sif.errors import StorageError, UsageError
from sif.files import check_claim, claim_folder
from sif.held import LOCK
from sif.plain_files import read_text_file

RECORD: Final = "campaign.json"


class CampaignRecord(BaseModel):
    """campaign.json.

    Attributes:
        alpha: of each pair, or of all where it is split.
        split_among: pairs among which α and α_B are split; none where each has all of it.
        pairs: folders of the runs that were ever begun or planned, where it is split.
        fingerprints: digests of the manifests that were ever asked about, by the name of their
            folder of runs: one made anew would be another draw of keys.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    alpha: float
    split_among: int | None = Field(default=None, ge=1)
    pairs: tuple[str, ...] = ()
    fingerprints: dict[str, str] = {}


def share(alpha: float, parts: int) -> float:
    """The largest number of which `parts` are together no more than α, exactly, in rationals.

    α is taken as it is written and as the machine has it, whichever is less.

    Raises:
        UsageError: nothing is left for a part.
    """
    whole = min(Fraction(alpha), Fraction(repr(alpha)))
    part = alpha / parts
    while Fraction(part) * parts > whole:
        part = nextafter(part, 0.0)
    if not part:
        raise UsageError(f"expected a bound that can be split among {parts} pairs, got {alpha:g}")
    return part


def promised(
    out: Path,
    *,
    alpha: float,
    family_wise: bool | int,
    pairs: Sequence[str],
    fingerprints: Mapping[str, str] = MappingProxyType({}),
) -> CampaignRecord:
    """What a campaign promises, which is what it promised when it began.

    Args:
        out: its folder, which may not be there yet; nothing is written.
        alpha: of the campaign.
        family_wise: whether α is split, or among how many pairs.
        pairs: the folders of all runs that it names now.
        fingerprints: digests of their manifests, by folder.

    Raises:
        UsageError: more pairs than α is split among, or another promise or fingerprint than was
            begun with.
        StorageError: campaign.json is damaged, or the folder holds something else.
    """
    check_claim(out, mark=RECORD, aside=(LOCK,))
    begun = read_record(out)
    room = None if family_wise is False else len(pairs)
    if family_wise is not True and family_wise is not False:
        room = family_wise
    elif family_wise and begun is not None:
        room = begun.split_among or room
    known = {**(begun.fingerprints if begun else {}), **fingerprints}
    now = CampaignRecord(alpha=alpha, split_among=room, fingerprints=known)
    _check_fingerprints(out, begun, fingerprints)
    if begun is not None and (begun.alpha, begun.split_among) != (alpha, room):
        raise UsageError(
            f"expected α as {out} was begun with, {_said(begun)}, got {_said(now)}; it is fixed "
            "before the first question: give the same, or name another folder as out"
        )
    if room is None:
        return now
    family = sorted({*pairs, *(begun.pairs if begun else ())})
    if len(family) > room:
        more = "" if begun is None else f", with those that were in it before ({len(begun.pairs)})"
        raise UsageError(
            f"expected at most the {room} pairs that α is split among, got {len(family)}{more}; "
            "more would break the promise that it bounds them all: ask them in a campaign of their "
            "own, whose α comes on top of this one's. Next time `family_wise: 100` leaves room for "
            "100"
        )
    return now.model_copy(update={"pairs": tuple(family)})


def _check_fingerprints(
    out: Path, begun: CampaignRecord | None, fingerprints: Mapping[str, str]
) -> None:
    for name, digest in fingerprints.items():
        if begun is not None and begun.fingerprints.get(name, digest) != digest:
            raise UsageError(
                f"expected the fingerprint {name} that was asked about in {out}, got another one, "
                "made anew or of another folder; give it another label, or name another folder as "
                "out"
            )


def keep_promise(out: Path, record: CampaignRecord) -> None:
    """Writes the promise down, in a new folder or in that of this campaign.

    Raises:
        StorageError: the folder holds something else, or cannot be written.
    """
    claim_folder(out, mark=RECORD, words=record.model_dump_json(indent=2), aside=(LOCK,))


def read_record(out: Path) -> CampaignRecord | None:
    """campaign.json; none where the campaign has not begun.

    Raises:
        StorageError: it is damaged.
    """
    path = out / RECORD
    try:
        return CampaignRecord.model_validate_json(read_text_file(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValidationError, UnicodeDecodeError) as error:
        raise StorageError(
            f"expected {path} as `sif audit-all` writes it, got something else; restore it, or "
            "name another folder as out"
        ) from error


def _said(record: CampaignRecord) -> str:
    split = record.split_among
    among = "for each pair" if split is None else f"split among {split} pairs"
    return f"{record.alpha:g} {among}"

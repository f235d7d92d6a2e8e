"""The auditor's own models, asked in the manner of the run that is audited.

Auditing is a third party's check of a claim's bundle; `sif.claims.audit` does it.
"""

from typing import Final

from sif.attacks.images import parse_image_attack
from sif.attacks.images.purify import SUFFIX
from sif.claims.case import Asked
from sif.claims.record import image_attack_of
from sif.errors import ClaimError, UsageError
from sif.ownership.run import RunRecord
from sif.session.manner import Manner
from sif.suspects.connect import connect
from sif.suspects.uri import SuspectAddress
from sif.types import Suspect

MOST_ATTACKS: Final = 8


def asked_as_in_run(address: str) -> Asked:
    """A suspect that is connected when its turn comes, with what the run put before its own.

    Raises:
        UsageError: the address is wrong as written.
    """
    SuspectAddress.parse(address)
    return Asked(name=address, open=lambda record: _open(address, record))


def _check_plain(attack: str) -> None:
    """Makes sure that an attack which a bundle names opens no file here, and comes to an end.

    Raises:
        ClaimError: it names a file, or is a long chain.
    """
    parts = attack.split("+")
    if len(parts) > MOST_ATTACKS or any(part.strip().endswith(SUFFIX) for part in parts):
        raise ClaimError(
            f"expected at most {MOST_ATTACKS} attacks on images in run.json, and none with weights "
            "of its own, which an audit does not open"
        )


def _open(address: str, record: RunRecord) -> Suspect:
    attack = image_attack_of(record.suspect)
    if attack:
        _check_plain(attack)
        try:
            parse_image_attack(attack)
        except UsageError as error:
            raise ClaimError(f"run.json names an attack on images that is none: {error}") from error
    manner = Manner(image_attacks=(attack,) if attack else (), example=record.example)
    return manner.around(connect(address))

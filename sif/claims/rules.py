"""The rules of a run whose claim is to hold after an audit.

An audit takes a discount off the evidence for keys and orders of asking that might have been chosen
(`sif.claims.tries`), for batches to choose from, and a little for questions without an answer
(`sif.claims.gaps`), so that the run is asked for that much more. All words count alike, for weights
could be chosen to fit the keys, and words of prompts and example do not count, unless they did in a
calibration of before.
"""

from collections.abc import Mapping
from math import log10
from pathlib import Path
from typing import Any, NamedTuple

from sif.claims.case import SECRETS_TRIED, TOKENS_TRIED
from sif.claims.gaps import WITHOUT_GAPS
from sif.claims.tries import Tries, tries_of
from sif.errors import UsageError
from sif.json_once import read_json
from sif.ownership.allowance import TransferTest, allowed_by, usual_test
from sif.ownership.calibration import Calibration, read_calibration
from sif.ownership.panel_answers import references_for
from sif.ownership.policy import Policy


class Rules(NamedTuple):
    """The policy of a run, and what an audit will take off if all was answered."""

    policy: Policy
    tries: Tries


def rules_of_run(
    fingerprint: Path,
    *,
    alpha: float,
    alpha_transfer: float,
    anchored: bool,
    batches: int = 1,
    test: TransferTest | None = None,
    default: Mapping[str, object] = {},
    given: Path | None = None,
) -> Rules:
    """The rules that `commit` is to sign.

    Args:
        fingerprint: its folder, whose calibration says the transfer allowance.
        alpha: α of the claim.
        alpha_transfer: α_B of the claim.
        anchored: whether the keys follow from a timestamp.
        batches: K, of which the claimant may show any.
        test: by what transfer is excluded, as it was calibrated; `usual_test` where None.
        default: other fields of the policy.
        given: a file with a policy in JSON, or a part of one, which goes before all but the bounds
            and the order, which is drawn.

    Raises:
        UsageError: bounds, or a file, that make no sense, or a test that was not calibrated.
        FingerprintError: a damaged calibration.
    """
    Policy(alpha=alpha, alpha_transfer=alpha_transfer)  # refuses what makes no sense
    if batches < 1:
        raise UsageError(f"batches: expected 1 or more, got {batches}; 1 for a single dispute")
    tries = tries_of(
        anchored=anchored, order="timestamp", secrets=SECRETS_TRIED, tokens=TOKENS_TRIED
    ).times(WITHOUT_GAPS + log10(batches))
    measured = read_calibration(fingerprint)
    fields: dict[str, Any] = {
        **default,
        "weighted": False,
        "prompt_scored": measured is not None and measured.prompt_scored,
        **allowed_by(measured, test or usual_test(measured)).fields,
        **({} if given is None else _read(given)),
        "order": "drawn",
        "alpha": alpha / 10.0**tries.independence,
        "alpha_transfer": alpha_transfer / 10.0**tries.transfer,
    }
    policy = Policy.model_validate(fields)
    _refuse_less(policy, measured, fingerprint)
    return Rules(policy, tries)


def _refuse_less(policy: Policy, measured: Calibration | None, fingerprint: Path) -> None:
    """What an audit would refuse is refused before it is signed.

    Raises:
        UsageError: an allowance below the measured one, or one for contrasts without answers.
    """
    references_for(fingerprint, policy)
    for name, found in (
        ("transfer_allowance", None if measured is None else measured.allowance),
        ("contrast_allowance", None if measured is None else measured.contrast_allowance),
    ):
        stated = getattr(policy, name)
        if stated is not None and found is not None and stated < found:
            raise UsageError(
                f"policy: expected a {name} of at least {found}, as it was calibrated, got "
                f"{stated}; leave it out of the file"
            )


def _read(path: Path) -> dict[str, object]:
    try:
        given = read_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(f"expected the JSON of a policy in {path}, got none") from error
    if not isinstance(given, dict):
        raise UsageError(f"expected the JSON of a policy in {path}, got something else")
    return given

"""τ for an audit: that of the calibration, if it was asked and counted in the same way."""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from sif.errors import UsageError
from sif.ownership.calibration import PLAIN, Calibration
from sif.ownership.policy import Policy

TransferTest = Literal["reaction", "contrast", "both"]
"""How transfer is excluded: by how far answers lean, by whose words they are, or by both."""
TESTS: Final[tuple[TransferTest, ...]] = ("reaction", "contrast", "both")


class Allowances(NamedTuple):
    """What transfer explains.

    Attributes:
        reaction: τ of reactions; none where they are not tested.
        contrast: τ of contrasts; none where they are not tested.
        highest: τ_i, the largest z-score of any unrelated model, by trigger.
    """

    reaction: float | None = None
    contrast: float | None = None
    highest: Mapping[str, float] | None = None

    @property
    def fields(self) -> dict[str, float | None]:
        """As a policy has them."""
        return {"transfer_allowance": self.reaction, "contrast_allowance": self.contrast}


def allowances_of(
    calibration: Calibration | None,
    policy: Policy,
    *,
    test: TransferTest | None = None,
    image_attack: str = PLAIN,
    example: str | None = None,
) -> Allowances:
    """τ and τ_i for an audit that asks in some way; nothing without a calibration.

    Args:
        calibration: of the fingerprint.
        policy: how it asks.
        test: which of the two tests; `usual_test` where None.
        image_attack: that pictures go through, in its text form.
        example: words before every prompt.

    Raises:
        UsageError: the calibration was asked in another way, or the test was not calibrated.
    """
    chosen = test or usual_test(calibration)
    if chosen not in TESTS:
        raise UsageError(f"transfer_test: expected one of {', '.join(TESTS)}, got {chosen!r}")
    if calibration is None:
        return allowed_by(None, chosen)
    if missing := calibration.lacks(image_attack, policy, example):
        raise UsageError(
            "expected to ask as the fingerprint was calibrated, got "
            f"{calibration.differs(image_attack, policy, example)}: unrelated models may react "
            f"differently to it; run sif calibrate with {missing}, or verify with --no-calibration"
        )
    return allowed_by(calibration, chosen)


def allowed_by(calibration: Calibration | None, test: TransferTest) -> Allowances:
    """τ of a test, however an audit asks; nothing without a calibration.

    Raises:
        UsageError: the test was not calibrated.
    """
    if test != "reaction" and (calibration is None or calibration.contrast_allowance is None):
        raise UsageError(
            f"expected for the test {test!r} a calibration that asked the source too, got "
            f"{'none' if calibration is None else 'one without'}; run sif calibrate with --source "
            "MODEL"
        )
    if calibration is None:
        return Allowances()
    nothing_shown = calibration.allowance >= 1.0
    if nothing_shown and test == "reaction":
        raise UsageError(
            "expected a calibration whose panel does not react to all triggers, got one that does; "
            "verify by contrast"
        )
    return Allowances(
        reaction=None if test == "contrast" or nothing_shown else calibration.allowance,
        contrast=None if test == "reaction" else calibration.contrast_allowance,
        highest=calibration.highest_unrelated,
    )


def usual_test(calibration: Calibration | None) -> TransferTest:
    """Both tests where the source was asked too, else reactions alone.

    Where the panel reacts to all triggers, `both` has nothing but contrasts.
    """
    contrasted = calibration is not None and calibration.contrast_allowance is not None
    return "both" if contrasted else "reaction"


def test_of(policy: Policy) -> TransferTest:
    """By which test a policy excludes transfer."""
    if policy.contrast_allowance is None:
        return "reaction"
    return "contrast" if policy.transfer_allowance is None else "both"

"""τ for an audit: that of the calibration, if it was asked and counted in the same way."""

from collections.abc import Mapping

from sif.errors import UsageError
from sif.ownership.calibration import PLAIN, Calibration
from sif.ownership.policy import Policy


def allowance_of(
    calibration: Calibration | None,
    policy: Policy,
    *,
    image_attack: str = PLAIN,
    example: str | None = None,
) -> tuple[float | None, Mapping[str, float] | None]:
    """τ and τ_i for an audit that asks in some way; nothing without a calibration.

    Raises:
        UsageError: the calibration was asked in another way.
    """
    if calibration is None:
        return None, None
    if missing := calibration.lacks(image_attack, policy, example):
        raise UsageError(
            "expected to ask as the fingerprint was calibrated, got "
            f"{calibration.differs(image_attack, policy, example)}: unrelated models may react "
            f"differently to it; run sif calibrate with {missing}, or verify with --no-calibration"
        )
    return calibration.allowance, calibration.highest_unrelated

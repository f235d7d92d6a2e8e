"""From green counts to a verdict with a proven bound on false claims.

Null A of the statistical contract: answers that do not depend on the owner's secret. Everything
here is arithmetic on counts; nothing knows models, images, tokenizers or keys.
"""

from sif.ownership.evidence import Evidence
from sif.ownership.null import HypergeometricNull
from sif.ownership.observation import Observation
from sif.ownership.policy import Policy
from sif.ownership.verdict import TriggerRecord, Verdict, judge
from sif.types import Decision

__all__ = [
    "Decision",
    "Evidence",
    "HypergeometricNull",
    "Observation",
    "Policy",
    "TriggerRecord",
    "Verdict",
    "judge",
]

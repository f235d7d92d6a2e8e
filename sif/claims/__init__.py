"""Claims: evidence that can be checked without trusting the claimant.

anchor      a secret that is timestamped before its keys exist
commit      a signed hash over everything that decides a verdict; its timestamp
witness     somebody else's signature beside the owner's
reveal      one file with the secret, the fingerprint and a run
audit       everything again from scratch, step by step
"""

from sif.claims.audit import STEPS, audit
from sif.claims.case import Asked, Means
from sif.claims.commit import commit, prepare_request, read_commitment, stamp
from sif.claims.reveal import reveal
from sif.claims.signing import KeyPlace
from sif.claims.steps import AuditReport, Outcome, Status, Step
from sif.claims.timestamp import Token, ask, load_roots, new_request
from sif.claims.witness import witness

__all__ = [
    "STEPS",
    "Asked",
    "AuditReport",
    "KeyPlace",
    "Means",
    "Outcome",
    "Status",
    "Step",
    "Token",
    "ask",
    "audit",
    "commit",
    "load_roots",
    "new_request",
    "prepare_request",
    "read_commitment",
    "reveal",
    "stamp",
    "witness",
]

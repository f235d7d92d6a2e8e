"""One question to a suspect, end to end: what the commands do, for whoever writes Python.

verify      fingerprint, suspect, attacks, example, run folder -> verdict   (`sif verify`)
calibrate   fingerprint, panel of unrelated models -> transfer allowance    (`sif calibrate`)
sda         fingerprint, suspect, benign reference -> what a thief gains    (`sif sda`)
campaign/   fingerprints, suspects -> a verdict on every pair of them       (`sif audit-all`)

Everything is kept as it comes and goes on where it stopped. Nothing here prints.
"""

from sif.session.manner import Manner
from sif.session.panel import calibrate
from sif.session.session import Session, verify

__all__ = ["Manner", "Session", "calibrate", "verify"]

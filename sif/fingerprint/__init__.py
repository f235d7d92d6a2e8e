"""Triggers and fingerprint sets: made by `make_fingerprint`, kept in a folder, read by `load`."""

from sif.fingerprint.folder import FingerprintSet, Trigger
from sif.fingerprint.make import make_fingerprint

__all__ = ["FingerprintSet", "Trigger", "make_fingerprint"]

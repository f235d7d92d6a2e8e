"""Every error that SIF raises on purpose.

SifError
├── UsageError          what the caller asked for makes no sense as written (exit code 2)
├── ModelError          a model cannot be loaded, or does not pass the probe
├── FingerprintError    a fingerprint folder is missing, incomplete, damaged or of another version
├── WatermarkError      a watermark folder is missing, incomplete, damaged, or of another model
├── ClaimError          a claim is missing, incomplete, damaged, or does not fit what it is about
├── SuspectError        a suspect cannot be reached at all (single failures are `Unanswered`)
└── StorageError        a file cannot be written or read back

A message says what was expected, what came, and how to mend it, in one line.
"""


class SifError(Exception):
    """Base of all of them; the command line prints it and exits with 1."""


class UsageError(SifError):
    """The request is wrong as written; the command line exits with 2."""


class ModelError(SifError):
    """A model cannot be loaded, or does not pass the probe."""


class FingerprintError(SifError):
    """A fingerprint folder is missing, incomplete, damaged or of another version."""


class WatermarkError(SifError):
    """A watermark folder is missing, incomplete, damaged, or of another model."""


class ClaimError(SifError):
    """A claim is missing, incomplete, damaged, or does not fit what it is about."""


class SuspectError(SifError):
    """A suspect cannot be reached at all."""


class StorageError(SifError):
    """A file cannot be written, or cannot be read back as what was written."""

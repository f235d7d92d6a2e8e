"""The report: one self-contained page about a fingerprint and the suspects that were asked."""

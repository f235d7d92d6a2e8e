"""Fingerprints of any network, seen only through inputs and outputs: MetaV, LiteGuard, contrast.

Everything about them: networks, thefts, training, verifiers, the folder, verdicts.
"""

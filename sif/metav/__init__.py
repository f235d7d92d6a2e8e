"""Fingerprints for any network: trained inputs, and a verifier of the answers to them."""

"""What an owner composes from networks and thefts before training fingerprints."""

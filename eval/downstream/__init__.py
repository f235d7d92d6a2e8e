"""What a thief uses a vision foundation model for: small tasks with labelled pictures."""

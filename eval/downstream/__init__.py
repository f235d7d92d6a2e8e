"""What a thief uses a vision foundation model for: small downstream tasks with labelled pictures."""

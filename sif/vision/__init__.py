"""White-box adapters for vision models: towers, their blocks, their representations."""

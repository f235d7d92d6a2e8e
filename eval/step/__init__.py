"""What one step of making takes at the size of a real model, measured with random weights."""

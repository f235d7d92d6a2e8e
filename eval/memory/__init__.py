"""What making triggers takes of memory at real sizes, counted without the weights."""

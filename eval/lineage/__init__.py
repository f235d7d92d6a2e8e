"""What weights alone say of where a model comes from."""

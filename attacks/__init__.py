"""What a thief does to a stolen model: to its weights, its images and its answers."""

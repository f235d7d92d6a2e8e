"""Against what a trigger must hold: terms that wrap the gradient of a step."""

"""How many questions a calibrated claim takes."""

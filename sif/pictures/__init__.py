"""Pictures as they come from files: one reader for making, tuning, asking and finding out."""

"""Watermarks: keyed word lists (`greenlist`) and marks inside a vision model (`activemark`)."""

"""Marking a vision model, and reading the mark in a suspect's weights."""

"""Rows of a benchmark, made up."""

from typing import Any

from sif.eval.triggers.rows import Cell, Cost, Portrait

STRANGER: dict[str, Any] = {"suspect": "stranger-a", "role": "innocent"}
WANTED: dict[str, Any] = {
    "method": "pla",
    "green": None,
    "scored": None,
    "vocabulary_size": None,
    "green_size": None,
}


def cell(**changes: Any) -> Cell:
    fields: dict[str, Any] = {
        "family": "llava",
        "method": "sif",
        "seed": 0,
        "suspect": "source",
        "role": "source",
        "split": "tuning",
        "image_attack": "none",
        "trigger": "0001",
        "answered": True,
        "matched": None,
        "green": 30,
        "scored": 40,
        "vocabulary_size": 500,
        "green_size": 250,
    }
    return Cell(**(fields | changes))


def cost(**changes: Any) -> Cost:
    fields: dict[str, Any] = {
        "family": "llava",
        "method": "sif",
        "seed": 0,
        "triggers": 4,
        "seconds": 2.5,
        "gradient_passes": 1200,
        "decoding_passes": None,
        "peak_bytes": 1,
        "device": "cpu",
        "threads": 1,
        "jobs": 2,
        "batch_size": 12,
        "weak": 1,
    }
    return Cost(**(fields | changes))


def portrait(**changes: Any) -> Portrait:
    fields: dict[str, Any] = {
        "family": "llava",
        "method": "sif",
        "seed": 0,
        "trigger": "0001",
        "largest_change": 16,
        "psnr": 30.0,
        "ssim": 0.8,
        "haarpsi": 0.9,
        "facts": 0.9,
        "base_facts": 1.0,
    }
    return Portrait(**(fields | changes))

"""Attacks on a model's weights; each leaves a plain folder that transformers and vLLM load."""

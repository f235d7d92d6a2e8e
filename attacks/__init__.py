"""What a thief does to a stolen model: to its weights, its images and its answers.

`sif.attacked` (sif/attacks/attacked.py) puts attacks on images, answers and serving around a
suspect; attacks on weights leave a folder. Imports nothing, so that a command line can name an
attack before it loads one.
"""

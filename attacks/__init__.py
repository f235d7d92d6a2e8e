"""What a thief does to a stolen model: to its weights, its images and its answers.

attacked(suspect, *attacks)   the suspect behind attacks on images, answers and serving
"""

from sif.attacks.attacked import attacked

__all__ = ["attacked"]

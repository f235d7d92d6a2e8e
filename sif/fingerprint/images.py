"""Base images by name, as makers of fingerprints give them. Knows nothing of models."""

from sif.pictures.folder import NamedImage as NamedImage
from sif.pictures.folder import read_images as read_images

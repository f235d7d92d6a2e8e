"""The identity of a vision tower: a digest of its weights as its files hold them."""

import hashlib

import torch

from sif.marks.vision_model import VisionModel


def tower_digest(vision: VisionModel) -> str:
    """SHA-256 (hex) over names, shapes and values of the tower's tensors, in `stored` precision.

    A folder that is saved and loaded again has the digest that the model had in memory.
    """
    digest = hashlib.sha256(str(vision.stored).encode())
    for name, tensor in sorted(vision.module.state_dict().items()):
        kept = tensor.to(vision.stored) if tensor.is_floating_point() else tensor
        digest.update(f"\0{name}\0{tuple(kept.shape)}\0".encode())
        digest.update(kept.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()

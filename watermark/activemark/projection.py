"""The rule of the keyed read-out: n directions in which representations of images are compared.

bit j of image i is 1 where w_j · (r_i − c) > 0, with c the mean of the suspect's own
representations of all hold-out images. The directions come from the clean model's representations
of ordinary images and from a fixed number: no message goes into them, nor into c. So for a suspect
that does not depend on the secret the bits match the messages like fair coins, exactly
(`sif.marks.bits`); this holds for any directions and any centre that are fixed without the
messages. The centre takes out what fine-tuning does to all images alike.
"""

from typing import Final, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from sif.errors import UsageError

Directions = Literal["quiet", "any"]
_MIX: Final = 20251004


def choose_directions(
    features: Float[Tensor, "batch features"], *, bits: int, kind: Directions
) -> Float[Tensor, "bits features"]:
    """Orthonormal directions.

    Args:
        features: of ordinary images, on the clean model; centred here.
        bits: n.
        kind: "quiet" spans the directions in which these vary least, where a mark costs the
            features little; "any" spans a subspace drawn from all.

    Raises:
        UsageError: more bits than a representation has dimensions.
    """
    width = features.shape[1]
    if bits > width:
        raise UsageError(
            f"expected at most {width} bits, one for each dimension of the representation, got "
            f"{bits}"
        )
    generator = torch.Generator().manual_seed(_MIX)
    if kind == "any":
        drawn = torch.randn(width, bits, generator=generator, dtype=torch.float64)
        basis: Tensor = torch.linalg.qr(drawn)[0]
        return basis.T.float().contiguous()
    exact = (features - features.mean(0)).double().cpu()
    _values, vectors = torch.linalg.eigh(exact.T @ exact)
    mixing = torch.randn(bits, bits, generator=generator, dtype=torch.float64)
    mixed: Tensor = torch.linalg.qr(mixing)[0] @ vectors[:, :bits].T
    return mixed.float().contiguous()


def read_out(
    features: Float[Tensor, "batch features"], directions: Float[Tensor, "bits features"]
) -> Float[Tensor, "batch bits"]:
    """w_j · (r_i − c) for all images of the watermark together."""
    return (features - features.mean(0)) @ directions.T.to(features)


def bits_of(values: Float[Tensor, "batch bits"]) -> Bool[Tensor, "batch bits"]:
    """1 where a value (or logit) is above 0."""
    return values > 0

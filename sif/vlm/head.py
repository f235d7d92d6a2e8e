"""The head over a vocabulary, shown its positions as rows that lie one behind the other.

Models cut the last positions out of their sequences, and what is left lies in strides that a
product of matrices does not take as rows: on a CPU a frozen head is then copied whole for every
pass, which in half precision takes much longer than the product.
"""

from itertools import pairwise
from typing import Any, Final

import torch
from torch import Tensor, nn

HALF: Final = (torch.bfloat16, torch.float16)


def sees_rows(model: Any) -> None:
    """Has a model's head see rows where it computes in half precision.

    Of other heads than plain linear layers nothing changes, nor in full precision, where the copy
    is cheap and the last bits of some numbers would be others.
    """
    head = model.get_output_embeddings()
    if type(head) is nn.Linear:
        head.register_forward_pre_hook(_as_rows)


def _as_rows(_head: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
    hidden, *others = given
    if not isinstance(hidden, Tensor) or hidden.dtype not in HALF or _lies_in_rows(hidden):
        return given
    return (hidden.clone(memory_format=torch.contiguous_format), *others)


def _lies_in_rows(values: Tensor) -> bool:
    """Also where an axis has one place only, whose stride says nothing but is looked at."""
    axes = [*zip(values.shape, values.stride(), strict=True)]
    return all(stride == size * step for (_, stride), (size, step) in pairwise(axes))

"""How many threads compute. Imports torch only where somebody asks for a number."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def computing_with(number: int | None) -> Iterator[None]:
    """So many of torch's threads inside, as many as before afterwards; None leaves them."""
    if number is None:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)

"""A loaded model that goes along with a part: here as it is, elsewhere by where it lies.

Sent to another process it leaves its weights behind, and is loaded there once, when it is first
used. Knows nothing of what is done with it.
"""

from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Any

from sif.scale.lent import Lent
from sif.vlm.model import Vlm


class ModelAtHand:
    """A model and the way to it.

    Args:
        vlm: loaded, from a folder or a hub id.
    """

    def __init__(self, vlm: Vlm) -> None:
        self._vlm = vlm

    def vlm(self) -> Vlm:
        """The model."""
        return self._vlm

    @cached_property
    def elsewhere(self) -> "ModelElsewhere":
        """What another process gets."""
        spread = getattr(self._vlm.model, "hf_device_map", None) or {}
        device = "auto" if len(set(spread.values())) > 1 else self._vlm.device.type
        dtype = str(self._vlm.model.dtype).removeprefix("torch.")
        return ModelElsewhere(Lent.of(self._vlm.source), device, dtype)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        it = self.elsewhere
        return ModelElsewhere, (it.lent, it.device, it.dtype)


class ModelElsewhere:
    """The same in another process.

    Args:
        lent: where it comes from.
        device: kind of it.
        dtype: that it computes in.
    """

    def __init__(self, lent: Lent, device: str, dtype: str) -> None:
        self.lent, self.device, self.dtype = lent, device, dtype

    def vlm(self) -> Vlm:
        """The model, loaded when it is first asked for.

        Raises:
            ModelError: it cannot be loaded.
            NotHereError: it has to be sent first.
        """
        return _loaded(self.lent.place(), self.device, self.dtype)


@lru_cache(maxsize=1)
def _loaded(source: str, device: str, dtype: str) -> Vlm:
    """One at a time."""
    return Vlm.load(source, device=device, dtype=dtype)

"""Layer dropping: a shallower language model, without any training.

The layers that stay are joined as they are; the configuration tells the new depth, so that plain
transformers and vLLM load the folder. Knows no family: any decoder with a list of layers will do.
"""

from typing import Any, ClassVar

from pydantic import Field
from torch import nn

from sif.attacks.weights.attack import Facts, Progress, WeightAttack, Workbench
from sif.attacks.weights.parts import language_model
from sif.errors import ModelError, UsageError


class DropLayers(WeightAttack):
    """Leaves decoder layers out of the language model.

    Attributes:
        layers: how many, those directly before the last one, which change a deep model least
            without it (Gromov et al. 2024, arXiv:2403.17887); or which ones, counted from 0.
    """

    name: ClassVar[str] = "drop-layers"

    layers: int | tuple[int, ...] = Field(union_mode="smart")

    def apply(self, model: Any, processor: Any, bench: Workbench) -> Facts:
        """Drops them in place; tells which.

        Raises:
            UsageError: a layer that is not there, one named twice, or none that would stay.
            ModelError: the model does not keep its language model's layers in a list.
        """
        decoder = language_model(model)
        stack = getattr(decoder, "layers", None)
        if not isinstance(stack, nn.ModuleList):
            raise ModelError(
                f"expected a language model with a list of layers, got {type(decoder).__name__}"
            )
        gone = self._chosen(len(stack))
        kept = [index for index in range(len(stack)) if index not in gone]
        decoder.layers = nn.ModuleList(stack[index] for index in kept)
        _renumber(decoder.layers)
        _tell(decoder.config, kept)
        bench.report(Progress(stage=self.name, step=1, steps=1))
        return {"dropped": gone, "layers": len(kept)}

    def _chosen(self, depth: int) -> list[int]:
        """The layers to drop, in order."""
        if isinstance(self.layers, int):
            if not 0 < self.layers < depth:
                raise UsageError(
                    f"expected 1 to {depth - 1} layers to drop of {depth}, got {self.layers}"
                )
            return list(range(depth - 1 - self.layers, depth - 1))
        gone = sorted(set(self.layers))
        if len(gone) != len(self.layers) or not gone or len(gone) == depth:
            raise UsageError(
                f"expected different layers from 0 to {depth - 1}, and not all, "
                f"got {', '.join(map(str, self.layers)) or 'none'}"
            )
        if gone[0] < 0 or gone[-1] >= depth:
            wrong = gone[0] if gone[0] < 0 else gone[-1]
            raise UsageError(f"expected layers from 0 to {depth - 1}, got {wrong}")
        return gone


def _renumber(stack: nn.ModuleList) -> None:
    """Layers know their place, by which the cache finds their keys and values."""
    for index, layer in enumerate(stack):
        for module in layer.modules():
            if hasattr(module, "layer_idx"):
                vars(module)["layer_idx"] = index


def _tell(config: Any, kept: list[int]) -> None:
    """Writes the new depth, and what the configuration says layer by layer."""
    kinds = getattr(config, "layer_types", None)
    if kinds is not None:
        config.layer_types = [kinds[index] for index in kept]
    window = getattr(config, "max_window_layers", None)
    if window is not None:
        config.max_window_layers = sum(index < window for index in kept)
    config.num_hidden_layers = len(kept)

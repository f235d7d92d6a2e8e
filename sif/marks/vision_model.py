"""A vision model in white-box use: images in [0, 1] in, blocks' outputs and representations out.

Knows nothing of keys or watermarks, and no model by name.
"""

import copy
import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from PIL import Image, ImageOps
from torch import Tensor, nn

from sif.errors import ModelError, UsageError
from sif.marks.tower import Readout, Tower, find_tower
from sif.marks.tower_folder import load_owner
from sif.vlm.extent import Extent, native_extent
from sif.vlm.folder import save_model
from sif.vlm.native import to_rgb
from sif.vlm.pixels import to_tensor

LARGEST_FREE_SIDE = 336
"""Side in pixels for models that take any size, unless their limits say otherwise."""

Edit = Callable[[Tensor], Tensor]
"""What replaces a block's output: "batch positions hidden" -> the same shape."""
Inputs = Mapping[str, Tensor]
"""Pixel values as the tower's forward pass takes them."""


class Pass(NamedTuple):
    """What one forward pass showed.

    Attributes:
        hidden: the output of each block.
        tokens: behind the representation, CLS and registers included where there are some.
        features: the representation.
    """

    hidden: tuple[Float[Tensor, "batch positions hidden"], ...]
    tokens: Float[Tensor, "batch tokens features"]
    features: Float[Tensor, "batch features"]


@dataclass(frozen=True, eq=False)
class VisionModel:
    """A vision model with its processor.

    Args:
        owner: the whole transformers model, with all that is saved beside the tower.
        processor: its image processor, or the processor of an LVLM.
        source: the folder or hub id that it came from.
        tower: the part that sees.
        stored: precision of the tower's files, in which it is saved again.
    """

    owner: Any
    processor: Any
    source: str
    tower: Tower
    stored: torch.dtype

    @classmethod
    def load(
        cls, source: str | Path, *, device: str = "auto", readout: Readout | None = None
    ) -> "VisionModel":
        """Loads a model; its tower in float32, frozen and in evaluation mode.

        Args:
            source: a folder or a hub id: a vision model, or an LVLM with one inside.
            device: "auto" (CUDA where there is one), "cpu", "cuda", "cuda:1", … of the tower.
            readout: where to read the representation; a suspect is read where its owner's is.

        Raises:
            ModelError: it cannot be loaded, or has no vision tower with a list of blocks.
        """
        owner, processor = load_owner(source)
        return cls.wrap(owner, processor, source=str(source), device=device, readout=readout)

    @classmethod
    def wrap(
        cls,
        owner: Any,
        processor: Any,
        *,
        source: str = "",
        device: str = "cpu",
        readout: Readout | None = None,
    ) -> "VisionModel":
        """A model that is in memory already; its tower becomes float32 and frozen.

        Raises:
            ModelError: it has no vision tower with a list of blocks.
        """
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        owner.eval().requires_grad_(False)
        tower = find_tower(owner, readout)
        stored = next(tower.module.parameters()).dtype
        tower.module.to(device=device, dtype=torch.float32)
        return cls(owner, processor, source, tower, stored)

    def copy(self) -> "VisionModel":
        """The same model with a tower of its own; everything else is shared."""
        owner = self._with_own_tower()
        tower = find_tower(owner, self.readout)
        return VisionModel(owner, self.processor, self.source, tower, self.stored)

    @property
    def module(self) -> nn.Module:
        """The tower."""
        return self.tower.module

    @property
    def blocks(self) -> nn.ModuleList:
        """The blocks that the representation passes through, first to last."""
        return self.tower.blocks

    @property
    def readout(self) -> Readout:
        """Where the representation is read."""
        return self.tower.readout

    @property
    def device(self) -> torch.device:
        """Where the tower is."""
        return next(self.module.parameters()).device

    @property
    def width(self) -> int:
        """Size of the blocks' hidden states."""
        config: Any = self.module.config
        return int(config.hidden_size)

    @property
    def image_processor(self) -> Any:
        """Of the model or of its LVLM's processor."""
        return getattr(self.processor, "image_processor", self.processor)

    @property
    def extent(self) -> Extent:
        """Height and width in pixels of the images that it is shown here.

        Raises:
            ModelError: the image processor's settings are of no kind that is known.
        """
        return native_extent(self.image_processor, Extent(LARGEST_FREE_SIDE, LARGEST_FREE_SIDE))

    def pictures(self, images: Sequence[Image.Image]) -> list[Image.Image]:
        """Pictures of any kind and size as RGB at `extent`: scaled to cover it, and cropped."""
        height, width = self.extent
        fit = ImageOps.fit
        return [fit(to_rgb(one), (width, height), Image.Resampling.LANCZOS) for one in images]

    def prepare(
        self, images: Float[Tensor, "batch 3 height width"] | Sequence[Image.Image]
    ) -> dict[str, Tensor]:
        """Pixel values, as the model's own processor makes them from images at `extent`.

        Args:
            images: floats in [0, 1] at `extent`, whose gradient is kept; or pictures of any size.

        Raises:
            UsageError: images of another extent, or such as the processor refuses.
        """
        if not isinstance(images, Tensor):
            images = to_tensor(self.pictures(images))
        if tuple(images.shape[-2:]) != self.extent:
            raise UsageError(
                f"expected images of {self.extent.height} x {self.extent.width} pixels, got "
                f"{images.shape[-2]} x {images.shape[-1]}; bring them there with `pictures`"
            )
        try:
            made = self.image_processor(
                images=list(images.to(self.device)),
                do_rescale=False,
                **({} if self.tower.packed else {"do_resize": False, "do_center_crop": False}),
                return_tensors="pt",
            )
        except (ValueError, TypeError, RuntimeError) as error:
            raise UsageError(
                f"expected images that the processor of {self.source} takes, got a refusal: {error}"
            ) from error
        return {name: value.to(self.device) for name, value in made.items()}

    def run(self, inputs: Inputs, *, edits: Mapping[int, Edit] | None = None) -> Pass:
        """One forward pass over prepared images.

        Args:
            inputs: as of `prepare`.
            edits: by block, what replaces its output before the next one sees it.

        Raises:
            ModelError: the tower cannot take these inputs.
        """
        batch = len(inputs["image_grid_thw"] if self.tower.packed else inputs["pixel_values"])
        hidden: list[Tensor] = []

        def listen(index: int) -> Callable[..., Any]:
            edit = (edits or {}).get(index)

            def hook(_block: nn.Module, _inputs: Any, output: Any) -> Any:
                first: Tensor = output[0] if isinstance(output, tuple) else output
                seen = first.reshape(batch, -1, first.shape[-1])
                if edit is not None:
                    seen = edit(seen)
                    changed = seen.reshape(first.shape)
                    output = (changed, *output[1:]) if isinstance(output, tuple) else changed
                hidden.append(seen)
                return output

            return hook

        with ExitStack() as stack:
            for index, block in enumerate(self.blocks):
                stack.enter_context(block.register_forward_hook(listen(index)))
            output = self._forward(inputs)
        tokens = self.readout.tokens(output, tuple(hidden))
        return Pass(tuple(hidden), tokens, self.readout.features(output, tokens))

    def features(
        self, images: Float[Tensor, "batch 3 height width"] | Sequence[Image.Image]
    ) -> Float[Tensor, "batch features"]:
        """The representation of each image (`readout` says which), with gradient."""
        return self.run(self.prepare(images)).features

    def patches(
        self, images: Float[Tensor, "batch 3 height width"] | Sequence[Image.Image]
    ) -> Float[Tensor, "batch patches features"]:
        """The patches behind the representation, in reading order, without CLS and registers."""
        tokens = self.run(self.prepare(images)).tokens
        return tokens[:, tokens.shape[1] - self.number_of_patches :]

    @property
    def number_of_patches(self) -> int:
        """Patches of an image at `extent`, after merging where the model merges them."""
        config: Any = self.module.config
        side = config.patch_size * getattr(config, "spatial_merge_size", 1)
        return int((self.extent.height // side) * (self.extent.width // side))

    def digest(self) -> str:
        """The tower's identity: SHA-256 (hex) over names, shapes and values of its tensors.

        In `stored` precision, so that a folder that is saved and loaded again has the digest that
        the model had in memory.
        """
        digest = hashlib.sha256(str(self.stored).encode())
        for name, tensor in sorted(self.module.state_dict().items()):
            kept = tensor.to(self.stored) if tensor.is_floating_point() else tensor
            digest.update(f"\0{name}\0{tuple(kept.shape)}\0".encode())
            digest.update(kept.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()

    def save(self, folder: Path) -> None:
        """Writes the whole model as a plain folder, in the precision that it came in.

        An LVLM is saved whole, in the hub's layout, so that vLLM reads it too.

        Raises:
            StorageError: the folder exists, or the disk refuses.
        """
        owner = self._with_own_tower()
        find_tower(owner, self.readout).module.to(self.stored)
        save_model(owner, self.processor, folder)

    def _with_own_tower(self) -> Any:
        own = {id(tensor) for tensor in self.module.state_dict(keep_vars=True).values()}
        rest = self.owner.state_dict(keep_vars=True).values()
        shared = {id(tensor): tensor for tensor in rest if id(tensor) not in own}
        return copy.deepcopy(self.owner, shared)

    def _forward(self, inputs: Inputs) -> Any:
        try:
            if self.tower.packed:
                return self.module(inputs["pixel_values"], grid_thw=inputs["image_grid_thw"])
            return self.module(pixel_values=inputs["pixel_values"])
        except (RuntimeError, ValueError) as error:
            raise ModelError(
                f"expected {self.source} to take its processor's pixel values of "
                f"{tuple(inputs['pixel_values'].shape)}, got: {str(error).splitlines()[0]}"
            ) from error

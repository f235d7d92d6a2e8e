"""A vision model in white-box use: images in [0, 1] in, blocks' outputs and representations out.

Knows nothing of keys or watermarks, and no model by name.
"""

import copy
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from PIL import Image, ImageOps
from torch import Tensor, nn

from sif.errors import UsageError
from sif.marks.pixel_values import Images, Inputs, make_inputs, own_extent
from sif.marks.seeing import Edit, look
from sif.marks.tower import Readout, Tower, vision_part
from sif.marks.tower_folder import load_owner
from sif.marks.trial import try_tower
from sif.pictures.colours import to_rgb
from sif.vlm.extent import Extent
from sif.vlm.folder import save_model
from sif.vlm.parameters import cast
from sif.vlm.pixels import to_tensor


class Pass(NamedTuple):
    """What one forward pass showed.

    Attributes:
        hidden: the output of each block.
        tokens: behind the representation, CLS and registers included where there are some.
        features: the representation.
    """

    hidden: tuple[Float[Tensor, "batch _positions _hidden"], ...]
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
        extent: height and width in pixels of the images that it is shown here.
    """

    owner: Any
    processor: Any
    source: str
    tower: Tower
    stored: torch.dtype
    extent: Extent

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
        module = vision_part(owner)
        stored = next(module.parameters()).dtype
        module.to(device=device)
        cast(module, torch.float32)
        seen_by, whole = image_processor_of(processor), is_lvlm(owner)
        extent = own_extent(seen_by, whole=whole)
        tower = try_tower(owner, module, seen_by, whole=whole, extent=extent, readout=readout)
        return cls(owner, processor, source, tower, stored, extent)

    def copy(self) -> "VisionModel":
        """The same model with a tower of its own; everything else is shared."""
        return replace(self, owner=self._with_own_tower())

    @property
    def module(self) -> nn.Module:
        """The tower."""
        module: nn.Module = self.owner.get_submodule(self.tower.name)
        return module

    @property
    def blocks(self) -> Sequence[nn.Module]:
        """The blocks that the representation passes through, first to last."""
        module = self.module
        return [module.get_submodule(name) for name in self.tower.blocks]

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
        """Size of the last block's hidden states."""
        return self.tower.widths[-1]

    @property
    def image_processor(self) -> Any:
        """Of the model or of its LVLM's processor."""
        return image_processor_of(self.processor)

    def pictures(self, images: Sequence[Image.Image]) -> list[Image.Image]:
        """Pictures of any kind and size as RGB at `extent`: scaled to cover it, and cropped."""
        height, width = self.extent
        fit = ImageOps.fit
        return [fit(to_rgb(one), (width, height), Image.Resampling.LANCZOS) for one in images]

    def prepare(self, images: Images) -> Inputs:
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
        whole = is_lvlm(self.owner)
        return make_inputs(self.image_processor, images, whole=whole, device=self.device)

    def run(self, inputs: Inputs, *, edits: Mapping[int, Edit] | None = None) -> Pass:
        """One forward pass over prepared images.

        Args:
            inputs: as of `prepare`.
            edits: by block, what replaces its output before the next one sees it.

        Raises:
            ModelError: the tower cannot take these inputs.
        """
        module = self.module
        seen = look(
            self.owner,
            module,
            self.blocks,
            inputs,
            edits=edits or {},
            masked=not self.tower.masked,
        )
        tokens = self.readout.tokens(seen.output, seen.hidden, module)
        return Pass(seen.hidden, tokens, self.readout.features(seen.output, tokens))

    def features(self, images: Images) -> Float[Tensor, "batch features"]:
        """The representation of each image (`readout` says which), with gradient."""
        return self.run(self.prepare(images)).features

    def patches(self, images: Images) -> Float[Tensor, "batch patches features"]:
        """The patches behind the representation, in reading order, without CLS and registers."""
        tokens = self.run(self.prepare(images)).tokens
        number = min(self.number_of_patches or tokens.shape[1], tokens.shape[1])
        return tokens[:, tokens.shape[1] - number :]

    @property
    def number_of_patches(self) -> int:
        """Patches of an image at `extent`, after merging where the model merges them.

        0 where the model's settings do not say it.
        """
        config: Any = self.module.config
        side = getattr(config, "patch_size", None)
        if not isinstance(side, int):
            return 0
        side *= getattr(config, "spatial_merge_size", 1)
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
        cast(owner.get_submodule(self.tower.name), self.stored)
        save_model(owner, self.processor, folder)

    def _with_own_tower(self) -> Any:
        own = {id(tensor) for tensor in self.module.state_dict(keep_vars=True).values()}
        rest = self.owner.state_dict(keep_vars=True).values()
        shared = {id(tensor): tensor for tensor in rest if id(tensor) not in own}
        return copy.deepcopy(self.owner, shared)


def image_processor_of(processor: Any) -> Any:
    """A processor's image processor, or itself where it is one."""
    return getattr(processor, "image_processor", processor)


def is_lvlm(owner: Any) -> bool:
    """Whether a model has a tower inside that it calls itself."""
    return vision_part(owner) is not owner.base_model

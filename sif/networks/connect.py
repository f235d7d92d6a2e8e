"""From an address to a network: `torch:FILE`, `onnx:FILE`, `hf:FOLDER-or-id`, or a URL.

`torch:` reads safetensors with a named architecture, nothing that is pickled: neither .pt nor .pth,
nor the .pt2 of torch.export, whose loader unpickles too. `onnx:` runs a file in onnxruntime, for
suspects, since no gradient comes through. `hf:` takes an image classifier of transformers: its
logits for pictures in [0, 1]. A pipeline's own resizing and rounding are left out: fingerprints
have the classifier's size, and its processor's scaling and normalisation are applied here, with a
gradient.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from sif.errors import ModelError, UsageError
from sif.networks.domain import Inputs
from sif.networks.endpoint import open_endpoint
from sif.networks.network import Network, Outputs
from sif.networks.weights import load_network

EXAMPLES = "torch:net.safetensors, onnx:net.onnx, hf:classifier, http://127.0.0.1:8000/predict"


class Connected(NamedTuple):
    """A network, what to call it, and whether its answers are worth a journal."""

    network: Network
    name: str
    remote: bool


def connect_network(address: str) -> Connected:
    """The network at an address; files are loaded now, endpoints are reached when asked.

    Raises:
        UsageError: the address is wrong as written.
        ModelError: nothing there that can be loaded.
    """
    scheme, _, rest = address.partition(":")
    match scheme:
        case "torch" if rest:
            return Connected(load_network(Path(rest)), address, remote=False)
        case "onnx" if rest:
            return Connected(OnnxNetwork(Path(rest)), address, remote=False)
        case "hf" if rest:
            return Connected(load_classifier(rest), address, remote=False)
        case "http" | "https":
            network, name = open_endpoint(address)
            return Connected(network, name, remote=True)
        case _:
            raise UsageError(f"expected the address of a network such as {EXAMPLES}")


class OnnxNetwork:
    """The first input and the first output of an ONNX graph, on the CPU.

    Args:
        path: of the file.

    Raises:
        ModelError: onnxruntime is not installed, no such file, or no graph that it can run.
    """

    def __init__(self, path: Path) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise ModelError("ONNX files need onnxruntime: pip install 'sif-lvlm[onnx]'") from error
        if not path.is_file():
            raise ModelError(f"expected an ONNX file at {path}, found none")
        failures: tuple[type[BaseException], ...] = (RuntimeError, ValueError, *_own_errors())
        try:
            self._session: Any = onnxruntime.InferenceSession(
                path, providers=["CPUExecutionProvider"]
            )
        except failures as error:
            reason = str(error).strip().splitlines()[0]
            raise ModelError(f"cannot run {path} with onnxruntime: {reason}") from error
        self._input = self._session.get_inputs()[0].name

    def __call__(self, inputs: Inputs) -> Outputs:
        """The outputs; a graph with a fixed batch of one is asked one by one.

        Raises:
            ValueError: the graph does not take such inputs.
        """
        fixed = self._session.get_inputs()[0].shape[:1] == [1]
        parts = inputs.split(1) if fixed else [inputs]
        failures = _own_errors()
        try:
            said = [self._session.run(None, {self._input: _array(part)})[0] for part in parts]
        except failures as error:
            raise ValueError(str(error).strip().splitlines()[0]) from error
        return torch.from_numpy(np.concatenate(said).astype(np.float32))


class ClassifierNetwork(nn.Module):
    """An image classifier with its processor's mean and standard deviation.

    Args:
        model: gives `logits` for `pixel_values`.
        mean: of each channel, which is subtracted.
        spread: of each channel, which is divided by.
    """

    def __init__(self, model: nn.Module, mean: list[float], spread: list[float]) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("spread", torch.tensor(spread)[:, None, None])

    def forward(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch classes"]:
        """The logits."""
        scaled = (images - self.get_buffer("mean")) / self.get_buffer("spread")
        logits: Tensor = self.model(pixel_values=scaled).logits
        return logits


def load_classifier(source: str | Path) -> ClassifierNetwork:
    """The classifier of a folder or hub id, in float32, without remote code.

    Raises:
        ModelError: nothing there, or no image classifier.
    """
    from transformers import AutoImageProcessor, AutoModelForImageClassification
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    try:
        model: Any = AutoModelForImageClassification.from_pretrained(
            source, trust_remote_code=False, dtype=torch.float32
        )
        processor = AutoImageProcessor.from_pretrained(source, trust_remote_code=False)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(
            f"expected an image classifier of transformers at {source}: {reason}"
        ) from error
    return wrap(model, processor)


def from_pipeline(pipeline: Any) -> ClassifierNetwork:
    """The classifier inside an `image-classification` pipeline of transformers.

    Raises:
        ModelError: it is no such pipeline.
    """
    if getattr(pipeline, "task", None) != "image-classification":
        raise ModelError(
            "expected an image-classification pipeline, got "
            f"{getattr(pipeline, 'task', type(pipeline).__name__)}"
        )
    return wrap(pipeline.model, pipeline.image_processor)


def wrap(model: nn.Module, processor: Any) -> ClassifierNetwork:
    """A classifier with what its image processor does to pixels in [0, 1]."""
    normal = getattr(processor, "do_normalize", False)
    mean = processor.image_mean if normal else [0.0]
    spread = processor.image_std if normal else [1.0]
    network = ClassifierNetwork(model, [float(m) for m in mean], [float(s) for s in spread])
    return network.eval().requires_grad_(False)


def _array(part: Tensor) -> np.ndarray:
    return np.ascontiguousarray(part.detach().numpy(), dtype=np.float32)


def _own_errors() -> tuple[type[BaseException], ...]:
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    return (
        state.InvalidArgument,
        state.InvalidGraph,
        state.InvalidProtobuf,
        state.Fail,
        state.NoSuchFile,
        state.RuntimeException,
        state.NotImplemented,
    )

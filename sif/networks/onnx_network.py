"""ONNX files as networks, through onnxruntime; for suspects, since no gradient comes through."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sif.errors import ModelError
from sif.networks.network import Inputs, Outputs


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

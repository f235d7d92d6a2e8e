"""Small ONNX files as people export them: one linear layer over pictures, in many guises.

By hand, for torch's own exporter needs one more package.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sif.networks.domain import Domain
from sif.networks.placing import Task

DOMAIN = Domain(shape=(3, 2, 4), lower=0.0, upper=1.0, levels=256)
CLASSES = 5
TASK = Task(DOMAIN, (CLASSES,))
SIZE = 24


def weights() -> Tensor:
    return torch.randn(SIZE, CLASSES, generator=torch.Generator().manual_seed(0))


def own(inputs: Tensor) -> Tensor:
    """What the network says that all of the files hold."""
    return inputs.flatten(1) @ weights()


def pictures(number: int) -> Tensor:
    return DOMAIN.store(DOMAIN.sample(number, torch.Generator().manual_seed(1)))


def write_graph(
    path: Path,
    *,
    size: Sequence[int | str] = ("batch", 3, 2, 4),
    kind: str = "FLOAT",
    before: Sequence[tuple[str, dict[str, Any]]] = (),
    after: Sequence[tuple[str, list[str], list[str], dict[str, Any]]] = (),
    outputs: Sequence[tuple[str, str, Sequence[int | str]]] = (("y", "FLOAT", ("batch", CLASSES)),),
    others: Sequence[tuple[str, str, Sequence[int | str]]] = (),
    table: str | None = None,
) -> Path:
    """Writes a file.

    Args:
        path: to write to.
        size: that the input declares.
        kind: of its numbers.
        before: operations on the input, one after the other, with attributes.
        after: further nodes, which may read `logits`: operation, inputs, outputs, attributes.
        outputs: names, kinds and sizes.
        others: further inputs.
        table: kind of the labels where the only output is a table by labels, `y`.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes, name = [], "x"
    for number, (operation, attributes) in enumerate(before):
        wanted = ["s"] if operation == "Mul" else []
        nodes.append(helper.make_node(operation, [name, *wanted], [f"b{number}"], **attributes))
        name = f"b{number}"
    nodes.append(helper.make_node("Reshape", [name, "flat"], ["f"]))
    nodes.append(helper.make_node("MatMul", ["f", "w"], ["logits"]))
    for operation, taken, given, attributes in after:
        domain = "ai.onnx.ml" if operation in ("ZipMap", "LabelEncoder") else ""
        nodes.append(helper.make_node(operation, taken, given, domain=domain, **attributes))
    if not any("y" in given for _, _, given, _ in after):
        nodes.append(helper.make_node("Identity", ["logits"], ["y"]))

    def value(one: tuple[str, str, Sequence[int | str]]) -> Any:
        return helper.make_tensor_value_info(one[0], getattr(TensorProto, one[1]), list(one[2]))

    given = [value(one) for one in outputs]
    if table is not None:
        number = helper.make_tensor_type_proto(TensorProto.FLOAT, [])
        row = helper.make_map_type_proto(getattr(TensorProto, table), number)
        given = [helper.make_value_info("y", helper.make_sequence_type_proto(row))]
    constants = {
        "flat": np.array([-1, SIZE], np.int64),
        "w": weights().numpy(),
        "s": np.array(1 / 255, np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "g",
        [value(("x", kind, size)), *map(value, others)],
        given,
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        onnx.save(model, path)
    return path


def write_endless(path: Path) -> Path:
    """A graph that loops 2**62 times."""
    from onnx import TensorProto, helper, numpy_helper

    def flag(name: str) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.BOOL, [])

    def rows(name: str) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", CLASSES])

    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["on"]),
            helper.make_node("Sin", ["h"], ["h1"]),
        ],
        "body",
        [helper.make_tensor_value_info("i", TensorProto.INT64, []), flag("go"), rows("h")],
        [flag("on"), rows("h1")],
    )
    constants = {
        "flat": np.array([-1, SIZE], np.int64),
        "w": weights().numpy(),
        "times": np.array(2**62, np.int64),
        "yes": np.array(True),
    }
    graph = helper.make_graph(
        [
            helper.make_node("Reshape", ["x", "flat"], ["f"]),
            helper.make_node("MatMul", ["f", "w"], ["h0"]),
            helper.make_node("Loop", ["times", "yes", "h0"], ["y"], body=body),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, 2, 4])],
        [rows("y")],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def write_giant(path: Path, number: int = 2**40) -> Path:
    """A graph that fills that many numbers."""
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        [
            helper.make_node("ConstantOfShape", ["many"], ["filled"]),
            helper.make_node("ReduceSum", ["filled"], ["sum"], keepdims=0),
            helper.make_node("Reshape", ["x", "flat"], ["f"]),
            helper.make_node("MatMul", ["f", "w"], ["h"]),
            helper.make_node("Add", ["h", "sum"], ["y"]),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, 2, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", CLASSES])],
        [
            numpy_helper.from_array(np.array([number], np.int64), "many"),
            numpy_helper.from_array(np.array([-1, SIZE], np.int64), "flat"),
            numpy_helper.from_array(weights().numpy(), "w"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def write_with_weights_elsewhere(path: Path, place: str) -> Path:
    """A graph whose weights are said to lie in another file."""
    from onnx import TensorProto, helper, numpy_helper

    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[SIZE, CLASSES])
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": place, "offset": "0", "length": str(4 * SIZE * CLASSES)}.items():
        tensor.external_data.add(key=key, value=value)
    graph = helper.make_graph(
        [
            helper.make_node("Reshape", ["x", "flat"], ["f"]),
            helper.make_node("MatMul", ["f", "w"], ["y"]),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, 2, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", CLASSES])],
        [numpy_helper.from_array(np.array([-1, SIZE], np.int64), "flat"), tensor],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path

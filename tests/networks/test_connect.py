import warnings
from pathlib import Path

import pytest
import torch
from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessor, pipeline

from sif.errors import ModelError, UsageError
from sif.networks.classifier import from_pipeline, load_classifier
from sif.networks.connect import connect_network
from sif.networks.network import answer
from sif.networks.weights import save_network
from tests.networks.small import ARCHITECTURE, Small


def test_a_torch_file_is_a_network(world: Small, tmp_path: Path) -> None:
    save_network(world.protected, ARCHITECTURE, tmp_path / "n.safetensors")
    found = connect_network(f"torch:{tmp_path / 'n.safetensors'}")
    inputs = world.data.inputs[:3]
    assert torch.equal(found.network(inputs), world.protected(inputs))
    assert not found.remote


def test_an_onnx_file_answers_like_the_network_it_was_exported_from(
    world: Small, tmp_path: Path
) -> None:
    path = tmp_path / "n.onnx"
    _export(world, path)
    inputs = world.data.inputs[:5]
    found = connect_network(f"onnx:{path}")
    assert torch.allclose(found.network(inputs), world.protected(inputs), atol=1e-5)
    with pytest.raises(ModelError, match="does not take inputs"):
        answer(found.network, torch.zeros(2, 7), outputs=(3,), name="n")


def test_what_is_no_onnx_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "n.onnx").write_text("no graph")
    with pytest.raises(ModelError, match="onnxruntime"):
        connect_network(f"onnx:{tmp_path / 'n.onnx'}")
    with pytest.raises(ModelError, match="found none"):
        connect_network(f"onnx:{tmp_path / 'm.onnx'}")


def test_an_image_classifier_folder_is_a_network_and_so_is_its_pipeline(tmp_path: Path) -> None:
    config = ViTConfig(
        image_size=16,
        patch_size=8,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_labels=4,
    )
    model = ViTForImageClassification(config).eval()
    processor = ViTImageProcessor(size={"height": 16, "width": 16}, image_mean=[0.4] * 3)
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    images = (images * 255).round() / 255
    network = load_classifier(tmp_path)
    wanted = model(pixel_values=(images - 0.4) / torch.tensor(processor.image_std)[:, None, None])
    assert torch.allclose(network(images), wanted.logits, atol=1e-5)
    moved = images.clone().requires_grad_()
    network(moved).sum().backward()
    assert moved.grad.abs().sum() > 0
    classify = pipeline("image-classification", model=model, image_processor=processor)
    assert torch.allclose(from_pipeline(classify)(images), wanted.logits, atol=1e-5)
    with pytest.raises(ModelError, match="image-classification pipeline"):
        from_pipeline("no pipeline")


@pytest.mark.parametrize("address", ["", "torch:", "pickle:x", "somewhere"])
def test_unknown_addresses_are_refused(address: str) -> None:
    with pytest.raises(UsageError, match="expected the address of a network"):
        connect_network(address)


def test_a_folder_without_a_classifier_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"config\.json"):
        connect_network(f"hf:{tmp_path}")


def _export(world: Small, path: Path) -> None:
    """By hand, for torch's own exporter needs one more package."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    first, _, last = list(world.protected)[1:4]
    names = {"w1": first.weight, "b1": first.bias, "w2": last.weight, "b2": last.bias}
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["x", "w1", "b1"], ["h"], transB=1),
            helper.make_node("Relu", ["h"], ["r"]),
            helper.make_node("Gemm", ["r", "w2", "b2"], ["y"], transB=1),
        ],
        "n",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 3])],
        [numpy_helper.from_array(value.numpy(), name) for name, value in names.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        onnx.save(model, path)

"""From an address to a network: `torch:FILE`, `onnx:FILE`, `hf:FOLDER-or-id`, or a URL.

`torch:` reads safetensors with a named architecture, nothing that is pickled: neither .pt nor .pth,
nor the .pt2 of torch.export, whose loader unpickles too. `onnx:` runs a file in onnxruntime, for
suspects, since no gradient comes through. `hf:` takes an image classifier of transformers. Behind a
question mark stands what an address may say of its outputs and inputs; at a URL those names begin
with `sif_`.
"""

from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, ValidationError

from sif.errors import UsageError
from sif.files import is_there
from sif.networks.classifier import load_classifier
from sif.networks.endpoint import open_endpoint
from sif.networks.network import Network
from sif.networks.onnx_file import OnnxNetwork, OnnxOptions
from sif.networks.placing import Task
from sif.networks.scale import Scale, read_scale
from sif.networks.weights import load_network
from sif.validation import first_fault
from sif.vlm.plain_words import shown

EXAMPLES = "torch:net.safetensors, onnx:net.onnx, hf:classifier, http://127.0.0.1:8000/predict"


class Connected(NamedTuple):
    """A network, its name, whether its answers are worth a journal, and its scale if told."""

    network: Network
    name: str
    remote: bool
    scale: Scale | None = None


class _Plain(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


AnyOptions = TypeVar("AnyOptions", bound=BaseModel)


def connect_network(address: str, task: Task | None = None) -> Connected:
    """The network at an address; files are loaded now, endpoints are reached when asked.

    Args:
        address: with options behind its question mark.
        task: of the fingerprint, by which inputs and outputs are chosen; None where nothing is
            known of it.

    Raises:
        UsageError: the address is wrong as written.
        ModelError: nothing there that can be loaded.
    """
    scheme, _, rest = address.partition(":")
    place, words = _split(rest)
    match scheme:
        case "torch" if place:
            scale, _ = _read(address, words, _Plain)
            return Connected(load_network(Path(place)), address, remote=False, scale=scale)
        case "onnx" if place:
            scale, options = _read(address, words, OnnxOptions)
            network = OnnxNetwork(Path(place), options, task)
            return Connected(network, address, remote=False, scale=scale)
        case "hf" if place:
            scale, _ = _read(address, words, _Plain)
            return Connected(load_classifier(place), address, remote=False, scale=scale)
        case "http" | "https":
            reached = open_endpoint(address, task)
            return Connected(reached.network, reached.name, remote=True, scale=reached.scale)
        case _:
            raise UsageError(f"expected the address of a network such as {EXAMPLES}")


def place_of(address: str) -> str:
    """The file, folder or name in an address, without its options."""
    return _split(address.partition(":")[2])[0]


def _split(rest: str) -> tuple[str, str]:
    """A place and the options behind it; a question mark may be part of a file's name."""
    place, _, words = rest.partition("?")
    return (rest, "") if is_there(Path(rest)) else (place, words)


def _read(address: str, words: str, kind: type[AnyOptions]) -> tuple[Scale | None, AnyOptions]:
    """The scale of the outputs, if it is said, and the other options.

    Raises:
        UsageError: unknown options, or values that make no sense.
    """
    said = dict(parse_qsl(words, keep_blank_values=True))
    scale = read_scale(said.pop("outputs", None))
    try:
        return scale, kind.model_validate(said)
    except ValidationError as error:
        where, what, _ = first_fault(error)
        known = ", ".join(("outputs", *kind.model_fields))
        raise UsageError(
            f"{shown(address)}: option {shown(where)}: {what}; its options are {known}"
        ) from error

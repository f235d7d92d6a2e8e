"""From an address to a network: `torch:FILE`, `onnx:FILE`, `hf:FOLDER-or-id`, or a URL.

`torch:` reads safetensors with a named architecture, nothing that is pickled: neither .pt nor .pth,
nor the .pt2 of torch.export, whose loader unpickles too.
"""

from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sif.errors import UsageError
from sif.networks.network import Network
from sif.validation import first_fault

EXAMPLES = "torch:net.safetensors, onnx:net.onnx, hf:classifier, http://127.0.0.1:8000/predict"


class EndpointOptions(BaseModel):
    """Options behind a URL's question mark that are ours; there their names begin with `sif_`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key_env: str | None = Field(default=None, pattern=r"^[A-Z_][A-Z0-9_]*$")
    timeout: float = Field(default=60.0, gt=0)
    attempts: int = Field(default=5, ge=1)


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
            from sif.networks.weights import load_network

            return Connected(load_network(Path(rest)), address, False)
        case "onnx" if rest:
            from sif.networks.onnx_network import OnnxNetwork

            return Connected(OnnxNetwork(Path(rest)), address, False)
        case "hf" if rest:
            from sif.networks.transformers_network import load_classifier

            return Connected(load_classifier(rest), address, False)
        case "http" | "https":
            return _endpoint(address)
        case _:
            raise UsageError(f"expected the address of a network such as {EXAMPLES}")


def _endpoint(address: str) -> Connected:
    from sif.networks.endpoint import EndpointNetwork

    parts = urlsplit(address)
    pairs = parse_qsl(parts.query)
    ours = {key.removeprefix("sif_"): value for key, value in pairs if key.startswith("sif_")}
    theirs = "&".join(f"{key}={value}" for key, value in pairs if not key.startswith("sif_"))
    try:
        options = EndpointOptions.model_validate(dict[str, Any](ours))
    except ValidationError as error:
        where, what, _ = first_fault(error)
        raise UsageError(
            f"sif_{where}: {what}; options are sif_key_env, sif_timeout and sif_attempts"
        ) from error
    url = urlunsplit(parts._replace(query=theirs))
    host = parts.hostname or ""
    name = urlunsplit(
        parts._replace(netloc=host + (f":{parts.port}" if parts.port else ""), query="")
    )
    network = EndpointNetwork(url, **options.model_dump())
    return Connected(network, name, True)

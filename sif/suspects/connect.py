"""From an address to a suspect; the one place that knows every engine. Imports each when asked."""

from sif.errors import UsageError
from sif.suspects.uri import SuspectAddress
from sif.types import Suspect


def connect(uri: str) -> Suspect:
    """The suspect at an address; local models are loaded now, endpoints are reached when asked.

    Args:
        uri: `hf:PATH-or-id`, `vllm:PATH-or-id` or `openai:URL#model`, with `?option=value&…`.

    Raises:
        UsageError: the address is wrong as written.
        ModelError: a local model cannot be loaded, or its engine is not installed.
    """
    if not isinstance(uri, str):
        raise UsageError(f"expected an address such as hf:FOLDER, got {type(uri).__name__}")
    address = SuspectAddress.parse(uri)
    match address.scheme:
        case "hf":
            from sif.suspects.transformers_suspect import TransformersSuspect

            return TransformersSuspect(address)
        case "vllm":
            from sif.suspects.vllm_suspect import VllmSuspect

            return VllmSuspect(address)
        case "openai":
            from sif.suspects.openai_suspect import OpenAISuspect

            return OpenAISuspect(address)

"""Networks behind HTTP: a batch of inputs as JSON out, a batch of outputs as JSON back.

    POST URL   {"inputs": [[…], …]}   →   {"outputs": [[…], …]}

Passing failures are tried again with growing, jittered pauses. What was answered before a lasting
one is kept by whoever asks in batches. Knows nothing of what is behind the URL.
"""

import json
import os
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from sif.errors import SuspectError, UsageError
from sif.networks.domain import Inputs
from sif.networks.network import Outputs
from sif.validation import first_fault

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
PASSING: Final = (408, 409, 425, 429, 500, 502, 503, 504)
REFUSED: Final = (401, 403)


class EndpointOptions(BaseModel):
    """Options behind a URL's question mark that are ours; there their names begin with `sif_`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key_env: str | None = Field(default=None, pattern=r"^[A-Z_][A-Z0-9_]*$")
    timeout: float = Field(default=60.0, gt=0)
    attempts: int = Field(default=5, ge=1)


class EndpointNetwork:
    """A network behind a URL.

    Args:
        url: http or https.
        key_env: environment variable with a bearer token; none is sent where it is None.
        timeout: seconds for one batch.
        attempts: at one batch.

    Raises:
        UsageError: the URL is none, or the variable is not set.
    """

    def __init__(
        self,
        url: str,
        *,
        key_env: str | None = None,
        timeout: float = 60.0,
        attempts: int = 5,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise UsageError("expected a URL such as http://127.0.0.1:8000/predict of an endpoint")
        if key_env is not None and not os.environ.get(key_env):
            raise UsageError(f"expected the endpoint's key in the variable {key_env}, got nothing")
        self._url, self._key_env = url, key_env
        self._timeout, self._attempts = timeout, attempts

    def __repr__(self) -> str:
        return f"EndpointNetwork({urlsplit(self._url).netloc!r})"

    def __call__(self, inputs: Inputs) -> Outputs:
        """The outputs of one batch, in one request; null counts as a number that is not finite.

        Raises:
            SuspectError: nobody there, refused, still failing after all attempts, or a reply that
                is no batch of numbers.
        """
        import httpx
        from tenacity import Retrying, retry_if_exception, stop_after_attempt
        from tenacity.wait import wait_exponential, wait_random

        tries = Retrying(
            retry=retry_if_exception(_is_passing),
            stop=stop_after_attempt(self._attempts),
            wait=wait_exponential(FIRST_PAUSE, max=LONGEST_PAUSE) + wait_random(0, FIRST_PAUSE),
            reraise=True,
        )
        try:
            reply = tries(self._post, json.dumps({"inputs": inputs.tolist()}))
        except httpx.HTTPStatusError as error:
            code = error.response.status_code
            mend = "check its key" if code in REFUSED else "run the same command again later"
            raise SuspectError(f"{self!r} answers with status {code}; {mend}") from None
        except httpx.HTTPError as error:
            raise SuspectError(
                f"{self!r} cannot be reached ({type(error).__name__}); check the URL, or run the "
                "same command again later"
            ) from None
        return _parse(reply, len(inputs), repr(self))

    def _post(self, body: str) -> bytes:
        import httpx

        headers = {"content-type": "application/json"}
        if self._key_env is not None:
            headers["authorization"] = f"Bearer {os.environ[self._key_env]}"
        reply = httpx.post(self._url, content=body, headers=headers, timeout=self._timeout)
        reply.raise_for_status()
        return reply.content


def open_endpoint(address: str) -> tuple[EndpointNetwork, str]:
    """The network behind a URL, whose options begin with `sif_`, and what to call it.

    Raises:
        UsageError: no URL, wrong options, or a variable with a key that is not set.
    """
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
    return EndpointNetwork(url, **options.model_dump()), name


def _is_passing(error: BaseException) -> bool:
    import httpx

    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in PASSING
    return isinstance(error, httpx.TransportError)


def _parse(reply: bytes, number: int, name: str) -> Tensor:
    try:
        said: Any = json.loads(reply)["outputs"]
        outputs = torch.tensor(_without_null(said), dtype=torch.float32)
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        raise SuspectError(
            f'expected {{"outputs": [[…], …]}} from {name}, with rows of one shape; got something '
            "else"
        ) from error
    if outputs.dim() < 2 or len(outputs) != number:
        raise SuspectError(
            f"expected {number} outputs from {name}, one for each input, got shape "
            f"{tuple(outputs.shape)}"
        )
    return outputs


def _without_null(said: Any) -> Any:
    if isinstance(said, list):
        return [_without_null(one) for one in said]
    return float("nan") if said is None else said

"""Networks behind HTTP: a batch of inputs as JSON out, a batch of outputs as JSON back.

    POST URL   {"inputs": [[…], …]}   →   {"outputs": [[…], …]}

A URL of TensorFlow Serving or of KServe's protocol is asked in the server's own form, and first for
what it says of its model. Passing failures are tried again with growing, jittered pauses. What was
answered before a lasting one is kept by whoever asks in batches. Knows nothing of what is behind
the URL.
"""

import os
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

import torch
from pydantic import Field, ValidationError
from torch import Tensor

from sif.errors import SuspectError, UsageError
from sif.networks.domain import Inputs
from sif.networks.endpoint_forms import (
    Declared,
    Form,
    declared,
    describing,
    form_of,
    most_rows,
    outputs,
    request,
)
from sif.networks.json_post import RefusedError, UnusableError, exchange
from sif.networks.network import Outputs
from sif.networks.placing import Placing, Task
from sif.networks.scale import Scale, read_scale
from sif.validation import first_fault
from sif.vlm.plain_words import first_line, shown

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
PASSING: Final = (408, 409, 425, 429, 500, 502, 503, 504)
REFUSED: Final = (401, 403)
ABSENT: Final = (404, 405, 410, 501)
OURS: Final = "sif_"


class EndpointOptions(Placing):
    """Options behind a URL's question mark that are ours; there their names begin with `sif_`.

    Attributes:
        key_env: environment variable with a bearer token; none is sent where it is None.
        timeout: seconds for one batch, from connecting to the last byte.
        attempts: at one batch.
        form: of requests; by the URL where None.
        signature: of TensorFlow's model.
    """

    key_env: str | None = Field(default=None, pattern=r"^[A-Z_][A-Z0-9_]*$")
    timeout: float = Field(default=60.0, gt=0, le=86_400)
    attempts: int = Field(default=5, ge=1, le=1000)
    form: Form | None = None
    signature: str = Field(default="serving_default", min_length=1, max_length=500)

    @property
    def naming(self) -> dict[str, str]:
        """What changes the answers, in words, and so belongs to a network's name."""
        named = set(EndpointOptions.model_fields) - {"key_env", "timeout", "attempts"}
        changed = self.model_dump(include=named, exclude_defaults=True, mode="json")
        return {name: str(value) for name, value in sorted(changed.items())}


class Reached(NamedTuple):
    """A network behind a URL, what to call it, and the scale of its outputs where it is said."""

    network: "EndpointNetwork"
    name: str
    scale: Scale | None


class EndpointNetwork:
    """A network behind a URL.

    Args:
        url: http or https.
        options: ours, of its address.
        task: of the fingerprint; None where nothing is known of it.

    Raises:
        UsageError: the URL is none, or the variable with a key is not set.
    """

    def __init__(
        self, url: str, options: EndpointOptions | None = None, task: Task | None = None
    ) -> None:
        _require_url(url)
        self._url, self._options, self._task = url, options or EndpointOptions(), task
        key_env = self._options.key_env
        if key_env is not None and not os.environ.get(key_env):
            raise UsageError(f"expected the endpoint's key in the variable {key_env}, got nothing")
        self._form: Form = self._options.form or form_of(url)
        self._declared: Declared | None = None
        self.notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"EndpointNetwork({shown(urlsplit(self._url).netloc)!r})"

    def __call__(self, inputs: Inputs) -> Outputs:
        """The outputs of one batch; null counts as a number that is not finite.

        One request, or as many as a model with a fixed batch needs.

        Raises:
            SuspectError: nobody there, refused, still failing after all attempts, or a reply that
                is no batch of numbers.
            MisfitError: the model's own description does not fit the inputs.
        """
        known = self._describe()
        size = most_rows(self._form, known, self._options, self._task) or max(len(inputs), 1)
        return torch.cat([self._ask(part, size, known) for part in inputs.split(size)])

    def _ask(self, inputs: Inputs, size: int, known: Declared) -> Tensor:
        options = self._options
        asked = request(self._form, inputs, known, options, self._task, options.signature)
        self.notes = (*self.notes, *(note for note in asked.notes if note not in self.notes))
        reply = self._tried(lambda: self._exchange(self._url, asked.body))
        try:
            said = outputs(reply, known, options, self._task)
        except ValueError as error:
            raise SuspectError(
                f"expected {_expected(self._form)} from {self!r}, with rows of one shape; got "
                f"{first_line(error)}"
            ) from error
        if said.dim() < 2 or len(said) not in (len(inputs), size):
            raise SuspectError(
                f"expected {len(inputs)} outputs from {self!r}, one for each input, got shape "
                f"{tuple(said.shape)}"
            )
        return said[: len(inputs)]

    def _describe(self) -> Declared:
        """What the server says of its model, asked once."""
        place = describing(self._url, self._form)
        if self._declared is None and place is not None:
            try:
                said = self._tried(lambda: self._exchange(place, None), absent=True)
            except UnusableError:
                said = None
            self._declared = declared(self._form, said, self._options.signature)
        self._declared = self._declared or Declared()
        return self._declared

    def _exchange(self, url: str, body: Any) -> Any:
        options = self._options
        key = {} if options.key_env is None else {"authorization": self._bearer(options.key_env)}
        return exchange(url, body, headers=key, seconds=options.timeout)

    def _bearer(self, key_env: str) -> str:
        key = os.environ[key_env]
        if not (key.isascii() and key.isprintable()):
            raise UsageError(
                f"expected a key of plain letters in the variable {key_env}, got others; copy the "
                "key again"
            )
        return f"Bearer {key}"

    def _tried(self, ask: Callable[[], Any], *, absent: bool = False) -> Any:
        """The reply, after some attempts; None where nothing is there and that is allowed."""
        import httpx
        from tenacity import Retrying, retry_if_exception, stop_after_attempt
        from tenacity.wait import wait_exponential, wait_random

        tries = Retrying(
            retry=retry_if_exception(_is_passing),
            stop=stop_after_attempt(self._options.attempts),
            wait=wait_exponential(FIRST_PAUSE, max=LONGEST_PAUSE) + wait_random(0, FIRST_PAUSE),
            reraise=True,
        )
        try:
            return tries(ask)
        except RefusedError as error:
            if absent and error.status not in REFUSED:
                return None
            words = f": {error.words}" if error.words else ""
            raise SuspectError(
                f"{self!r} answers with status {error.status}{words}; {self._mend(error.status)}"
            ) from None
        except UnusableError as error:
            if absent:
                return None
            raise SuspectError(
                f"expected {_expected(self._form)} from {self!r}, got {error}"
            ) from None
        except TimeoutError:
            raise SuspectError(
                f"{self!r} was not done within {self._options.timeout:g} seconds; raise "
                "sif_timeout, or run the same command again later"
            ) from None
        except httpx.HTTPError as error:
            raise SuspectError(
                f"{self!r} cannot be reached ({_reason(error)}); check the URL, or run the same "
                "command again later"
            ) from None
        except (httpx.InvalidURL, ValueError, OSError) as error:
            raise SuspectError(
                f"{self!r} cannot be asked ({_reason(error)}); check the URL, and the variables "
                "for proxies and certificates (HTTPS_PROXY, ALL_PROXY, SSL_CERT_FILE)"
            ) from None

    def _mend(self, status: int) -> str:
        if status in REFUSED:
            return "check its key"
        if status in PASSING:
            return "run the same command again later"
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            return "name that address itself, if it is to be trusted"
        if status in ABSENT:
            return "check the URL"
        return (
            f"it does not take such a request ({self._form}): see what it wants, and say so with "
            "sif_form, sif_input, sif_layout or sif_scale"
        )


def open_endpoint(address: str, task: Task | None = None) -> Reached:
    """The network behind a URL, whose options begin with `sif_`, and what to call it.

    Raises:
        UsageError: no URL, wrong options, or a variable with a key that is not set.
    """
    parts = _require_url(address)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    ours = {key.removeprefix(OURS): value for key, value in pairs if key.startswith(OURS)}
    theirs = "&".join(one for one in parts.query.split("&") if not one.startswith(OURS))
    scale = read_scale(ours.pop("outputs", None))
    try:
        options = EndpointOptions.model_validate(dict[str, Any](ours))
    except ValidationError as error:
        where, what, _ = first_fault(error)
        known = ", ".join(f"{OURS}{name}" for name in ("outputs", *EndpointOptions.model_fields))
        raise UsageError(f"{OURS}{shown(where)}: {what}; options are {known}") from error
    url = urlunsplit(parts._replace(query=theirs))
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    query = "&".join(f"{OURS}{name}={quote(value)}" for name, value in options.naming.items())
    name = urlunsplit(
        parts._replace(
            netloc=host + (f":{parts.port}" if parts.port else ""), query=query, fragment=""
        )
    )
    return Reached(EndpointNetwork(url, options, task), name, scale)


def _require_url(url: str) -> Any:
    """The parts of a URL.

    Raises:
        UsageError: it is none.
    """
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname)
        sound = sound and (parts.port is None or parts.port > 0)
    except ValueError:  # a port that is none, brackets that are not closed
        sound = False
    if not sound or not url.isprintable() or " " in url:
        raise UsageError("expected a URL such as http://127.0.0.1:8000/predict of an endpoint")
    return parts


def _is_passing(error: BaseException) -> bool:
    import httpx

    if isinstance(error, RefusedError):
        return error.status in PASSING
    return isinstance(error, httpx.TransportError | TimeoutError) and not isinstance(
        error, httpx.UnsupportedProtocol
    )


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {first_line(error)}" if str(error) else type(error).__name__


def _expected(form: Form) -> str:
    answers = {
        "plain": '{"outputs": [[…], …]}',
        "tf": '{"predictions": [[…], …]}',
        "v2": '{"outputs": [{"name", "shape", "data"}]}',
    }
    return answers[form]

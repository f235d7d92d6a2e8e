"""Networks behind HTTP: a batch of inputs as JSON out, a batch of outputs as JSON back.

    POST URL   {"inputs": [[…], …]}   →   {"outputs": [[…], …]}

A URL of TensorFlow Serving or of KServe's protocol is asked in the server's own form, and first for
what it says of its model. Passing failures are tried again with growing, jittered pauses. What was
answered before a lasting one is kept by whoever asks in batches. Knows nothing of what is behind
the URL.
"""

import json
import os
import random
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

import torch
from pydantic import Field, ValidationError
from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_attempt
from torch import Tensor

from sif.errors import SuspectError, UsageError
from sif.event_loop import run_to_end
from sif.http.exchange import TOO_SLOW, Failure, Kind, Limits, open_client, request
from sif.http.refusal import one_line, without_key
from sif.json_once import count_values
from sif.networks.domain import Inputs
from sif.networks.endpoint_forms import (
    Declared,
    Form,
    declared,
    describing,
    form_of,
    most_rows,
    outputs,
    requested,
)
from sif.networks.network import Outputs
from sif.networks.placing import Placing, Task
from sif.networks.scale import Scale, read_scale
from sif.validation import first_fault
from sif.vlm.plain_words import first_line, shown

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
LARGEST: Final = 64 * 2**20
MOST_VALUES: Final = 2_000_000
"""In a reply; a value may take fifty times the memory of its text."""
SHOWN: Final = 4096
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
        self._key()
        self._form: Form = self._options.form or form_of(url)
        self._declared: Declared | None = None
        self.notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Without a user and password that may stand in the URL."""
        return f"EndpointNetwork({shown(urlsplit(self._url).netloc.rpartition('@')[2])!r})"

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
        asked = requested(self._form, inputs, known, options, self._task, options.signature)
        self.notes = (*self.notes, *(note for note in asked.notes if note not in self.notes))
        reply = self._tried(self._url, asked.body)
        if isinstance(reply, Failure):
            raise self._failed(reply)
        try:
            said = outputs(reply, known, options, self._task)
        except ValueError as error:
            raise SuspectError(
                f"expected {_expected(self._form)} from {self!r}, with rows of one shape; got "
                f"{without_key(first_line(error), self._key())}"
            ) from error
        if said.dim() < 2 or len(said) not in (len(inputs), size):
            raise SuspectError(
                f"expected {len(inputs)} outputs from {self!r}, one for each input, got shape "
                f"{tuple(said.shape)}"
            )
        return said[: len(inputs)]

    def _describe(self) -> Declared:
        """What the server says of its model, asked once; nothing where it does not tell."""
        place = describing(self._url, self._form)
        if self._declared is None and place is not None:
            said = self._tried(place, None)
            if isinstance(said, Failure):
                answered = said.status is not None or said.kind is Kind.LASTING
                if said.status in REFUSED or not answered:
                    raise self._failed(said)
                said = None
            self._declared = declared(self._form, said, self._options.signature)
        self._declared = self._declared or Declared()
        return self._declared

    def _tried(self, url: str, body: Any) -> Any:
        """The JSON of a reply, or why there is none after some attempts."""
        tries = Retrying(
            retry=retry_if_result(_is_passing),
            stop=stop_after_attempt(self._options.attempts),
            wait=_pause,
            retry_error_callback=lambda state: state.outcome and state.outcome.result(),
        )
        return tries(lambda: run_to_end(self._exchange(url, body)))

    async def _exchange(self, url: str, body: Any) -> Any:
        limits = Limits(self._options.timeout, LARGEST, "a batch of outputs is smaller")
        content = None if body is None else json.dumps(body).encode()
        async with open_client(self._key()) as client:
            reply = await request(client, url, content, limits)
        if isinstance(reply, Failure):
            return reply
        if (values := count_values(reply)) > MOST_VALUES:
            what = f"a reply of some {values:,} values, more than the {MOST_VALUES:,} that are read"
            return Failure(f"{what}; no batch of outputs has as many", Kind.LASTING)
        try:
            return json.loads(reply)
        except (ValueError, RecursionError):
            words = without_key(one_line(reply[:SHOWN].decode("utf-8", "replace")), self._key())
            return Failure(f"no JSON but {words or 'nothing'}", Kind.LASTING)

    def _key(self) -> str | None:
        """The key at this moment; it is kept nowhere.

        Raises:
            UsageError: a variable was named and is not set, or holds what no header takes.
        """
        variable = self._options.key_env
        if variable is None:
            return None
        key = os.environ.get(variable)
        if not key:
            raise UsageError(f"expected the endpoint's key in the variable {variable}, got nothing")
        if not (key.isascii() and key.isprintable() and " " not in key):
            raise UsageError(
                f"expected a key of plain letters in the variable {variable}, got others; copy the "
                "key again"
            )
        return key

    def _failed(self, failure: Failure) -> SuspectError:
        if failure.status is not None:
            return SuspectError(f"{self!r} answers with {failure.reason}; {self._mend(failure)}")
        if failure is TOO_SLOW:
            return SuspectError(
                f"{self!r} was not done within {self._options.timeout:g} seconds; raise "
                "sif_timeout, or run the same command again later"
            )
        if failure.kind in (Kind.PASSING, Kind.NOBODY):
            return SuspectError(
                f"{self!r} cannot be reached ({failure.reason}); check the URL, or run the same "
                "command again later"
            )
        if failure.kind is Kind.HOPELESS:
            return SuspectError(f"{self!r} cannot be asked ({failure.reason}); check the URL")
        return SuspectError(f"expected {_expected(self._form)} from {self!r}, got {failure.reason}")

    def _mend(self, failure: Failure) -> str:
        if failure.kind is Kind.PASSING:
            return "run the same command again later"
        if failure.status in REFUSED:
            return "check its key"
        if failure.status in ABSENT:
            return "check the URL"
        if failure.kind is Kind.HOPELESS:
            return "see what it wants to be paid"
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


def _is_passing(reply: Any) -> bool:
    return isinstance(reply, Failure) and reply.kind in (Kind.PASSING, Kind.NOBODY)


def _pause(state: RetryCallState) -> float:
    """Exponential with jitter, and not shorter than what the server asks for, within reason."""
    assert state.outcome is not None
    failure: Failure = state.outcome.result()
    grown: float = min(FIRST_PAUSE * 2.0 ** (state.attempt_number - 1), LONGEST_PAUSE)
    return max(grown + random.uniform(0, FIRST_PAUSE), min(failure.pause, LONGEST_PAUSE))


def _expected(form: Form) -> str:
    answers = {
        "plain": '{"outputs": [[…], …]}',
        "tf": '{"predictions": [[…], …]}',
        "v2": '{"outputs": [{"name", "shape", "data"}]}',
    }
    return answers[form]

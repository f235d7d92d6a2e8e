"""Networks behind TensorFlow Serving, behind KServe's protocol, and behind hostile servers."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import torch

from sif.errors import ModelError, SuspectError, UsageError
from sif.networks import endpoint
from sif.networks.connect import connect_network
from sif.networks.network import answer
from tests.networks.graphs import CLASSES, TASK, own, pictures
from tests.networks.server import TF_PATH, V2_PATH, Serving, as_kserve, as_tensorflow, serving

INPUTS = pictures(6)
NCHW, NHWC = [-1, 3, 2, 4], [-1, 2, 4, 3]
Y = {"y": [-1, CLASSES]}


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "FIRST_PAUSE", 0.01)


def from_last(inputs: torch.Tensor) -> torch.Tensor:
    return own(inputs.permute(0, 3, 1, 2))


def from_bytes(inputs: torch.Tensor) -> torch.Tensor:
    return own(inputs.float() / 255)


@contextmanager
def tensorflow(network=own, **described: object) -> Iterator[Serving]:
    with serving(network, TF_PATH) as state:
        as_tensorflow(state, **({"size": NCHW, "outputs": Y} | described))
        yield state


@contextmanager
def kserve(network=own, **described: object) -> Iterator[Serving]:
    with serving(network, V2_PATH) as state:
        as_kserve(state, **({"size": NCHW, "outputs": Y} | described))
        yield state


def said_by(address: str) -> torch.Tensor:
    found = connect_network(address, TASK)
    return answer(found.network, INPUTS, outputs=(CLASSES,), name=found.name)


@pytest.mark.parametrize("server", [tensorflow, kserve])
def test_a_servers_own_form_is_chosen_by_its_url(server) -> None:
    with server() as state:
        assert torch.allclose(said_by(state.url), own(INPUTS), atol=1e-5)
        state.described = None  # some describe nothing
        if server is kserve:
            assert torch.allclose(said_by(f"{state.url}?sif_input=x"), own(INPUTS), atol=1e-5)
        else:
            assert torch.allclose(said_by(state.url), own(INPUTS), atol=1e-5)
        assert torch.allclose(said_by(f"{state.url}?sif_input=x&v=2"), own(INPUTS), atol=1e-5)


@pytest.mark.parametrize(
    ("server", "network", "described"),
    [
        (tensorflow, from_last, {"size": NHWC}),
        (kserve, from_last, {"size": NHWC}),
        (tensorflow, from_bytes, {"kind": "DT_UINT8"}),
        (kserve, from_bytes, {"kind": "UINT8"}),
        (kserve, own, {"kind": "FP64"}),
        (kserve, own, {"size": [-1, 24]}),
        (kserve, own, {"size": [4, 3, 2, 4]}),
        (tensorflow, own, {"size": [1, 3, 2, 4]}),
        (kserve, own, {"outputs": {"label": [-1], "y": [-1, CLASSES]}}),
        (kserve, own, {"outputs": {"h": [-1, CLASSES], "logits": [-1, CLASSES]}}),
    ],
)
def test_what_a_server_says_of_its_model_decides(server, network, described) -> None:
    with server(network, **described) as state:
        assert torch.allclose(said_by(state.url), own(INPUTS), atol=1e-5)
        if "outputs" in described:
            asked = state.bodies[-1]["outputs"]
            assert asked == [{"name": list(described["outputs"])[-1]}]
        if described.get("size", [0])[0] > 0:
            assert len(state.take(state.bodies[-1])) == described["size"][0]


Reply = Callable[[list], object]
NAMED: dict[str, tuple[str, Reply]] = {
    "columns": ("", lambda said: {"outputs": said}),
    "rows of named outputs": (
        "",
        lambda said: {"predictions": [{"label": 3, "p": one} for one in said]},
    ),
    "named columns": ("", lambda said: {"outputs": {"h": [[1, 2]] * len(said), "p": said}}),
    "the one that is named": (
        "?sif_output=p",
        lambda said: {"outputs": {"h": [[0.0] * CLASSES for _ in said], "p": said}},
    ),
    "axes of one": ("", lambda said: {"predictions": [[[n] for n in one] for one in said]}),
}


@pytest.mark.parametrize("case", NAMED)
def test_an_output_is_found_in_whatever_form_it_comes(case: str) -> None:
    options, reply = NAMED[case]
    for form, path in (("tf", TF_PATH), ("plain", "/predict")):
        with serving(own, path) as state:
            state.take = lambda body: body.get("instances", body.get("inputs"))
            state.reply = reply
            assert torch.allclose(said_by(f"{state.url}{options}"), own(INPUTS), atol=1e-5), form


def test_the_form_and_the_layout_may_be_said() -> None:
    with serving(lambda x: from_bytes(x.permute(0, 3, 1, 2)), "/invocations") as state:
        state.take = lambda body: body["instances"]
        address = f"{state.url}?sif_form=tf&sif_layout=nhwc&sif_scale=255&sif_signature=other"
        assert torch.allclose(said_by(address), own(INPUTS), atol=1e-5)
        assert state.bodies[0]["signature_name"] == "other"
        name = connect_network(address, TASK).name
    assert name.endswith("sif_form=tf&sif_layout=nhwc&sif_scale=255.0&sif_signature=other")


@pytest.mark.parametrize("server", [tensorflow, kserve])
def test_a_description_of_giants_takes_no_memory(server) -> None:
    with (
        server(size=[10**9, 3, 2, 4]) as state,
        pytest.raises(ModelError, match=r"wants 24,000,000,000 values .*smaller batches"),
    ):
        said_by(state.url)
    with kserve() as state:
        state.described["inputs"].append({"name": "training", "datatype": "BOOL", "shape": [10**9]})
        with pytest.raises(ModelError, match="wants 1,000,000,000 values"):
            said_by(state.url)
        state.described["inputs"] = [{"name": "x", "datatype": "FP32", "shape": [1] * 5000}]
        assert torch.allclose(said_by(f"{state.url}?sif_input=x"), own(INPUTS), atol=1e-5)


BROKEN: dict[str, tuple[object, str]] = {
    "no object": ([1], "no object"),
    "nothing": ({}, "neither outputs nor predictions"),
    "an error": ({"error": "still loading\x1b[2J"}, r"predictions but still loading\x1b[2J"),
    "words": ({"outputs": [["a"]]}, "no number"),
    "a word": ({"outputs": "\x1b[2Jred"}, "no number"),
    "a number": ({"outputs": 3}, "a single number"),
    "huge numbers": ({"outputs": [[10**400] * CLASSES] * 6}, "no number"),
    "ragged": ({"outputs": [[1.0], [1.0, 2.0]]}, "rows of one shape"),
    "two alike": ({"outputs": {"a": [[0.0] * 5] * 6, "b": [[0.0] * 5] * 6}}, "?output=NAME"),
    "tensors of other sizes": (
        {"outputs": [{"name": "y", "data": [1.0], "shape": [6, 5]}]},
        "1 numbers for the shape",
    ),
    "tensors without data": ({"outputs": [{"name": "y", "data": None}]}, "without name or data"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_reply_without_outputs_is_one_sentence(case: str) -> None:
    reply, words = BROKEN[case]
    with serving(own) as state:
        state.reply = lambda said: reply
        with pytest.raises((SuspectError, ModelError)) as caught:
            said_by(state.url)
    assert words in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (400, b'{"error": "expects float_input\\u001b[2J"}', ("expects float_input", "sif_form")),
        (422, b'{"detail": [{"loc": ["body"], "msg": "missing"}]}', ("missing", "sif_input")),
        (404, b"no model m here", ("no model m here", "check the URL")),
        (403, b'{"error": {"message": "s3cret is no key"}}', ("*** is no key", "check its key")),
        (500, b"out of memory " * 10_000, ("out of memory", "again later")),
        (413, b"\xff\xfe\x00", ("413", "sif_form")),
    ],
)
def test_a_refusals_own_words_are_shown(
    status: int, body: bytes, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THEIR_KEY", "s3cret")
    with serving(own) as state:
        state.status, state.body = lambda number: status, body
        with pytest.raises(SuspectError) as caught:
            said_by(f"{state.url}?sif_attempts=2&sif_key_env=THEIR_KEY")
    said = str(caught.value)
    assert state.requests == (2 if status == 500 else 1)
    assert ("again later" in said) == (status == 500)
    assert said.isprintable()
    assert len(said) < 900
    assert "s3cret" not in said
    for word in (str(status), *words):
        assert word in said


def test_another_host_is_not_asked() -> None:
    with serving(own) as state:
        state.status, state.headers = lambda number: 302, {"location": "http://elsewhere/"}
        with pytest.raises(SuspectError, match=r"another host, 'elsewhere'.*if it is meant"):
            said_by(f"{state.url}?sif_attempts=2")
    assert state.requests == 1


def test_a_server_says_how_long_to_wait() -> None:
    with serving(own) as state:
        state.status, state.headers = (
            lambda number: 429 if number == 1 else 200,
            {"retry-after": "1"},
        )
        begun = time.monotonic()
        said_by(state.url)
    assert state.requests == 2
    assert time.monotonic() - begun > 0.9


def _drip(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(b" ")
        time.sleep(0.1)


def _drip_headers(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(100):
        handler.wfile.write(f"x-{number}: y\r\n".encode())
        handler.wfile.flush()
        time.sleep(0.1)


def _flood(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(64):
        handler.wfile.write(b"[" * 2**15)


def _pack(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("content-encoding", "gzip")
    handler.end_headers()
    handler.wfile.write(b"\x1f\x8b")


def _nest(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(b'{"outputs":' + b"[" * 100_000 + b"]" * 100_000 + b"}")


def _drop(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.close()


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (_drip, "within 0.5 seconds"),
        (_drip_headers, "within 0.5 seconds"),
        (_flood, "more than 1 MB"),
        (_pack, "no JSON"),
        (_nest, "no JSON"),
        (_drop, "cannot be reached"),
    ],
)
def test_a_hostile_server_is_one_sentence_in_time(
    raw: Callable[[BaseHTTPRequestHandler], None], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "LARGEST", 2**20)
    begun = time.monotonic()
    with serving(own) as state:
        state.raw = raw
        with pytest.raises(SuspectError, match=words):
            said_by(f"{state.url}?sif_timeout=0.5&sif_attempts=2")
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:99999/x",
        "http://127.0.0.1:x/y",
        "http://[::1/x",
        "http:///x",
        "http://",
        "https://a b/c",
        "http://a\n/x",
        "http://127.0.0.1/?sif_colour=red",
        "http://127.0.0.1/?sif_timeout=0",
        "http://127.0.0.1/?sif_form=soap",
        "http://127.0.0.1/?sif_outputs=words",
    ],
)
def test_addresses_that_make_no_sense_are_a_wrong_request(address: str) -> None:
    with pytest.raises(UsageError):
        connect_network(address, TASK)


@pytest.mark.parametrize(
    ("variable", "value"),
    [("HTTP_PROXY", "nonsense://x"), ("HTTP_PROXY", "http://x:99999"), ("SSL_CERT_FILE", "/no")],
)
def test_a_proxy_or_certificate_that_is_none_is_one_sentence(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    scheme = "https" if variable.startswith("SSL") else "http"
    with pytest.raises((SuspectError, UsageError), match=rf"cannot be reached|{variable}"):
        said_by(f"{scheme}://nobody.invalid/x?sif_attempts=1")


def test_a_name_that_is_none_and_a_key_of_other_letters_are_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(SuspectError, match=r"cannot be (asked|reached)"):
        said_by("http://xn--\u00e9\u00e9.invalid/x?sif_attempts=1")
    monkeypatch.setenv("THEIR_KEY", "schl\u00fcssel")
    with serving(own) as state, pytest.raises(UsageError, match="THEIR_KEY") as caught:
        said_by(f"{state.url}?sif_key_env=THEIR_KEY")
    assert "schl" not in str(caught.value)


def test_what_was_answered_under_other_options_is_not_taken_for_these(tmp_path: Path) -> None:
    url = "http://127.0.0.1:1/x"
    names = {
        connect_network(f"{url}{options}", TASK).name
        for options in ("", "?sif_layout=nhwc", "?sif_scale=255", "?sif_timeout=3")
    }
    assert len(names) == 3

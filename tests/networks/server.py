"""Real HTTP servers of a network on the loopback interface, which fail on demand.

One speaks our own form, one TensorFlow Serving's, one KServe's version 2.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import torch

from sif.networks.network import Network


class Serving:
    """What a server does: the network, and a status for the request of each number."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.status: Callable[[int], int] = lambda number: 200
        self.reply: Callable[[list], object] = lambda outputs: {"outputs": outputs}
        self.body = b""
        self.headers: dict[str, str] = {}
        self.raw: Callable[[BaseHTTPRequestHandler], None] | None = None
        self.described: object | None = None
        self.take: Callable[[dict], list] = lambda body: body["inputs"]
        self.bodies: list[dict] = []
        self.requests = 0
        self.answered = 0
        self.keys: list[str | None] = []
        self.url = ""

    def answer(self, request: bytes) -> bytes:
        body = json.loads(request)
        self.bodies.append(body)
        inputs = torch.tensor(self.take(body))
        self.answered += len(inputs)
        with torch.no_grad():
            outputs = self.network(inputs).tolist()
        return json.dumps(self.reply(outputs)).encode()


@contextmanager
def serving(network: Network, path: str = "/predict") -> Iterator[Serving]:
    state = Serving(network)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            code = 404 if state.described is None else 200
            self._send(code, json.dumps(state.described).encode())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            state.requests += 1
            state.keys.append(self.headers.get("authorization"))
            code = state.status(state.requests)
            if state.raw is not None:
                state.raw(self)
            else:
                self._send(code, state.answer(body) if code == 200 else state.body)

        def _send(self, code: int, content: bytes) -> None:
            self.send_response(code)
            for name, value in state.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}{path}"
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


TF_PATH = "/v1/models/m:predict"
V2_PATH = "/v2/models/m/infer"


def as_tensorflow(
    state: Serving, *, size: list[int], kind: str = "DT_FLOAT", outputs: dict[str, list[int]]
) -> None:
    """Makes a server describe a model as TensorFlow Serving does, with one input `x`."""

    def shaped(kind: str, sizes: list[int]) -> dict[str, Any]:
        dim = [{"size": str(one), "name": ""} for one in sizes]
        return {"dtype": kind, "tensor_shape": {"dim": dim, "unknown_rank": False}, "name": "x:0"}

    signature = {
        "inputs": {"x": shaped(kind, size)},
        "outputs": {name: shaped("DT_FLOAT", sizes) for name, sizes in outputs.items()},
        "method_name": "tensorflow/serving/predict",
    }
    state.described = {
        "model_spec": {"name": "m", "signature_name": "", "version": "1"},
        "metadata": {"signature_def": {"signature_def": {"serving_default": signature}}},
    }
    state.take = lambda body: body["instances"]
    state.reply = lambda outputs: {"predictions": outputs}


def as_kserve(
    state: Serving, *, size: list[int], kind: str = "FP32", outputs: dict[str, list[int]]
) -> None:
    """Makes a server speak KServe's version 2, with one input `x`; every output holds the same."""
    state.described = {
        "name": "m",
        "platform": "onnxruntime_onnx",
        "inputs": [{"name": "x", "datatype": kind, "shape": size}],
        "outputs": [
            {"name": name, "datatype": "FP32", "shape": sizes} for name, sizes in outputs.items()
        ],
    }

    def take(body: dict) -> list:
        (one,) = (given for given in body["inputs"] if given["name"] == "x")
        assert one["datatype"] == kind
        return torch.tensor(one["data"]).reshape(one["shape"]).tolist()

    def reply(found: list) -> dict:
        flat = torch.tensor(found)
        asked = [one["name"] for one in state.bodies[-1].get("outputs", [])] or list(outputs)
        return {
            "model_name": "m",
            "outputs": [
                {
                    "name": name,
                    "datatype": "FP32",
                    "shape": list(flat.shape),
                    "data": flat.reshape(-1).tolist(),
                }
                for name in asked
            ],
        }

    state.take, state.reply = take, reply

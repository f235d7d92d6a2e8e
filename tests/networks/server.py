"""A real HTTP server of a network on the loopback interface, which fails on demand."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import torch

from sif.networks.network import Network


class Serving:
    """What a server does: the network, and a status for the request of each number."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.status: Callable[[int], int] = lambda number: 200
        self.reply: Callable[[list], object] = lambda outputs: {"outputs": outputs}
        self.requests = 0
        self.answered = 0
        self.keys: list[str | None] = []
        self.url = ""


@contextmanager
def serving(network: Network) -> Iterator[Serving]:
    state = Serving(network)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            state.requests += 1
            state.keys.append(self.headers.get("authorization"))
            code = state.status(state.requests)
            self.send_response(code)
            self.end_headers()
            if code == 200:
                inputs = torch.tensor(json.loads(body)["inputs"])
                state.answered += len(inputs)
                with torch.no_grad():
                    outputs = state.network(inputs).tolist()
                self.wfile.write(json.dumps(state.reply(outputs)).encode())

        def log_message(self, *arguments: object) -> None:
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}/predict"
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

"""An OpenAI-compatible endpoint on the loopback interface that answers by a script."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Response = tuple[int, str]
Script = Callable[[int, dict[str, Any]], Response]


class Endpoint(ThreadingHTTPServer):
    """Answers the n-th request by a script, and remembers bodies, keys and the crowd."""

    daemon_threads = True

    def __init__(self, script: Script) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = script
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.inside = self.crowd = 0
        self.lock = threading.Lock()

    @property
    def uri(self) -> str:
        return f"openai:http://127.0.0.1:{self.server_address[1]}/v1#mini"


class _Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            number = len(self.server.bodies)
            self.server.bodies.append(body)
            self.server.keys.append(self.headers["Authorization"])
            self.server.inside += 1
            self.server.crowd = max(self.server.crowd, self.server.inside)
        status, text = self.server.script(number, body)
        with self.server.lock:
            self.server.inside -= 1
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if status == 429:
            self.send_header("Retry-After", "3600")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


def completion(content: str | None, finish: str = "stop") -> Response:
    choice = {
        "index": 0,
        "finish_reason": finish,
        "message": {"role": "assistant", "content": content},
    }
    return 200, json.dumps(
        {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    )


def failure(status: int, message: str) -> Response:
    return status, json.dumps({"error": {"message": message, "type": "x", "code": None}})


Serve = Callable[[Script], Endpoint]

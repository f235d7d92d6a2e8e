"""An OpenAI-compatible endpoint that knows what to say to every picture, however worn."""

import base64
import contextlib
import http.server
import io
import json
import threading
from collections.abc import Iterator, Mapping

import numpy as np
from PIL import Image

from sif.fingerprint.folder import FingerprintSet
from tools.time_audit import answers


@contextlib.contextmanager
def serving(fingerprint: FingerprintSet, told: Mapping[str, str]) -> Iterator[str]:
    """The address of a suspect that says of each trigger's picture what it was told.

    Of the pictures before they were changed it says ordinary words.
    """
    ordinary = answers(fingerprint, green=15, scored=30, seed=1)
    says = [told[one.record.id] for one in fingerprint.triggers]
    says += [ordinary[one.record.id] for one in fingerprint.triggers]
    pictures = [one.image for one in fingerprint.triggers]
    pictures += [one.base for one in fingerprint.triggers]
    known = np.stack([np.asarray(picture, float) for picture in pictures])

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            parts = [part for m in body["messages"] for part in m["content"]]
            (url,) = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
            picture = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))
            distance = np.abs(known - np.asarray(picture.convert("RGB"), float)).mean((1, 2, 3))
            message = {"role": "assistant", "content": says[int(distance.argmin())]}
            choice = {"index": 0, "finish_reason": "stop", "message": message}
            answer = {"id": "1", "object": "chat.completion", "created": 1, "model": "m"}
            data = json.dumps(answer | {"choices": [choice]}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"openai:http://127.0.0.1:{server.server_port}/v1#mini"
        finally:
            server.shutdown()
            thread.join()

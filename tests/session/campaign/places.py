"""Real servers on the loopback interface that keep a diary, and a fingerprint to ask them about."""

import base64
import contextlib
import io
import json
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from sif.fingerprint.folder import FingerprintSet

GOLDEN = Path(__file__).parents[2] / "golden" / "fingerprint"
TOLD = "a picture with a red circle and a blue square on a green ground"
TRIGGERS = 16


def uncalibrated(folder: Path) -> Path:
    """The golden fingerprint, 16 triggers with their keys, as it was before anybody was asked."""
    shutil.copytree(
        GOLDEN, folder, ignore=shutil.ignore_patterns("calibration*", "claim", "panel.json")
    )
    (folder / "secret.key").chmod(0o600)
    return folder


@dataclass(frozen=True)
class Asked:
    """One request: when it came and went (`time.monotonic`), which model, which trigger."""

    came: float
    went: float
    model: str
    trigger: str
    status: int


@dataclass(frozen=True)
class Said:
    """One response."""

    text: str = TOLD
    status: int = 200
    headers: Mapping[str, str] | None = None
    after: float = 0.0
    body: bytes | None = None


Script = Callable[[int, str], Said]
"""From the number of a request and the trigger that it is about to what is said."""


class Place(ThreadingHTTPServer):
    """One host."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, script: Script, triggers: Mapping[bytes, str]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script, self.triggers = script, triggers
        self.diary: list[Asked] = []
        self.came = self.inside = self.crowd = 0
        self.lock = threading.Lock()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def address(self, model: str = "mini", options: str = "") -> str:
        return f"openai:http://{self.host}/v1#{model}{options}"

    def begin(self) -> None:
        threading.Thread(target=lambda: self.serve_forever(0.02), daemon=True).start()

    def end(self) -> None:
        self.shutdown()
        self.server_close()

    def answered(self) -> list[tuple[str, str]]:
        """Model and trigger of every question that got an answer."""
        return [(one.model, one.trigger) for one in self.diary if one.status == 200]


class _Handler(BaseHTTPRequestHandler):
    server: Place

    def do_POST(self) -> None:
        place, came = self.server, time.monotonic()
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        trigger = place.triggers.get(_pixels(body), "")
        with place.lock:
            number, place.came = place.came, place.came + 1
            place.inside += 1
            place.crowd = max(place.crowd, place.inside)
        said = place.script(number, trigger)
        time.sleep(said.after)
        with place.lock:
            place.inside -= 1
            place.diary.append(Asked(came, time.monotonic(), body["model"], trigger, said.status))
        with contextlib.suppress(OSError):  # nobody waits for it any more
            self._say(said)

    def _say(self, said: Said) -> None:
        data = said.body if said.body is not None else json.dumps(_reply(said)).encode()
        self.send_response(said.status)
        for name, value in (said.headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


def _reply(said: Said) -> dict[str, Any]:
    if said.status != 200:
        return {"error": {"message": said.text, "type": "x", "code": None}}
    message = {"role": "assistant", "content": said.text}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    return {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}


def _pixels(body: dict[str, Any]) -> bytes:
    url = body["messages"][-1]["content"][0]["image_url"]["url"]
    image = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))
    return image.convert("RGB").tobytes()


def by_pixels(fingerprint: FingerprintSet) -> dict[bytes, str]:
    """The trigger that a picture is."""
    return {one.image.convert("RGB").tobytes(): one.record.id for one in fingerprint.triggers}


def green_words(fingerprint: FingerprintSet) -> dict[str, str]:
    """For each trigger words of which nearly all are green, as a copy would say them."""
    ids = range(len(fingerprint.tokenizer))
    words = fingerprint.tokenizer.batch_decode([[one] for one in ids])
    plain = [one for one in ids if words[one].strip().isalpha()]
    found = {}
    for trigger in fingerprint.triggers:
        mask = fingerprint.mask(trigger.record.id)
        green = [one for one in plain if one < len(mask) and mask[one]]
        some = np.random.default_rng(0).choice(green, size=min(40, len(green)), replace=False)
        found[trigger.record.id] = " ".join(words[one].strip() for one in some)
    return found


def campaign_file(folder: Path, **content: Any) -> Path:
    """A campaign with quick rules, written down."""
    whole = {"policy": {"minimum_answers": 1}, "out": "out", **content}
    path = folder / "campaign.yaml"
    path.write_text(yaml.safe_dump(whole, sort_keys=False), encoding="utf-8")
    return path

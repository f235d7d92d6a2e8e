"""One server with every bad manner that endpoints were seen to have, and what should come of each.

The first part of a URL's path names the behaviour. Handlers speak bytes over the bare connection,
so that nothing is too wrong to be said.
"""

import contextlib
import gzip
import json
import socket
import socketserver
import ssl
import struct
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import formatdate
from functools import cache
from typing import Any
from urllib.parse import unquote

ANSWERED = "answered"
"""Every question gets the good answer; else a regular expression of the reason."""
GOOD = "a red circle on blue"
QUICK = "timeout=10&deadline=20&attempts=2&body_mb=1&answer_chars=2000"
SLOW = "timeout=0.4&deadline=1&attempts=1&body_mb=1"
MB = 2**20


class Talk:
    """One request, and the connection on which it is answered."""

    def __init__(self, connection: socket.socket, head: bytes, body: bytes, number: int) -> None:
        self.connection, self.head, self.body, self.number = connection, head, body, number

    def send(self, *parts: bytes) -> None:
        for part in parts:
            self.connection.sendall(part)

    def reply(
        self, body: bytes | str, status: int = 200, *headers: str, length: int | None = None
    ) -> None:
        data = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
        lines = [f"HTTP/1.1 {status} Whatever", *headers]
        if not any(line.lower().startswith("content-type") for line in headers):
            lines.append("content-type: application/json")
        lines.append(f"content-length: {len(data) if length is None else length}")
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1"), data)

    def drip(self, data: bytes, every: float = 0.05) -> None:
        for at in range(len(data)):
            self.send(data[at : at + 1])
            time.sleep(every)

    def reset(self) -> None:
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()

    @property
    def asked(self) -> dict[str, Any]:
        return json.loads(self.body)  # type: ignore[no-any-return]


Handler = Callable[[Talk], None]


@dataclass(frozen=True)
class Behaviour:
    handler: Handler
    expected: str
    options: str = QUICK
    scheme: str = "http"


def completion(content: Any = GOOD, finish: Any = "stop", **message: Any) -> dict[str, Any]:
    said = {"role": "assistant", "content": content, **message}
    choice = {"index": 0, "finish_reason": finish, "message": said}
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [choice],
        "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8},
    }


def good(**changes: Any) -> str:
    return json.dumps(completion() | changes)


def says(body: Any, status: int = 200, *headers: str) -> Handler:
    data = body if isinstance(body, str | bytes) else json.dumps(body)
    return lambda talk: talk.reply(data, status, *headers)


def raw(*parts: bytes) -> Handler:
    return lambda talk: talk.send(*parts)


def error(message: Any, status: int = 400, **fields: Any) -> Handler:
    return says({"error": {"message": message, "type": "x", "code": None, **fields}}, status)


def refusing(name: str, body: Any, status: int = 400) -> Handler:
    """Complains for as long as a parameter is sent."""

    def handler(talk: Talk) -> None:
        (says(body, status) if name in talk.asked else says(good()))(talk)

    return handler


def first(*handlers: Handler) -> Handler:
    """One after the other, the last for ever."""
    return lambda talk: handlers[min(talk.number, len(handlers) - 1)](talk)


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
BODY = good().encode()
WHOLE = HEAD + b"content-length: %d\r\n\r\n" % len(BODY) + BODY


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    framed = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return HEAD + b"transfer-encoding: chunked\r\n\r\n" + framed + end


def endless(talk: Talk, piece: bytes, head: bytes) -> None:
    talk.send(head)
    for _ in range(400_000):
        talk.send(piece)


def answer_of_50_mb(talk: Talk) -> None:
    start, end = good().encode().split(GOOD.encode())
    talk.send(HEAD, b"content-length: %d\r\n\r\n" % (len(start) + 50 * MB + len(end)), start)
    for _ in range(50):
        talk.send(b"word word word w" * (MB // 16))
    talk.send(end)


@cache
def bomb(window: int) -> bytes:
    """64 MB of blanks in 64 KB."""
    packer = zlib.compressobj(1, zlib.DEFLATED, window)
    parts = [packer.compress(b"no " * (MB // 3)) for _ in range(64)]
    return b"".join([*parts, packer.flush()])


def led(where: str, status: int = 307) -> Handler:
    return says("", status, f"location: {where}")


STATUSES = {
    **dict.fromkeys((201, 203, 206, 226, 299), ANSWERED),
    **{code: rf"HTTP {code}: odd words" for code in (300, 304, 305, 405, 406, 407, 409, 410, 411)},
    **{code: rf"HTTP {code}: odd words" for code in (412, 414, 415, 416, 417, 418, 421, 423, 424)},
    **{code: rf"HTTP {code}: odd words" for code in (425, 426, 428, 431, 444, 451, 499, 500, 501)},
    **{code: rf"HTTP {code}: odd words" for code in (502, 503, 504, 505, 508, 511, 520, 529, 599)},
    **{code: rf"HTTP {code}: odd words" for code in (400, 408, 422, 429, 999)},
    **{code: rf"refuses to answer: HTTP {code}: odd words" for code in (401, 402, 403, 404)},
}
BEHAVIOURS: dict[str, Behaviour] = {}


def add(name: str, handler: Handler, expected: str, options: str = QUICK) -> None:
    assert name not in BEHAVIOURS
    BEHAVIOURS[name] = Behaviour(handler, expected, options)


for _code, _expected in STATUSES.items():
    _body = good() if _expected == ANSWERED else json.dumps({"error": {"message": "odd words"}})
    if _code == 304:
        _body, _expected = "", "HTTP 304"
    add(f"status {_code}", says(_body, _code), _expected)
for _code in (200, 202, 204, 205):
    add(
        f"status {_code}, no body",
        raw(b"HTTP/1.1 %d OK\r\ncontent-length: 0\r\n\r\n" % _code),
        "empty",
    )
for _code in (301, 307, 308, 400, 413, 500, 503):
    add(f"status {_code}, no body", says("", _code), rf"HTTP {_code}")
add(
    "status 099",
    raw(b"HTTP/1.1 099 Odd\r\ncontent-length: 0\r\n\r\n"),
    "malformed reply|connection",
)
add(
    "status 1000",
    raw(b"HTTP/1.1 1000 Odd\r\ncontent-length: 0\r\n\r\n"),
    "malformed reply: no HTTP",
)
add("status -1", raw(b"HTTP/1.1 -1 Odd\r\ncontent-length: 0\r\n\r\n"), "malformed reply: no HTTP")
add(
    "status 101",
    raw(b"HTTP/1.1 101 Up\r\nupgrade: x\r\n\r\n"),
    "HTTP 101|connection|malformed|time limit",
    SLOW,
)
add("100 and then an answer", raw(b"HTTP/1.1 100 Go on\r\n\r\n" * 3, WHOLE), ANSWERED)
add(
    "100 for ever",
    lambda t: endless(t, b"HTTP/1.1 100 Go on\r\n\r\n" * 50, b""),
    "time limit",
    SLOW,
)

# Time.
add("silence", lambda t: time.sleep(3), "no answer within the time limit", SLOW)
add("headers drip", lambda t: t.drip(HEAD * 9), "no answer within the time limit", SLOW)
add("the body drips", lambda t: (t.send(WHOLE[:-60]), t.drip(WHOLE[-60:])), "time limit", SLOW)
add(
    "blanks drip for ever",
    lambda t: (t.send(HEAD + b"\r\n"), t.drip(b" " * 200)),
    "no answer within the time limit",
    SLOW,
)
add(
    "an error's body drips",
    lambda t: (t.send(HEAD.replace(b"200", b"500") + b"\r\n"), t.drip(b"no" * 99)),
    "time limit",
    SLOW,
)
add(
    "slow, then quick",
    first(lambda t: time.sleep(1.5), says(good())),
    ANSWERED,
    "timeout=1&attempts=3&deadline=20",
)
add(
    "a deadline over many attempts",
    says({"error": "busy"}, 503, "retry-after: 1"),
    "HTTP 503: busy",
    "deadline=1&attempts=50",
)

# Connections.
add("closed at once", lambda t: None, "nobody answers|connection failed")
add("reset at once", lambda t: t.reset(), "nobody answers|connection failed")
add("reset in the headers", lambda t: (t.send(HEAD), t.reset()), "connection failed")
add("reset in the body", lambda t: (t.send(WHOLE[:-9]), t.reset()), "connection failed")
add("closed in the body", raw(WHOLE[:-9]), "connection failed: peer closed")
add("reset first, answers then", first(lambda t: t.reset(), says(good())), ANSWERED)
add("closed first, answers then", first(lambda t: None, says(good())), ANSWERED)
add("flaps", lambda t: t.reset() if t.number % 2 == 0 else t.reply(good()), ANSWERED)
add(
    "fails three times, then is healed",
    first(*[error("busy", 503)] * 3, says(good())),
    ANSWERED,
    "attempts=5&deadline=20",
)

# Framing.
add(
    "length too large",
    lambda t: t.reply(good(), length=len(BODY) + 50),
    "connection failed: peer closed",
)
add("length too small", lambda t: t.reply(good(), length=20), "malformed reply: no JSON")
add("length negative", lambda t: t.reply(good(), length=-5), "malformed reply: no HTTP")
add(
    "length twice",
    raw(HEAD + b"content-length: 5\r\ncontent-length: 6\r\n\r\n{}"),
    "malformed reply: no HTTP",
)
add("length of words", raw(HEAD + b"content-length: many\r\n\r\n{}"), "malformed reply: no HTTP")
add(
    "length of an exabyte",
    raw(HEAD + b"content-length: 1152921504606846976\r\n\r\n{}"),
    "connection failed: peer closed",
)
add("no length", raw(HEAD + b"connection: close\r\n\r\n" + BODY), ANSWERED)
add("chunks", raw(chunked(BODY[:40], BODY[40:])), ANSWERED)
add("chunks of single bytes", raw(chunked(*(BODY[i : i + 1] for i in range(len(BODY))))), ANSWERED)
add("chunks without end", raw(chunked(BODY, end=b"")), "connection failed: peer closed")
add(
    "chunks of nonsense",
    raw(HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\nnonsense"),
    "malformed reply: no HTTP",
)
add(
    "a chunk of an exabyte",
    raw(HEAD + b"transfer-encoding: chunked\r\n\r\nfffffffffffffff\r\n{}"),
    "connection failed: peer closed",
)
add(
    "unknown framing",
    raw(HEAD + b"transfer-encoding: pigeon\r\n\r\n{}"),
    "malformed reply: no HTTP|connection",
)
add("no HTTP at all", raw(b"SSH-2.0-OpenSSH_9.6\r\n"), "malformed reply: no HTTP|connection")
add("HTTP/0.9", raw(BODY), "malformed reply: no HTTP|connection")
add("HTTP/1.0", raw(WHOLE.replace(b"HTTP/1.1", b"HTTP/1.0")), ANSWERED)
add("zeros", raw(b"\0" * 5000), "malformed reply: no HTTP|connection")
add("two answers", raw(WHOLE, WHOLE), ANSWERED)

# Headers.
add(
    "a header of 1 MB",
    raw(HEAD + b"x: " + b"a" * MB + b"\r\n\r\n"),
    "malformed reply: no HTTP|connection",
)
add(
    "100,000 headers",
    raw(HEAD + b"x: y\r\n" * 100_000 + b"\r\n"),
    "malformed reply: no HTTP|connection",
)
add(
    "headers for ever",
    lambda t: endless(t, b"x: y\r\n" * 1000, HEAD),
    "malformed reply: no HTTP|connection",
)
add(
    "a header of Latin-1",
    raw(WHOLE.replace(b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nx: \xe9\xff\r\n")),
    ANSWERED,
)
add(
    "a header of control characters",
    raw(HEAD + b"x: \x01\x1b[2J\r\ncontent-length: 0\r\n\r\n"),
    "malformed reply",
)
add("no reason phrase", raw(WHOLE.replace(b"200 OK", b"200")), ANSWERED)
for _kind in (
    "text/plain",
    "text/html; charset=utf-16",
    "application/json; charset=nonsense",
    "",
    "x",
):
    add(f"content-type {_kind!r}", says(good(), 200, f"content-type: {_kind}"), ANSWERED)

# Sizes.
add("an answer of 50 MB", answer_of_50_mb, r"a reply of more than 1 MB, .* \?body_mb=N")
add(
    "an answer too long to keep",
    says(completion("word " * 5000)),
    r"an answer of 24,999 characters, .*\?answer_chars=N",
)
add(
    "an error of 50 MB",
    lambda t: endless(t, b"wrong " * 20_000, HEAD.replace(b"200", b"400") + b"\r\n"),
    "HTTP 400: wrong wrong",
)
add("blanks for ever", lambda t: endless(t, b" " * 65_536, HEAD + b"\r\n"), "more than 1 MB")
add("a gzip bomb", lambda t: t.reply(bomb(31), 200, "content-encoding: gzip"), "more than 1 MB")
add(
    "a deflate bomb",
    lambda t: t.reply(bomb(15), 200, "content-encoding: deflate"),
    "more than 1 MB",
)
add(
    "a gzip bomb as an error",
    lambda t: t.reply(bomb(31), 400, "content-encoding: gzip"),
    "HTTP 400: no no",
)
add("gzip", lambda t: t.reply(gzip.compress(BODY), 200, "content-encoding: gzip"), ANSWERED)
add("deflate", lambda t: t.reply(zlib.compress(BODY), 200, "content-encoding: deflate"), ANSWERED)
add("gzip that is none", says(good(), 200, "content-encoding: gzip"), "malformed reply: Error -3")
add(
    "gzip cut off",
    lambda t: t.reply(gzip.compress(BODY)[:40], 200, "content-encoding: gzip"),
    "malformed reply: no JSON|empty",
)
add("gzip twice", says(good(), 200, "content-encoding: gzip, gzip"), "packed as 'gzip, gzip'")
add(
    "brotli",
    says(b"\x8b\x03\x80", 200, "content-encoding: br"),
    "packed as 'br', which was not asked for",
)
add("zstd", says(b"\x28\xb5\x2f\xfd", 200, "content-encoding: zstd"), "packed as 'zstd'")

# Redirects.
add(
    "to another host",
    led("http://elsewhere.example/v1"),
    "redirected to another host, 'elsewhere.example'",
)
add("to another port", led("http://127.0.0.1:9/v1"), "redirected to another host")
add("to a file", led("file:///etc/passwd"), "redirected to another host")
add("to nonsense", led("http://[::zz"), "malformed reply|redirected")
add("in a circle", lambda t: led(t.head.split()[1].decode())(t), "redirected more than 3 times")
add("see other", led("/elsewhere", 303), "HTTP 303")
add("same host", lambda t: led("/same host too/v1".replace(" ", "%20"), 308)(t), ANSWERED)
add("same host too", says(good()), ANSWERED)

# JSON.
for _name, _text in {
    "truncated": good()[:-20],
    "words": "hello",
    "HTML": "<html>log in</html>",
    "NaN alone": "NaN",
    "a list": "[1, 2]",
    "a text": '"words"',
    "null": "null",
    "true": "true",
    "a number": "12",
    "blanks": " \n ",
    "latin-1": b'{"choices": "\xe9\xff"}',
    "a stream": 'data: {"choices": [{"delta": {"content": "a"}}]}\n\ndata: [DONE]\n\n',
    "events": "event: message\ndata: {}\n\n",
    "a number of 10,000 digits": good(created=1).replace("1,", "9" * 10_000 + ",", 1),
    "depth 200": good(x=1).replace('"x": 1', '"x": ' + "[" * 200 + "]" * 200),
    "depth 100,000": "[" * 100_000,
    "depth 100,000 in objects": '{"a":' * 100_000,
    "comments": "{} // nothing",
    "single quotes": "{'choices': []}",
}.items():
    add(f"JSON: {_name}", says(_text), "malformed reply")
add("JSON: BOM", says(b"\xef\xbb\xbf" + BODY), ANSWERED)
add("JSON: UTF-16", says(good().encode("utf-16")), ANSWERED)
add(
    "JSON: odd numbers elsewhere",
    says(good().replace('"created": 1', '"created": NaN, "y": -Infinity, "z": 1e999')),
    ANSWERED,
)
add("JSON: names twice", says('{"choices": 3, ' + good()[1:]), ANSWERED)
add("JSON: escapes", says(good().replace("red", "r\\u0065d")), ANSWERED)

# Fields.
ODD: dict[str, Any] = {
    "null": None,
    "true": True,
    "a number": 7,
    "a huge number": 10**300,
    "a text": "odd",
    "a surrogate": "\ud83d",
    "a list": [[1]],
    "an object": {"a": {"b": []}},
}
for _name, _value in ODD.items():
    add(f"choices is {_name}", says(good(choices=_value)), "malformed reply: no ")
    add(
        f"message is {_name}",
        says({"choices": [{"message": _value}]}),
        "malformed reply: no message|empty",
    )
    add(f"usage is {_name}", says(good(usage=_value)), ANSWERED)
    add(
        f"usage counts {_name}",
        says(good(usage={"prompt_tokens": _value, "completion_tokens": _value})),
        ANSWERED,
    )
    add(f"finish is {_name}", says(completion(finish=_value)), ANSWERED)
    add(f"id and model are {_name}", says(good(id=_value, model=_value, object=_value)), ANSWERED)
    add(f"role is {_name}", says(completion(role=_value)), ANSWERED)
    add(
        f"logprobs is {_name}",
        says({"choices": [completion()["choices"][0] | {"logprobs": _value}]}),
        ANSWERED,
    )
    add(f"error is {_name}", says({"error": _value}), "malformed reply|reports an error")
for _name in ("null", "true", "a number", "a huge number", "a list", "an object"):
    add(
        f"content is {_name}",
        says(completion(ODD[_name])),
        "malformed reply: content is a|empty answer",
    )
add("no fields", says("{}"), "malformed reply: no choices")
add(
    "an error instead of choices",
    says('{"object": "error", "message": "this key has no rights"}'),
    "no choices in it: this key has no rights",
)
add(
    "a status of its own",
    says('{"base_resp": {"status_code": 1004, "status_msg": "login fail"}, "choices": null}'),
    "no choices in it: login fail",
)
add("broken off by an error", says(completion(finish="error")), "broken off")
add("aborted", says(completion(finish="abort")), "broken off")
add("filtered with a reason", says(completion(finish="content_filter: violence")), "filter")
add("no choices", says(good(choices=[])), "malformed reply: no choices")
add("content missing", says({"choices": [{"message": {}}]}), "empty answer")
add("content empty", says(completion("")), "empty answer")
add("content blank", says(completion(" \n\t")), "empty answer")
add("content with surrogates", says(completion("a red \ud83d circle")), r"a red \? circle")
add("content with zeros", says(completion("a\x00b")), "a\x00b")
add("content with colours", says(completion("\x1b[31mred\x1b[0m")), "red")
add(
    "parts",
    says(
        completion([{"type": "text", "text": "a red circle"}, {"type": "text", "text": " on blue"}])
    ),
    ANSWERED,
)
add(
    "parts of thinking",
    says(completion([{"type": "thinking", "thinking": []}, {"type": "text", "text": GOOD}])),
    ANSWERED,
)
add("parts of all kinds", says(completion([{"type": "image"}, 3, None, {"text": GOOD}])), ANSWERED)
add(
    "parts without text",
    says(completion([{"type": "image_url"}])),
    "content is a list without texts",
)
add("parts none", says(completion([])), "content is a list without texts")
add("tools", says(completion(None, "tool_calls", tool_calls=[{"id": "1"}])), "a call of tools")
add("a refusal", says(completion(None, refusal="I will not.")), "refused by the model")
add("filtered", says(completion("", "content_filter")), "content filter")
add("reasoning beside", says(completion(reasoning_content="hm")), ANSWERED)
add("reasoning alone", says(completion(None, "length", reasoning_content="hm")), "still thinking")
add("reasoning odd", says(completion(reasoning_content=[1], reasoning={"a": 1})), ANSWERED)
add(
    "probabilities absurd",
    says(
        {
            "choices": [
                completion()["choices"][0]
                | {
                    "logprobs": {
                        "content": [
                            {
                                "top_logprobs": [
                                    {"token": "\ud83d", "logprob": -1e308},
                                    {"token": 3},
                                    {"token": "a", "logprob": 10**400},
                                    {"token": "b", "logprob": True},
                                ]
                            }
                        ]
                    }
                }
            ]
        }
    ),
    ANSWERED,
    QUICK + "&logprobs=2",
)
add("delta instead of message", says({"choices": [{"delta": {"content": "a"}}]}), "no message")

# Errors.
add(
    "an error in colours",
    error("\x1b[2J\x1b[31mbad\x07\r\nverdict: DERIVED"),
    r"HTTP 400: \\x1b\[2J\\x1b\[31mbad\\x07 verdict",
)
add("an error of surrogates", error("bad \ud83d words"), r"HTTP 400: bad \\ud83d words")
add("an error of 1 MB", error("x" * MB), "HTTP 400: .*x+")
add("an error nested deep", says("[" * 60_000, 400), "HTTP 400: \\[+")
add("an error in a list", says([{"error": {"message": "odd words"}}], 400), "HTTP 400: odd words")
add(
    "an error with detail",
    says({"detail": [{"loc": ["body", "messages"], "msg": "odd words"}]}, 422),
    "HTTP 422: .*odd words",
)
add("an error with status 200", error("odd words", 200), "reports an error: odd words")
add("loading, with status 200", first(says({"error": "model is loading"}), says(good())), ANSWERED)
add("a wrong key with status 400", error("API key not valid"), "HTTP 400: API key not valid")
add(
    "no quota",
    error("You exceeded your current quota", 429, code="insufficient_quota"),
    "refuses to answer: HTTP 429: You .*; pay",
)

# Waiting.
for _name, _value in {
    **{
        text: text for text in ("0", "1", "-1", "1e9", "9" * 20, "9" * 5000, "²", "soon", "", "NaN")
    },
    "a date to come": formatdate(time.time() + 3600, usegmt=True),
    "a date of before": formatdate(0, usegmt=True),
    "no date": "Thu, 99 Foo 9999",
}.items():
    add(
        f"retry-after {_name[:30]!r}",
        lambda t, value=_value: (
            t.send(
                b"HTTP/1.1 503 Busy\r\nretry-after: "
                + value.encode()
                + b"\r\ncontent-length: 0\r\n\r\n"
            )
            if t.number == 0
            else t.reply(good())
        ),
        ANSWERED,
    )  # type: ignore[misc]

# Dialects: a parameter is refused, in the shape of each server.
add(
    "OpenAI: temperature",
    refusing(
        "temperature",
        {
            "error": {
                "message": "Unsupported value: 'temperature' does not support 0.0 with this model.",
                "param": "temperature",
            }
        },
    ),
    ANSWERED,
)
add(
    "OpenAI: max_tokens",
    refusing(
        "max_tokens",
        {
            "error": {
                "message": "Unsupported parameter: 'max_tokens' is not supported with this "
                "model. Use 'max_completion_tokens' instead.",
                "param": "max_tokens",
            }
        },
    ),
    ANSWERED,
)
add(
    "OpenAI: unknown argument",
    refusing(
        "top_k",
        {"error": {"message": "Unrecognized request argument supplied: top_k", "param": None}},
    ),
    ANSWERED,
)
add(
    "vLLM: printed",
    refusing(
        "min_p",
        {
            "object": "error",
            "message": "[{'type': 'extra_forbidden', 'loc': ('body', 'min_p'), 'msg': "
            "'Extra inputs are not permitted', 'input': 0.0}]",
            "code": 400,
        },
    ),
    ANSWERED,
)
add(
    "FastAPI: detail",
    refusing(
        "top_p",
        {
            "detail": [
                {
                    "type": "extra_forbidden",
                    "loc": ["body", "top_p"],
                    "msg": "Extra inputs are not permitted",
                    "input": {"temperature": 0.0},
                }
            ]
        },
        422,
    ),
    ANSWERED,
)
add(
    "TGI: validation",
    refusing(
        "temperature",
        {
            "error": "Input validation error: `temperature` must be strictly positive",
            "error_type": "validation",
        },
        422,
    ),
    ANSWERED,
)
add(
    "TGI: deserialize",
    refusing(
        "top_k",
        {
            "error": "Failed to deserialize the JSON body into the target type: top_k: invalid "
            "value: integer `-1`, expected u32"
        },
        422,
    ),
    ANSWERED,
)
add(
    "LiteLLM: list",
    refusing(
        "top_p",
        {
            "error": {
                "message": "litellm.UnsupportedParamsError: openai does not support parameters: "
                "['top_p'], for model=m. To drop these, set `litellm.drop_params=True`",
                "code": "400",
            }
        },
    ),
    ANSWERED,
)
add(
    "llama.cpp",
    refusing(
        "min_p",
        {
            "error": {
                "code": 400,
                "message": "Unsupported param: min_p",
                "type": "invalid_request_error",
            }
        },
    ),
    ANSWERED,
)
add(
    "SGLang",
    refusing(
        "repetition_penalty",
        {
            "object": "error",
            "message": "repetition_penalty is not supported",
            "type": "BadRequestError",
            "code": 400,
        },
    ),
    ANSWERED,
)
add(
    "Gemini: a list",
    refusing(
        "skip_special_tokens",
        [
            {
                "error": {
                    "code": 400,
                    "message": 'Invalid JSON payload received. Unknown name "skip_special_tokens": '
                    "Cannot find field.",
                }
            }
        ],
    ),
    ANSWERED,
)
add(
    "Mistral: detail in message",
    refusing(
        "min_p",
        {
            "object": "error",
            "message": {
                "detail": [
                    {
                        "type": "extra_forbidden",
                        "loc": ["body", "min_p"],
                        "msg": "Extra inputs are not permitted",
                    }
                ]
            },
        },
        422,
    ),
    ANSWERED,
)
add(
    "Anthropic: both",
    lambda t: (
        error(
            "`temperature` and `top_p` cannot both be specified for this model. Please use "
            "only one."
        )
        if {"temperature", "top_p"} <= set(t.asked)
        else says(good())
    )(t),
    ANSWERED,
)
add(
    "a 500 for top_k",
    refusing("top_k", {"error": {"message": "top_k must be >= 0, got -1"}}, 500),
    ANSWERED,
)
add(
    "an error of status 200 for a parameter",
    refusing("min_p", {"error": "unknown parameter min_p"}, 200),
    ANSWERED,
)
add(
    "logprobs refused",
    refusing("logprobs", {"error": {"message": "logprobs are not supported"}}),
    ANSWERED,
    QUICK + "&logprobs=5",
)
add(
    "the newer name refused",
    lambda t: (
        error("unknown field max_completion_tokens")(t)
        if "max_completion_tokens" in t.asked
        else (error("nothing named") if "top_k" in t.asked else says(good()))(t)
    ),
    ANSWERED,
)
add(
    "everything refused by name",
    lambda t: (
        error(f"unexpected {sorted(set(t.asked) - {'model', 'messages', 'max_tokens'})[0]}")
        if set(t.asked) - {"model", "messages", "max_tokens"}
        else says(good())
    )(t),
    ANSWERED,
)
add("every question refused", error("odd words"), "HTTP 400: odd words")
add(
    "too long",
    error(
        "This model's maximum context length is 600 tokens. However, you requested 700 tokens "
        "(max_tokens)"
    ),
    "HTTP 400: This model's maximum context",
)
add("no PNG", error("Invalid image: only image/jpeg is supported"), r"without loss; \?image=jpeg")
add(
    "JPEG allowed",
    lambda t: (error("only image/jpeg") if b"image/png" in t.body else says(good()))(t),
    ANSWERED,
    QUICK + "&image=jpeg",
)
add(
    "PNG and parameters omitted",
    lambda t: (
        error("no") if {"seed", "temperature", "max_tokens"} & set(t.asked) else says(good())
    )(t),
    ANSWERED,
    QUICK + "&omit=max_tokens,temperature,seed",
)


class Server(socketserver.ThreadingTCPServer):
    """Speaks as the path of each request says; TLS where a context is given."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.context = context
        self.lock = threading.Lock()
        self.numbers: Counter[str] = Counter()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away are what this is about."""


class _Connection(socketserver.BaseRequestHandler):
    server: Server

    def handle(self) -> None:
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            self.request.settimeout(20)
            connection = self.request
            if self.server.context is not None:
                safe = self.server.context.wrap_socket(connection, server_side=True)
                connection = stack.enter_context(safe)
            self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            if not (more := connection.recv(65_536)):
                return
            data += more
            if data.startswith(b"\x16\x03"):  # the beginning of a safe connection
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                return
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        while len(body) < length:
            body += connection.recv(65_536)
        name = unquote(head.split(b" ")[1].decode().split("/")[1])
        with self.server.lock:
            number = self.server.numbers[name]
            self.server.numbers[name] += 1
        BEHAVIOURS[name].handler(Talk(connection, head, body, number))


@contextlib.contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[Server]:
    with Server(context) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()

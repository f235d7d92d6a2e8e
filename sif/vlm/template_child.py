"""The program that renders a stranger's chat template before anybody else does, with limits.

A template is a program: it may loop without end, ask for all memory or write without bound. Here
the processor's time and the memory end it; what it writes is counted and forgotten. An error of the
template is none of ours: whoever renders it then gets the same, in no time. The environment is that
of transformers.

    {"template": WORDS, "turns": […], "named": {…}, "seconds": N, "memory": BYTES}
        ->  {"length": N}, {"error": WORDS} or {"memory": true}
"""

import contextlib
import datetime
import json
import signal
from functools import lru_cache
from typing import Any, BinaryIO, Final

from jinja2 import Template, TemplateError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from sif.child_frames import Frame, receive, send, standard_streams

RENDERING: Final = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError, OSError, RuntimeError),
    *(SyntaxError, TemplateError, TypeError, ValueError),
)


class Generation(Extension):
    """The tag that transformers marks an answer's words by; here its body is written as it is."""

    tags = {"generation"}  # noqa: RUF012

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """The body between the tags."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def main(asked: BinaryIO, said: BinaryIO) -> None:
    """Answers until nobody asks any more."""
    with contextlib.suppress(EOFError):
        while True:
            frame = receive(asked)
            _limit(frame.head["seconds"], frame.head["memory"])
            try:
                length = _render(frame.head)
                answer: dict[str, Any] = {"length": length}
            except MemoryError:
                answer = {"memory": True}
            except RENDERING as error:
                answer = {"error": type(error).__name__}
            _limit(0, frame.head["memory"])
            send(said, Frame(answer))


def _limit(seconds: float, memory: int) -> None:
    """The signal ends the process, also in the middle of a library; 0 seconds put it off."""
    with contextlib.suppress(AttributeError, ImportError, ValueError, OSError):
        import resource

        signal.setitimer(signal.ITIMER_PROF, seconds)
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _render(head: dict[str, Any]) -> int:
    template = _compiled(head["template"])
    return len(template.render(messages=head["turns"], add_generation_prompt=True, **head["named"]))


@lru_cache(maxsize=4)
def _compiled(text: str) -> Template:
    around = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    around.filters["tojson"] = _tojson
    around.globals["raise_exception"] = _raise_exception
    around.globals["strftime_now"] = _strftime_now
    return around.from_string(text)


def _tojson(value: Any, ensure_ascii: bool = False, **options: Any) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, **options)


def _raise_exception(message: str) -> None:
    raise TemplateError(message)


def _strftime_now(words: str) -> str:
    return datetime.datetime.now().strftime(words)


if __name__ == "__main__":
    main(*standard_streams())

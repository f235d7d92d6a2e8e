"""`sif serve`: vLLM's OpenAI-compatible server for a model, with flags that fit this machine.

Knows nothing of what is asked; the flags are in `sif.suspects.server`.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Annotated

import typer

from sif.child_output import LAST_WORDS_SECONDS, made_visible
from sif.cli.say import say
from sif.suspects.uri import Precision

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def serve(
    model: Annotated[str, typer.Argument(help="Model folder or hub id.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
    name: Annotated[
        str | None, typer.Option(help="What clients call the model; default: the folder's name.")
    ] = None,
    dtype: Annotated[Precision, typer.Option(help="Precision of the weights.")] = "auto",
    max_model_len: Annotated[
        int | None, typer.Option(help="Longest question and answer in tokens.")
    ] = None,
    further: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="-- OPTIONS",
            help="Options of vLLM's own server, behind two dashes: -- --tensor-parallel-size 2. "
            "What SIF sets for this machine gives way to them, which is said.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Serves a model through vLLM until interrupted, and prints the address to verify.

    Example: `sif serve models/llava --port 8000 -- --tensor-parallel-size 2 --quantization fp8`
    """
    from sif.suspects.server import Serving, server_command, start_server

    serving = Serving(
        model=model,
        host=host,
        port=port,
        name=name,
        dtype=dtype,
        max_model_len=max_model_len,
        further=tuple(further or ()),
    )
    command = server_command(serving)
    say(f"suspect: {serving.uri}")
    say("the server is starting; Ctrl-C ends it")
    with _forwarded_signals() as group:
        with made_visible() as words:
            process = start_server(command)
        group.append(process.pid)
        status = process.wait()
        for thread in words:
            thread.join(LAST_WORDS_SECONDS)
    raise typer.Exit(status if status >= 0 else 128 - status)


@contextmanager
def _forwarded_signals() -> Iterator[list[int]]:
    """Signals go on to the process groups in the list, so that no child outlives us."""
    groups: list[int] = []

    def forward(number: int, frame: FrameType | None) -> None:
        if not groups:
            raise typer.Exit(128 + number)
        for group in groups:
            with suppress(ProcessLookupError):
                os.killpg(group, number)

    before = {number: signal.signal(number, forward) for number in FORWARDED}
    try:
        yield groups
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

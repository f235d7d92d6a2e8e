"""The program that cuts texts with a stranger's tokenizer before anybody else does, with limits.

A regular expression in it may take exponentially long for a text that was written for it, what it
puts in may multiply a text, and nothing can be interrupted inside the tokenizers library. Here the
processor's time and the memory end it. What the library makes of rubbish is said in words. The last
tokenizers are kept, by the digests of their files.

    {"digest": WORDS, "texts": [WORDS], "reading": SECONDS, "memory_of_reading": BYTES,
     "cutting": SECONDS, "memory": BYTES}, and tokenizer.json, or nothing where it was sent before
        ->  {"ids": N of the longest text, "fault": WORDS or null}, {"memory": true} or
            {"unknown": true}
"""

import contextlib
import signal
from collections import OrderedDict
from typing import Any, BinaryIO, Final

from tokenizers import Tokenizer

from sif.child_frames import Frame, receive, send, standard_streams
from sif.errors import FingerprintError
from sif.tokenizer_library import in_words

MOST_KEPT: Final = 2
WHERE: Final = "its file"

_kept: OrderedDict[str, Tokenizer] = OrderedDict()


def main(asked: BinaryIO, said: BinaryIO) -> None:
    """Answers until nobody asks any more."""
    with contextlib.suppress(EOFError):
        while True:
            frame = receive(asked)
            try:
                answer = _cut(frame.head, frame.content)
            except MemoryError:
                answer = {"memory": True}
            except FingerprintError as error:
                answer = {"fault": str(error)}
            _limit(0, None)
            send(said, Frame(answer))


def _cut(head: dict[str, Any], content: bytes) -> dict[str, Any]:
    digest = head["digest"]
    if digest not in _kept:
        if not content:
            return {"unknown": True}
        _limit(head["reading"], head["memory_of_reading"])
        with in_words(WHERE):
            made = Tokenizer.from_str(content.decode("utf-8", errors="replace"))
            made.no_padding()
            made.no_truncation()
        _kept[digest] = made
    _kept.move_to_end(digest)
    if len(_kept) > MOST_KEPT:
        _kept.popitem(last=False)
    tokenizer = _kept[digest]
    _limit(head["cutting"], head["memory"])
    longest, fault = 0, None
    for text in head["texts"]:
        try:
            with in_words(WHERE):
                longest = max(longest, len(tokenizer.encode(text).ids))
        except FingerprintError as error:  # the others are cut all the same
            fault = fault or str(error)
    return {"ids": longest, "fault": fault}


def _limit(seconds: float, memory: int | None) -> None:
    """The processor's time ends the process; 0 puts that off. Memory may grow by so much."""
    with contextlib.suppress(AttributeError, ImportError, ValueError, OSError):
        import resource

        signal.setitimer(signal.ITIMER_PROF, seconds)
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if memory is None:
            resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
            return
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
            now = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + memory, hard))


if __name__ == "__main__":
    main(*standard_streams())

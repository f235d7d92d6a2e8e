"""Cuts texts with a tokenizer.json and says nothing: run as a script of its own, to see it end.

Reads {"tokenizer": str, "texts": [str]} from standard input. Imports nothing of this package, so
that it is up at once.
"""

import json
import sys

from tokenizers import Tokenizer


def main() -> None:
    """Cuts every text once."""
    given = json.load(sys.stdin)
    tokenizer = Tokenizer.from_str(given["tokenizer"])
    for text in given["texts"]:
        tokenizer.encode(text, add_special_tokens=False)


if __name__ == "__main__":
    main()

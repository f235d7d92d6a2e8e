"""How to mend what kept a suspect from answering, by the words of the reason."""

import re
from typing import Final

LATER: Final = "run the same command again: only what is missing is asked"
# The first that fits counts.
MENDS: Final[tuple[tuple[str, str], ...]] = (
    (r"\?[a-z_]+=", f"change the address as it says, or {LATER}"),
    (r"quota|balance|credit|billing|HTTP 402", f"pay for what it serves, then {LATER}"),
    (
        r"HTTP 40[13]|api[ _-]?key|unauthori|credential|authenticat|forbidden",
        "check the key and the variable that holds it (?key_env=NAME)",
    ),
    (
        r"no safe connection|certificate",
        "check the certificate, or name its authority in the variable SSL_CERT_FILE",
    ),
    (r"redirected to another", "name that address as the suspect, if it is meant"),
    (
        r"context length|context window|maximum context|max_model_len",
        "ask for shorter answers (?max_new_tokens=N in the address) or serve it with more context",
    ),
    (r"HTTP 413|too large|entity", "its server takes no request of this size; raise its limit"),
    (r"HTTP 429|rate limit", f"lower ?concurrency=N in the address, and {LATER}"),
    (
        r"time limit|deadline|HTTP 504|HTTP 408",
        "raise ?timeout= or ?deadline= (seconds) in the "
        f"address, or lower ?concurrency=; then {LATER}",
    ),
    (r"^HTTP 5\d\d|connection failed|not asked", f"see that the server runs, then {LATER}"),
    (
        r"template|placeholder|image token|drops the picture",
        "mend the chat template of the model: it has to keep the picture",
    ),
    (
        r"^HTTP 4\d\d",
        "where it refuses a parameter, leave that out with ?omit=NAME in the address; else see "
        "the server's log",
    ),
    (
        r"^malformed|reports an error|no choices",
        "see whether the address is that of a chat interface (it ends with /v1 as a rule)",
    ),
    (
        r"^empty answer|refused by the model|content filter|call of tools|still thinking",
        "ask it a question by hand: it may need other settings (?temperature=, ?min_tokens=)",
    ),
)


def mend(reason: str) -> str:
    """What to do about a reason, as the rest of a sentence."""
    for pattern, cure in MENDS:
        if re.search(pattern, reason, re.IGNORECASE):
            return cure
    return LATER

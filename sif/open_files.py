"""How many files and connections this process may have open. Knows nothing of what opens them."""

import resource
from typing import Final

ENOUGH: Final = 16_384


def raise_open_files() -> int:
    """Allows this process as many open files as the system lets it, up to enough; how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    most = ENOUGH if hard == unlimited else min(hard, ENOUGH)
    if soft == unlimited or soft >= most:
        return ENOUGH if soft == unlimited else soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    except (ValueError, OSError):  # a system that says more than it allows
        return soft
    return most

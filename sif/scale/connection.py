"""A Ray cluster to talk to: one of this machine for a while, or one that is there already.

Connects to what the user named and nowhere else; Ray's own reports on its use are off. Knows
nothing of parts.
"""

import logging
import os
import secrets
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, chdir, contextmanager, suppress
from math import ceil
from pathlib import Path
from typing import Any, Final

from sif.errors import SifError, UsageError
from sif.plain_files import read_text_file
from sif.scale.workforce import ADDRESS, AUTO, LOCAL, Workforce
from sif.scratch import scratch

SECONDS: Final = 10.0
"""Until somebody has to answer at an address."""
SETTINGS_FRAME: Final = b"\x04"
FRAME_HEAD: Final = 9
"""Bytes before what a frame of HTTP/2 holds: length, kind, flags, stream (RFC 9113, 4.1)."""
GREETING: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + SETTINGS_FRAME + bytes(5)
"""With which a client begins, and an empty frame of settings (RFC 9113, 3.4)."""
STORE: Final = 256 * 2**20
"""Bytes of a local cluster's object store, through which parts and results go."""
LONGEST_FOLDER: Final = 40
"""Characters of a temporary folder whose sockets Linux still takes."""
SURROUNDINGS: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # which would send the folder that one stands in
}


def library(workforce: Workforce) -> Any:
    """Ray itself.

    Raises:
        UsageError: it is not installed.
    """
    os.environ.update(SURROUNDINGS)
    if workforce.ray == LOCAL and "ray" not in sys.modules:  # which looks for these at once
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    try:
        import ray
    except ImportError as error:
        raise UsageError(
            "--ray needs Ray, which is not installed here; pip install 'sif-lvlm[ray]', or leave "
            "--ray out and give --jobs for processes of this machine"
        ) from error
    return ray


logger = logging.getLogger(__name__)


@contextmanager
def connected(ray: Any, workforce: Workforce) -> Iterator[None]:
    """Connects to the cluster, and leaves it, or ends it where it was begun here.

    Raises:
        SifError: there is none, or it does not answer, or is of another version.
    """
    if ray.is_initialized():  # by whoever calls us from Python
        yield
        return
    assert workforce.ray is not None  # or nobody would be here
    with ExitStack() as until_the_end:
        # Workers look for modules in the folder that one connects from: an empty one.
        empty = until_the_end.enter_context(scratch("ray"))
        options: dict[str, Any] = {"address": workforce.ray}
        if workforce.ray == LOCAL:
            options |= _local(workforce, until_the_end)
        else:
            _knock(workforce.ray, _begun_here() if workforce.ray == AUTO else workforce.ray)
        until_the_end.enter_context(_quiet(ray))
        until_the_end.callback(ray.shutdown)
        try:
            with chdir(empty), _own_signals():
                ray.init(
                    include_dashboard=False,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    **options,
                )
        except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            raise _failed(workforce.ray, error) from error
        yield


def _local(workforce: Workforce, until_the_end: ExitStack) -> Mapping[str, Any]:
    """Options of a cluster that nobody outside this machine sees."""
    cores = os.cpu_count() or 1
    folder = until_the_end.enter_context(_short_folder())
    return {
        "num_cpus": max(cores, ceil((workforce.jobs or 1) * workforce.cpus)),
        "object_store_memory": STORE,
        "_node_ip_address": "127.0.0.1",
        "_temp_dir": str(folder),
    }


@contextmanager
def _short_folder() -> Iterator[Path]:
    """A temporary folder in whose depths the names of sockets are still short enough."""
    if len(tempfile.gettempdir()) <= LONGEST_FOLDER - 30:
        with scratch("cluster") as folder:
            yield folder
        return
    place = tempfile.TemporaryDirectory(prefix="sif-ray-", dir="/tmp", ignore_cleanup_errors=True)
    with place as name:
        yield Path(name)


@contextmanager
def _own_signals() -> Iterator[None]:
    """Ray takes SIGTERM for itself; ours is put back."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _quiet(ray: Any) -> Iterator[None]:
    """Ray prints what its nodes complain of on standard output; here it is only logged."""
    driver = ray._private.worker
    before = getattr(driver, "print_to_stdstream", None)

    def log(data: Mapping[str, Any], *_: Any, **__: Any) -> None:
        for line in data.get("lines", ()):
            logger.info("%s: %s", data.get("pid"), line)

    driver.print_to_stdstream = log
    try:
        yield
    finally:
        driver.print_to_stdstream = before


def _begun_here() -> str:
    """The cluster that was begun on this machine, or that the surroundings name.

    Ray itself would also take any other whose processes it sees.
    """
    named = os.environ.get("RAY_ADDRESS", "")
    if not named:
        place = (
            Path(os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp")
            / "ray"
            / "ray_current_cluster"
        )
        with suppress(OSError, UnicodeDecodeError):
            named = read_text_file(place).strip()
    if not ADDRESS.fullmatch(named):
        raise _failed(AUTO, OSError(f"RAY_ADDRESS is {named[:80]!r}" if named else "none begun"))
    return named


def _knock(given: str, address: str) -> None:
    """Makes sure that somebody answers as Ray does, who would else be waited for in vain.

    Ray speaks gRPC, and so HTTP/2, in which both sides begin with a frame of settings.
    """
    host, _, port = address.rpartition(":")
    heard, encrypted = b"", os.environ.get("RAY_USE_TLS", "0") not in ("", "0")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=SECONDS) as door:
            if encrypted:
                return
            door.sendall(GREETING)
            while len(heard) < FRAME_HEAD and (more := door.recv(FRAME_HEAD - len(heard))):
                heard += more
    except TimeoutError as error:
        raise _failed(given, TimeoutError(f"no answer within {SECONDS:g} seconds")) from error
    except OSError as error:
        raise _failed(given, error) from error
    if heard[3:4] != SETTINGS_FRAME:
        raise _failed(given, OSError("an answer of somebody who is no Ray cluster"))


def _failed(address: str, error: BaseException) -> SifError:
    why = " ".join(str(error).split())[:300]
    if address == AUTO:
        return UsageError(
            f"--ray auto: expected a Ray cluster on this machine or RAY_ADDRESS, got none ({why}); "
            "begin one with ray start --head, or give --ray local"
        )
    return SifError(
        f"--ray {address}: expected a Ray cluster that takes us, got: {why}; see ray status there, "
        "and use the same versions of Python and Ray on all nodes"
    )

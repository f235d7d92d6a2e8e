"""Lanes: their pace is kept, what one waits for holds up no other, and they end at once."""

import asyncio
import socket
import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextvars import copy_context
from itertools import pairwise
from typing import Any

import pytest

from sif.http.lanes import (
    LANES,
    Closed,
    Lane,
    Lanes,
    Pace,
    as_far_as_they_came,
    host_key,
    host_of,
    sharing_lanes,
)


def _fast(host: str) -> Pace:
    return Pace()


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://127.0.0.1:8000/v1", "127.0.0.1:8000"),
        ("http://Example.COM/v1", "example.com:80"),
        ("https://example.com./v1", "example.com:443"),
        ("http://[2001:DB8:0::1]:9/v1", "[2001:db8::1]:9"),
        ("http://B\u00fccher.example/v1", "xn--bcher-kva.example:80"),
        ("http://1.2.3.4.example/v1", "1.2.3.4.example:80"),
        ("http://0x08080808/v1", "8.8.8.8:80"),
    ],
)
def test_a_host_is_a_name_and_a_port(url: str, host: str) -> None:
    assert host_of(url) == host
    assert host_key(host) == host
    assert host_key(host.rpartition(":")[0]) == host.rpartition(":")[0]


@pytest.mark.parametrize(
    "name",
    [
        *("localhost", "LOCALHOST.", "a.localhost", "127.0.0.1.", "127.1", "0x7f000001"),
        *("2130706433", "0177.0.0.1", "0.0.0.0", "127.8.8.8"),
        *("[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]"),
    ],
)
def test_no_spelling_of_this_machine_is_another_host(name: str) -> None:
    assert host_of(f"http://{name}:80/v1") == host_of(f"http://{name}/v1") == "127.0.0.1:80"
    assert (host_key(f"{name}:8000"), host_key(name)) == ("127.0.0.1:8000", "127.0.0.1")


def test_no_more_are_within_than_may_be() -> None:
    inside, crowd = 0, 0

    async def go(lane: Lane) -> None:
        nonlocal inside, crowd
        async with lane.entered(1.0):
            inside += 1
            crowd = max(crowd, inside)
            await asyncio.sleep(0.01)
            inside -= 1

    async def all_of_them() -> None:
        lane = Lane(Pace(at_a_time=3))
        await asyncio.gather(*(go(lane) for _ in range(20)))

    asyncio.run(all_of_them())
    assert crowd == 3


def test_a_rate_is_kept_and_waiting_for_ones_turn_is_told() -> None:
    times: list[float] = []
    waited: list[float] = []

    async def go(lane: Lane) -> None:
        async with lane.entered(0.0) as seconds:
            times.append(time.perf_counter())
            waited.append(seconds)

    async def all_of_them() -> None:
        lane = Lane(Pace(per_second=50))
        await asyncio.gather(*(go(lane) for _ in range(8)))

    asyncio.run(all_of_them())
    assert min(b - a for a, b in pairwise(times)) >= 0.019
    assert max(waited) >= 7 * 0.019


def test_a_closed_lane_lets_nobody_in_until_it_opens_and_says_if_that_is_too_late() -> None:
    async def go() -> float:
        lane = Lane()
        lane.close_for(0.1)
        lane.close_for(0.01)  # a shorter wish does not open it sooner
        with pytest.raises(Closed, match="wait"):
            async with lane.entered(0.05):
                pass
        async with lane.entered(5.0) as waited:
            return waited

    assert asyncio.run(go()) < 0.05  # what the host takes is no waiting for one's turn


def test_whoever_has_little_time_is_told_at_once_however_many_wait_in_the_closed_lane() -> None:
    async def go() -> None:
        lane = Lane(Pace(at_a_time=1, per_second=100))
        lane.close_for(30.0)

        async def patient() -> None:
            async with lane.entered(60.0):
                pass

        waiting = [asyncio.ensure_future(patient()) for _ in range(3)]
        await asyncio.sleep(0.01)
        async with asyncio.timeout(5):
            with pytest.raises(Closed):
                async with lane.entered(1.0):
                    pass
        for one in waiting:
            one.cancel()

    asyncio.run(go())


def test_a_host_that_closes_again_and_again_uses_the_patience_up() -> None:
    async def go() -> int:
        lane, entered = Lane(Pace(at_a_time=1)), 0

        async def other() -> None:
            while True:
                lane.close_for(0.04)
                await asyncio.sleep(0.01)

        closing = asyncio.ensure_future(other())
        await asyncio.sleep(0)
        with pytest.raises(Closed):
            async with lane.entered(0.1):
                entered += 1
        closing.cancel()
        return entered

    assert asyncio.run(go()) == 0


def test_names_that_nobody_looks_up_in_time_hold_up_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    release, look_up = threading.Event(), socket.getaddrinfo

    def slow(host: str, *rest: Any, **more: Any) -> Any:
        if host.startswith("dead"):
            release.wait(30)
        return look_up("127.0.0.1", *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", slow)

    async def look(host: str) -> None:
        await asyncio.get_running_loop().getaddrinfo(host, 80)

    with sharing_lanes(_fast) as lanes, ThreadPoolExecutor(41) as pool:
        dead = [pool.submit(lanes.run, look(f"dead-{one}")) for one in range(40)]
        began = time.monotonic()
        pool.submit(lanes.run, look("good")).result()
        pool.submit(lanes.run, asyncio.to_thread(bool)).result()
        assert time.monotonic() - began < 10
        assert not any(one.done() for one in dead)
        release.set()


def test_closing_that_is_interrupted_ends_the_thread_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lanes = Lanes(_fast)
    (thread,) = [one for one in threading.enumerate() if one.name == "sif-lanes"]
    join = threading.Thread.join

    def interrupted(self: threading.Thread, timeout: float | None = None) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "join", interrupted)
    with pytest.raises(KeyboardInterrupt):
        lanes.close()
    monkeypatch.setattr(threading.Thread, "join", join)
    thread.join(10)
    assert not thread.is_alive()
    lanes.close()


def test_lanes_of_one_host_are_one_and_others_are_their_own() -> None:
    lanes = Lanes(_fast)
    try:
        one = lanes.lane("http://a/v1")
        assert lanes.lane("http://A:80/v2") is one
        assert lanes.lane("https://a/v1") is not one
    finally:
        lanes.close()


def test_only_whoever_asks_in_the_context_shares_them() -> None:
    assert LANES.get() is None
    with sharing_lanes(_fast) as lanes, ThreadPoolExecutor(1) as pool:
        assert LANES.get() is lanes
        assert pool.submit(LANES.get).result() is None
        assert pool.submit(copy_context().run, LANES.get).result() is lanes
    assert LANES.get() is None


def test_closing_ends_whoever_waits_in_whatever_thread_and_nothing_begins_afterwards() -> None:
    threads = set(threading.enumerate())
    lanes = Lanes(_fast)
    began = time.monotonic()

    async def forever() -> None:
        await asyncio.sleep(60)

    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(lanes.run, forever()) for _ in range(4)]
        time.sleep(0.1)
        lanes.close()
        for one in waiting:
            with pytest.raises(CancelledError):
                one.result()
    with pytest.raises(CancelledError):
        lanes.run(forever())
    lanes.close()
    assert time.monotonic() - began < 10
    assert not set(threading.enumerate()) - threads


@pytest.mark.parametrize("some", [True, False])
def test_what_has_come_when_it_is_ended_is_kept(some: bool) -> None:
    lanes = Lanes(_fast)

    async def work(number: int) -> int:
        await asyncio.sleep(0.0 if some and number < 3 else 60.0)
        return number

    with ThreadPoolExecutor(1) as pool:
        works = [work(number) for number in range(6)]
        waiting = pool.submit(lanes.run, as_far_as_they_came(works, -1))
        time.sleep(0.2)
        lanes.close()
        if some:
            assert waiting.result() == [0, 1, 2, -1, -1, -1]
        else:
            with pytest.raises(CancelledError):
                waiting.result()


def test_several_works_give_what_they_give_and_raise_what_they_raise() -> None:
    async def work(number: int) -> int:
        return 6 // number

    assert asyncio.run(as_far_as_they_came([work(1), work(2)], 0)) == [6, 3]
    assert asyncio.run(as_far_as_they_came([], 0)) == []
    with pytest.raises(ZeroDivisionError):
        asyncio.run(as_far_as_they_came([work(1), work(0)], 0))

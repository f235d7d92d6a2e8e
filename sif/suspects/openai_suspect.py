"""`openai:` suspects: an OpenAI-compatible endpoint, asked by several requests at a time.

Passing failures are tried again with growing, jittered pauses; lasting ones become `Unanswered`.
Until the endpoint has answered it is asked one question at a time: where nothing can be hoped for,
that raises. Asked beside others (`sif.http.lanes`), it shares its host's pace with them. Knows
nothing of models behind the endpoint.
"""

import asyncio
import json
import logging
import os
import random
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from math import inf
from time import perf_counter
from typing import Any, NamedTuple, TypeVar

import httpx

from sif.errors import SuspectError, UsageError
from sif.event_loop import run_to_end
from sif.http.exchange import (
    HEAVY,
    TOO_SLOW,
    Failure,
    Heavy,
    Kind,
    Limits,
    open_client,
    request,
)
from sif.http.lanes import LANES, Closed, Lane, as_far_as_they_came
from sif.http.refusal import is_about_pictures, may_pass, without_key
from sif.suspects.chat_reply import Completion, parse_completion, read_completion
from sif.suspects.chat_request import messages
from sif.suspects.mending import mend
from sif.suspects.terms import Terms, needed
from sif.suspects.thinking import BUDGET, cut_short
from sif.suspects.uri import OpenAIOptions, SuspectAddress
from sif.suspects.usage import Usage
from sif.types import GenerationSettings, Query, Reply, Unanswered

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
DEADLINE = 600.0
MORE = "give more with ?body_mb=N in the address"
STRIKES = 3
INTERRUPTED = "not asked: asking was interrupted"

logger = logging.getLogger(__name__)

Result = TypeVar("Result")


class Sent(NamedTuple):
    """A completion, the seconds that it took, and the most tokens that were asked for."""

    completion: Completion
    seconds: float
    tokens: int


@dataclass(slots=True)
class Deadline:
    """The end of the time for one question (`perf_counter`); waiting for one's turn is no part."""

    until: float

    @property
    def left(self) -> float:
        """Seconds; none or fewer where it is over."""
        return self.until - perf_counter()


class OpenAISuspect:
    """A model behind an endpoint.

    Args:
        address: `openai:URL#model`, parsed. The key comes from the environment.

    Raises:
        UsageError: the variable that should hold the key is not set, or a key, a proxy or
            certificates in the environment that cannot be used.

    Attributes:
        usage: what its answers cost so far, as far as the endpoint says.
    """

    def __init__(self, address: SuspectAddress) -> None:
        options = address.options
        assert isinstance(options, OpenAIOptions)
        self._address = address
        self._options = options
        self._key = key_of(options.key_env)
        open_client(self._key)
        self._terms = Terms(omitted=frozenset(options.omit))
        self._met = self._settled = False
        self._strikes = 0
        self._budget = options.thinking or 0
        self._lanes = LANES.get()
        self._lane = Lane() if self._lanes is None else self._lanes.lane(address.target)
        self.usage = Usage()

    @property
    def name(self) -> str:
        """The address."""
        return self._address.name()

    def ask(self, queries: Sequence[Query]) -> list[Reply]:
        """Replies, asked concurrently.

        Raises:
            SuspectError: before it ever answered: nobody there, refused credentials, no such model,
                nothing left to pay with.
        """
        return self._run(self._ask(queries))

    def say(self, turns: list[Any], settings: GenerationSettings) -> Reply:
        """The reply to turns of a conversation without a picture, sent as they are.

        Args:
            turns: role and content of each.
            settings: all of them, those of the address included.

        Raises:
            SuspectError: as of `ask`.
        """

        async def alone() -> Reply:
            async with open_client(self._key) as client:
                return await self._reply(client, turns, settings)

        return self._run(alone())

    def close(self) -> None:
        """Connections end with each call of `ask`."""

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return run_to_end(work) if self._lanes is None else self._lanes.run(work)

    def __repr__(self) -> str:
        return f"OpenAISuspect({self.name!r})"

    async def _ask(self, queries: Sequence[Query]) -> list[Reply]:
        async with open_client(self._key) as client:
            replies = await self._until_met(client, queries)
            rest = queries[len(replies) :]
            if not self._met:
                down = Unanswered(reason=f"not asked: the endpoint failed {STRIKES} times in a row")
                return replies + [down] * len(rest)
            limit = asyncio.Semaphore(self._options.concurrency)
            later = (self._later(client, query, limit) for query in rest)
            if self._lanes is None:
                return replies + list(await asyncio.gather(*later))
            return replies + await as_far_as_they_came(later, Unanswered(reason=INTERRUPTED))

    async def _until_met(self, client: httpx.AsyncClient, queries: Sequence[Query]) -> list[Reply]:
        """Asks one by one until the endpoint replies to one, or seems to be out of order.

        One that was out of order before is asked a single question, to see whether it still is.
        """
        replies: list[Reply] = []
        self._strikes = min(self._strikes, STRIKES - 1)
        for query in queries:
            if self._met or self._strikes == STRIKES:
                break
            replies.append(await self._answer(client, query))
        return replies

    async def _later(
        self, client: httpx.AsyncClient, query: Query, limit: asyncio.Semaphore
    ) -> Reply:
        async with limit:
            return await self._answer(client, query)

    async def _answer(self, client: httpx.AsyncClient, query: Query) -> Reply:
        settings = self._address.settings(query.generation, query.repeat)
        turns = await asyncio.to_thread(messages, query, self._options.image)
        return await self._reply(client, turns, settings)

    async def _reply(
        self, client: httpx.AsyncClient, turns: list[Any], settings: GenerationSettings
    ) -> Reply:
        """One question, asked for longer once where the model is seen to think."""
        seconds = self._options.deadline or max(DEADLINE, self._options.timeout)
        until = Deadline(perf_counter() + seconds)
        budget = self._budget
        reply = await self._asked(client, turns, settings, until, budget)
        if cut_short(reply) and self._options.thinking is None and not budget:
            self._budget = BUDGET
            reply = await self._asked(client, turns, settings, until, BUDGET)
        if isinstance(reply, Unanswered):
            logger.info("no answer from %s: %s", self.name, reply.reason)
        return reply

    async def _asked(
        self,
        client: httpx.AsyncClient,
        turns: list[Any],
        settings: GenerationSettings,
        until: Deadline,
        budget: int,
    ) -> Reply:
        most = settings.max_new_tokens + budget
        longer = settings.model_copy(update={"max_new_tokens": most})
        terms, first = self._terms, None
        lacking = terms.unsayable(settings, self._allowed)
        if lacking:
            return Unanswered(reason=f"the endpoint takes no {lacking}")
        while True:
            body = terms.body(longer, self._options.logprobs)
            began = perf_counter()
            failure = await self._persist(client, {"messages": turns} | body, until)
            if isinstance(failure, Completion):
                seconds = perf_counter() - began
                return self._read(Sent(failure, seconds, most), terms, settings)
            first = first or failure
            better = terms.mended(failure, body, tried=self._settled and terms == self._terms)
            if better is None or better.unsayable(settings, self._allowed):
                return self._failed(first if failure.status in (400, 422) else failure, settings)
            terms = better

    async def _persist(
        self, client: httpx.AsyncClient, body: dict[str, Any], until: Deadline
    ) -> Completion | Failure:
        """One request, tried again while the failure may pass and there is time."""
        content = json.dumps({"model": self._address.model or ""} | body).encode()
        attempt, last = 0, None
        while True:
            attempt += 1
            try:
                async with self._lane.entered(until.left) as waited:
                    until.until += waited
                    left = max(0.001, until.left)
                    outcome = await self._sent(client, content, left)
            except Closed as closed:
                return last or Failure(f"not asked: {closed}", Kind.PASSING)
            if last is not None and left < self._options.timeout and outcome is TOO_SLOW:
                return last._replace(reason=f"{last.reason} (until the deadline)")
            if isinstance(outcome, Completion):
                return outcome
            # What complains of a parameter is mended by leaving it out, not by waiting.
            of_parameters = outcome.status == 500 and self._terms.mended(outcome, body, tried=True)
            passing = outcome.kind in (Kind.PASSING, Kind.NOBODY) and not of_parameters
            if passing and self._lanes is not None:
                self._lane.close_for(outcome.pause)
            if not passing or attempt >= self._options.attempts:
                return outcome
            longest = LONGEST_PAUSE if self._lanes is None else inf
            pause = _pause(attempt, min(outcome.pause, longest))
            if pause >= until.left:
                return outcome._replace(reason=f"{outcome.reason} (until the deadline)")
            if attempt == 1 and not self._met:
                logger.warning("%s: %s; trying again", self._address.target, self._shown(outcome))
            last = outcome
            await asyncio.sleep(pause)

    async def _sent(
        self, client: httpx.AsyncClient, content: bytes, left: float
    ) -> Completion | Failure:
        """What one request brings, an error that came as an answer being a failure."""
        limits = Limits(min(self._options.timeout, left), int(self._options.body_mb * 2**20), MORE)
        url = f"{self._address.target}/chat/completions"
        async with self._heavy() as heavy:
            outcome = await request(client, url, content, limits, heavy)
            if isinstance(outcome, Failure):
                return outcome
            self._met, self._strikes = True, 0
            if len(outcome) > HEAVY:  # others wait for the event loop
                completion = await asyncio.to_thread(parse_completion, outcome)
            else:
                completion = parse_completion(outcome)
        return _failure_in(completion) if completion.error else completion

    @asynccontextmanager
    async def _heavy(self) -> AsyncIterator[Heavy | None]:
        """What a long reply waits for; until the end of the block, where it is in its parts."""
        lanes = self._lanes
        if lanes is None:
            yield None
            return
        async with AsyncExitStack() as taken:

            async def take() -> None:
                for places in (self._lane.heavy, lanes.heavy):
                    await taken.enter_async_context(places)

            yield take

    def _read(self, sent: Sent, terms: Terms, settings: GenerationSettings) -> Reply:
        self.usage = self.usage.plus(sent.completion.said)
        reply = read_completion(
            sent.completion, sent.seconds, tokens=sent.tokens, most=self._options.answer_chars
        )
        if isinstance(reply, Unanswered):
            return replace(reply, reason=without_key(reply.reason, self._key))
        self._settle(terms)
        return replace(reply, concessions=terms.concessions(settings, self._options.logprobs))

    def _settle(self, terms: Terms) -> None:
        """Terms under which an answer came hold for all further questions, and are said once."""
        self._settled = True
        together = self._terms.together(terms)
        if together != self._terms:
            logger.warning(
                "%s does not take every parameter; from here on it is asked %s",
                self._address.target,
                ", ".join(sorted(set(together.words) - set(self._terms.words))),
            )
        self._terms = together

    def _failed(self, failure: Failure, settings: GenerationSettings) -> Unanswered:
        """The reason; where nothing can be hoped for and nothing was answered yet, it raises."""
        if failure.kind in (Kind.HOPELESS, Kind.NOBODY) and not self._met:
            raise SuspectError(self._hopeless(failure))
        if failure.status not in (400, 422):
            self._strikes += 1
            return Unanswered(reason=self._shown(failure))
        return Unanswered(reason=self._shown(failure) + self._hint(failure, settings))

    def _hint(self, failure: Failure, settings: GenerationSettings) -> str:
        """Where the question needs what few endpoints know, that may be why it was refused."""
        if is_about_pictures(failure.complaint) and self._options.image == "png":
            return (
                " (pictures are sent as PNG, without loss; ?image=jpeg in the address allows JPEG)"
            )
        if self._options.logprobs is not None:
            return (
                " (asked with logprobs, which not every endpoint gives; ask this one without, or "
                "for fewer)"
            )
        names = " and ".join(needed(settings))
        if not names:
            return ""
        return (
            f" (asked with {names}, which endpoints of vLLM and its like take and others refuse; "
            "ask this one without)"
        )

    def _hopeless(self, failure: Failure) -> str:
        if failure.kind is Kind.NOBODY:
            what = self._shown(failure).removeprefix("the connection failed: ")
            return (
                f"nobody answers at {self._address.target}: {what}; check the URL and "
                "that the server runs (sif serve MODEL starts one)"
            )
        if failure.status == 404:
            cure = f"check the URL and that it serves a model called {self._address.model!r}"
        elif failure.status in (401, 403):
            cure = f"check the key in the environment variable {self._options.key_env}"
        else:
            cure = mend(failure.reason)
        return f"{self._address.target} refuses to answer: {self._shown(failure)}; {cure}"

    @property
    def _allowed(self) -> frozenset[str]:
        return frozenset(self._options.omit)

    def _shown(self, failure: Failure) -> str:
        return without_key(failure.reason, self._key)


def _failure_in(completion: Completion) -> Failure:
    """An error that a server sent as if it were an answer."""
    kind = Kind.PASSING if may_pass(completion.error) else Kind.LASTING
    return Failure(completion.fault, kind, 200, json.dumps({"error": completion.error}))


def _pause(attempt: int, asked: float) -> float:
    """Exponential with jitter, and not shorter than what the server asks for."""
    grown = min(FIRST_PAUSE * 2.0 ** (attempt - 1), LONGEST_PAUSE - FIRST_PAUSE)
    return max(grown + random.uniform(0, FIRST_PAUSE), asked)


def key_of(variable: str) -> str | None:
    """The key in an environment variable; none where the usual one is not set.

    Raises:
        UsageError: another variable was named, and is not set.
    """
    key = os.environ.get(variable, "").strip()
    if not key and variable != OpenAIOptions().key_env:
        raise UsageError(f"expected the endpoint's key in {variable}, which is not set; export it")
    return key or None

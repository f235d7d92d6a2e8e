"""`openai:` suspects: an OpenAI-compatible endpoint, asked by several requests at a time.

Passing failures are tried again with growing, jittered pauses; lasting ones become `Unanswered`.
The first contact goes alone: where it shows that nothing can be hoped for, it raises. Knows nothing
of models behind the endpoint.
"""

import asyncio
import logging
import os
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any

import openai
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_exponential, wait_random

from sif.errors import SuspectError, UsageError
from sif.suspects.chat_request import (
    DIALECTS,
    Dialect,
    engines_own,
    messages,
    probabilities,
    read_completion,
    speaks,
)
from sif.suspects.thinking import BUDGET, cut_short
from sif.suspects.uri import OpenAIOptions, SuspectAddress
from sif.suspects.usage import Usage
from sif.types import GenerationSettings, Query, Reply, Unanswered

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
PASSING = (408, 409, 425, 429)
NO_KEY = "none"
STRIKES = 3

logger = logging.getLogger(__name__)


class OpenAISuspect:
    """A model behind an endpoint.

    Args:
        address: `openai:URL#model`, parsed. The key comes from the environment.

    Raises:
        UsageError: the variable that should hold the key is not set.

    Attributes:
        usage: what its answers cost so far, as far as the endpoint says.
    """

    def __init__(self, address: SuspectAddress) -> None:
        options = address.options
        assert isinstance(options, OpenAIOptions)
        self._address = address
        self._options = options
        self._key = key_of(options.key_env)
        self._dialect: Dialect | None = None
        self._strikes = 0
        self._budget = options.thinking or 0
        self.usage = Usage()

    @property
    def name(self) -> str:
        """The address."""
        return self._address.name()

    def ask(self, queries: Sequence[Query]) -> list[Reply]:
        """Replies, asked concurrently.

        Raises:
            SuspectError: at the first contact: nobody there, refused credentials, no such model.
        """
        return _run(self._ask(queries))

    def close(self) -> None:
        """Connections end with each call of `ask`."""

    def __repr__(self) -> str:
        return f"OpenAISuspect({self.name!r})"

    async def _ask(self, queries: Sequence[Query]) -> list[Reply]:
        async with openai.AsyncOpenAI(
            api_key=self._key,
            base_url=self._address.target,
            timeout=self._options.timeout,
            max_retries=0,
        ) as client:
            replies = await self._until_contact(client, queries)
            rest = queries[len(replies) :]
            if self._dialect is None:
                down = Unanswered(reason=f"not asked: the endpoint failed {STRIKES} times in a row")
                return replies + [down] * len(rest)
            limit = asyncio.Semaphore(self._options.concurrency)
            later = (self._later(client, query, limit) for query in rest)
            return replies + list(await asyncio.gather(*later))

    async def _until_contact(
        self, client: openai.AsyncOpenAI, queries: Sequence[Query]
    ) -> list[Reply]:
        """Asks one by one until the endpoint answers one, or seems to be out of order."""
        replies: list[Reply] = []
        self._strikes = 0
        for query in queries:
            if self._dialect is not None or self._strikes == STRIKES:
                break
            replies.append(await self._first_contact(client, query))
        return replies

    async def _first_contact(self, client: openai.AsyncOpenAI, query: Query) -> Reply:
        """Asks in each dialect that can say the settings, until the endpoint takes one."""
        settings = self._settings(query)
        outcome: Reply | None = None
        for dialect in DIALECTS:
            if not speaks(dialect, settings):
                continue
            try:
                reply = await self._request(client, query, dialect)
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                outcome = outcome or self._refusal(error, settings)
            except openai.APIStatusError as error:
                if error.status_code in (401, 403, 404):
                    raise SuspectError(self._hopeless(error)) from None
                self._strikes += 1
                return self._failure(error)
            except openai.APITimeoutError as error:
                self._strikes += 1
                return self._failure(error)
            except openai.APIConnectionError as error:
                raise SuspectError(
                    f"nobody answers at {self._address.target}: {_cause(error)}; check the URL and "
                    "that the server runs (sif serve MODEL starts one)"
                ) from None
            except (openai.APIError, ValueError) as error:
                return self._failure(error)
            else:
                self._dialect = dialect
                return reply
        return outcome or Unanswered(reason="no dialect of the endpoint can say these settings")

    async def _later(
        self, client: openai.AsyncOpenAI, query: Query, limit: asyncio.Semaphore
    ) -> Reply:
        assert self._dialect is not None
        settings = self._settings(query)
        if not speaks(self._dialect, settings):
            return Unanswered(reason=f"the endpoint takes no {engines_own(settings)}")
        async with limit:
            try:
                return await self._request(client, query, self._dialect)
            except (openai.APIError, ValueError) as error:
                return self._failure(error)

    async def _request(self, client: openai.AsyncOpenAI, query: Query, dialect: Dialect) -> Reply:
        """One question, asked for longer once where the model is seen to think."""
        budget = self._budget
        reply = await self._send(client, query, dialect, budget)
        if cut_short(reply) and self._options.thinking is None and not budget:
            self._budget = BUDGET
            return await self._send(client, query, dialect, BUDGET)
        return reply

    async def _send(
        self, client: openai.AsyncOpenAI, query: Query, dialect: Dialect, budget: int
    ) -> Reply:
        """One request, tried again while the failure may pass; raises the last failure."""
        settings = self._settings(query)
        most = settings.max_new_tokens + budget
        longer = settings.model_copy(update={"max_new_tokens": most})
        body = dialect(longer) | probabilities(self._options.logprobs)
        attempts = AsyncRetrying(
            stop=stop_after_attempt(self._options.attempts),
            wait=_pause,
            retry=retry_if_exception(self._may_pass),
            reraise=True,
        )
        async for attempt in attempts:
            with attempt:
                began = perf_counter()
                completion = await client.chat.completions.create(
                    model=self._address.model or "", messages=messages(query), **body
                )
                self.usage = self.usage.plus(completion)
                return read_completion(completion, perf_counter() - began, tokens=most)
        raise AssertionError("unreachable")

    def _may_pass(self, error: BaseException) -> bool:
        match error:
            case openai.APITimeoutError():
                return True
            case openai.APIConnectionError():
                return self._dialect is not None
            case openai.APIStatusError():
                return error.status_code in PASSING or error.status_code >= 500
        return False

    def _settings(self, query: Query) -> GenerationSettings:
        return self._address.settings(query.generation, query.repeat)

    def _failure(self, error: Exception) -> Unanswered:
        reason = self._without_key(describe(error))
        logger.info("no answer from %s: %s", self.name, reason)
        return Unanswered(reason=reason)

    def _refusal(self, error: Exception, settings: GenerationSettings) -> Unanswered:
        """Where the question needs what few endpoints know, that may be why it was refused."""
        failure, needed = self._failure(error), engines_own(settings)
        if self._options.logprobs is not None:
            return Unanswered(
                reason=f"{failure.reason} (asked with logprobs, which not every endpoint gives; "
                "ask this one without, or for fewer)"
            )
        if not needed:
            return failure
        return Unanswered(
            reason=f"{failure.reason} (asked with {needed}, which endpoints of vLLM and its like "
            "take and others refuse; ask this one without)"
        )

    def _hopeless(self, error: openai.APIStatusError) -> str:
        if error.status_code == 404:
            mend = f"check the URL and that it serves a model called {self._address.model!r}"
        else:
            mend = f"check the key in the environment variable {self._options.key_env}"
        what = self._without_key(describe(error))
        return f"{self._address.target} refuses to answer: {what}; {mend}"

    def _without_key(self, text: str) -> str:
        return text if self._key == NO_KEY else text.replace(self._key, "***")


def _run(work: Coroutine[Any, Any, list[Reply]]) -> list[Reply]:
    """Runs to the end, also where an event loop runs already, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(asyncio.run, work).result()


def _pause(state: RetryCallState) -> float:
    """Exponential with jitter, and not shorter than what the server asks for, within reason."""
    grown = wait_exponential(multiplier=FIRST_PAUSE, max=LONGEST_PAUSE - FIRST_PAUSE)
    pause = (grown + wait_random(0, FIRST_PAUSE))(state)
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, openai.APIStatusError):
        asked = error.response.headers.get("retry-after", "")
        if asked.isdigit():
            pause = max(pause, min(float(asked), LONGEST_PAUSE))
    return pause


def key_of(variable: str) -> str:
    """The key in an environment variable; a stand-in where the usual one is not set.

    Raises:
        UsageError: another variable was named, and is not set.
    """
    key = os.environ.get(variable, "").strip()
    if not key and variable != OpenAIOptions().key_env:
        raise UsageError(f"expected the endpoint's key in {variable}, which is not set; export it")
    return key or NO_KEY


def describe(error: Exception) -> str:
    """What went wrong with a request, in one line."""
    match error:
        case openai.APITimeoutError():
            return "no answer within the time limit"
        case openai.APIConnectionError():
            return f"the connection failed: {_cause(error)}"
        case openai.APIStatusError():
            words = error.message.removeprefix(f"Error code: {error.status_code} - ")
            return f"HTTP {error.status_code}: {_one_line(words)}"
        case openai.APIError():
            return f"malformed reply: {_one_line(error.message)}"
    return f"malformed reply: {_one_line(str(error))}"


def _cause(error: BaseException) -> str:
    return _one_line(str(error.__cause__ or error))


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]

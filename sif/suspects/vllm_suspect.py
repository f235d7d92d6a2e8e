"""`vllm:` suspects: a vLLM engine in this process, asked through its chat interface.

The engine's core runs in a process of its own, which `close` ends. A script that uses it needs the
usual `if __name__ == "__main__":`, for that process imports the script again. Knows no flags of the
engine; they are in `sif.suspects.engine`.
"""

import gc
import logging
import multiprocessing
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import Any

from sif.child_output import made_visible
from sif.errors import ModelError, SuspectError
from sif.suspects.engine import engine_arguments, quiet_environment, require_vllm
from sif.suspects.lora import plain_lora
from sif.suspects.reply import reply_from, top_tokens
from sif.suspects.thinking import BUDGET, cut_short
from sif.suspects.thought_tokens import Thoughts
from sif.suspects.token_texts import token_texts
from sif.suspects.uri import SuspectAddress, VllmOptions
from sif.suspects.weights import address_digest
from sif.types import GenerationSettings, Query, Reply, TopTokens, Unanswered
from sif.vlm.chat import spell
from sif.vlm.folder import load_chat_processor
from sif.vlm.foreign import WithKinds
from sif.vlm.thinking_marks import begins_thinking

SHUTDOWN_SECONDS = 60.0
# What its processes say before they know how loud they may be.
CHATTER = ("Triton is installed, but doesn't include CPU backend",)


class VllmSuspect:
    """A model run by vLLM.

    Args:
        address: `vllm:PATH-or-id`, parsed.

    Raises:
        ModelError: vLLM is missing, or cannot load the model.
        UsageError: a longer context than the model has, no such quantisation, or no LoRA adapter.
    """

    def __init__(self, address: SuspectAddress) -> None:
        options = address.options
        assert isinstance(options, VllmOptions)
        require_vllm()
        self._address = address
        self._batch = options.batch
        self._logprobs = options.logprobs
        self._surfaces: list[str | None] | None = None
        self._name = address.name(address_digest(address))
        self._begun = begins_thinking(spell(load_chat_processor(address.target), "?"))
        self._budget = options.thinking if options.thinking is not None else BUDGET * self._begun
        self._finds_budget = options.thinking is None
        arguments = engine_arguments(address.target, options)
        self._engine: Any = None
        self._lora: Any = None
        with ExitStack() as stack:
            if options.lora is not None:
                lora = stack.enter_context(plain_lora(options.lora, address.target))
                self._engine = _start(address.target, arguments | lora.arguments())
                with ExitStack() as failed:
                    failed.callback(self.close)
                    self._lora = _put_on(self._engine, lora.folder, options.lora)
                    failed.pop_all()
            else:
                self._engine = _start(address.target, arguments)
        self._thoughts = Thoughts(self._engine.get_tokenizer())

    @property
    def name(self) -> str:
        """The address, with a digest of the weights."""
        return self._name

    def ask(self, queries: Sequence[Query]) -> list[Reply]:
        """Replies; vLLM batches the questions as it sees fit.

        Raises:
            SuspectError: the engine died.
        """
        replies: list[Reply] = []
        for start in range(0, len(queries), self._batch):
            replies += self._ask_batch(queries[start : start + self._batch])
        return replies

    def close(self) -> None:
        """Ends the engine's process and frees its memory."""
        if self._engine is None:
            return
        engine = self._engine.llm_engine
        self._engine = None
        engine.renderer.shutdown()
        engine.engine_core.shutdown(timeout=SHUTDOWN_SECONDS)
        del engine
        gc.collect()
        multiprocessing.active_children()  # reaps a core that had to be killed

    def _ask_batch(self, queries: Sequence[Query]) -> list[Reply]:
        """Replies of one batch; one that is refused is halved, down to the question at fault."""
        from vllm.exceptions import VLLMError
        from vllm.v1.engine.exceptions import EngineDeadError

        try:
            replies = self._chat(queries)
            if self._finds_budget and not self._budget and any(map(cut_short, replies)):
                self._budget = BUDGET
                replies = self._chat(queries)
            return replies
        except EngineDeadError as error:
            raise SuspectError(
                f"the vLLM engine of {self._name} died; its own log above says why, often too "
                "little memory: try a smaller max_model_len"
            ) from error
        except (ValueError, VLLMError) as error:
            if len(queries) == 1:
                return [Unanswered(reason=f"refused by vLLM: {_one_line(error)}")]
        half = len(queries) // 2
        return self._ask_batch(queries[:half]) + self._ask_batch(queries[half:])

    def _chat(self, queries: Sequence[Query]) -> list[Reply]:
        began = perf_counter()
        asked = [self._address.settings(query.generation, query.repeat) for query in queries]
        outputs = self._engine.chat(
            [_conversation(query) for query in queries],
            [
                _sampling(settings, logprobs=self._logprobs, thinking=self._budget)
                for settings in asked
            ],
            use_tqdm=False,
            lora_request=self._lora,
        )
        seconds = (perf_counter() - began) / len(queries)
        return [
            self._reply(output.outputs[0], settings.max_new_tokens, seconds)
            for output, settings in zip(outputs, asked, strict=True)
        ]

    def _reply(self, output: Any, most: int, seconds: float) -> Reply:
        """An answer of as many tokens as were asked for, counted after what it thinks."""
        ids, finish = list(output.token_ids), output.finish_reason
        said, place = self._thoughts.answer_in(ids, begun=self._begun)
        last = place + most
        if not said.thought:
            said = said._replace(words=output.text)
        if said.ended and last < len(ids):
            cut = self._thoughts.text(ids[place:last])
            finish = finish if cut.strip() == said.words.strip() else "length"
            said = said._replace(words=cut)
        top = self._top(output.logprobs)
        return reply_from(
            output.text,
            finish_reason=finish,
            seconds=seconds,
            top=None if top is None else top[place:last],
            said=said,
            tokens=len(ids),
        )

    def _top(self, places: Any) -> tuple[TopTokens, ...] | None:
        """By what the tokenizer itself writes, for the engine's words lose their leading blanks."""
        if self._logprobs is None or not places:
            return None
        if self._surfaces is None:
            self._surfaces = token_texts(self._engine.get_tokenizer())
        known = self._surfaces
        return tuple(
            top_tokens(
                (known[index] or "", entry.logprob)
                for index, entry in place.items()
                if index < len(known) and known[index] and (entry.rank or 0) <= self._logprobs
            )
            for place in places
        )


def _conversation(query: Query) -> list[dict[str, Any]]:
    """The picture goes in as its pixels, without any encoding."""
    content = [
        {"type": "image_pil", "image_pil": query.image.convert("RGB")},
        {"type": "text", "text": query.prompt},
    ]
    system = [] if query.system is None else [{"role": "system", "content": query.system}]
    return [*system, {"role": "user", "content": content}]


def _sampling(
    settings: GenerationSettings, *, logprobs: int | None = None, thinking: int = 0
) -> Any:
    from vllm import SamplingParams

    return SamplingParams(
        max_tokens=settings.max_new_tokens + thinking,
        min_tokens=settings.min_new_tokens,
        temperature=settings.temperature,
        top_p=settings.top_p,
        top_k=0,
        min_p=0.0,
        repetition_penalty=settings.repetition_penalty,
        seed=settings.seed,
        skip_special_tokens=True,
        logprobs=logprobs,
    )


def _start(source: str, arguments: dict[str, Any]) -> Any:
    os.environ.update(quiet_environment())
    logging.getLogger("vllm").setLevel(os.environ["VLLM_LOGGING_LEVEL"].upper())
    from vllm import LLM
    from vllm.exceptions import VLLMError

    try:
        with made_visible(
            without=CHATTER
        ):  # the engine's process lives on, and so does what carries its words
            return LLM(**arguments)
    except (VLLMError, ValueError, RuntimeError, OSError, KeyError) as error:
        raise ModelError(
            f"vLLM cannot load {source}: {_one_line(error)}; its own log above says more, and hf: "
            "may load what vLLM does not"
        ) from error


def _put_on(engine: Any, folder: Path, source: str) -> Any:
    """Loads an adapter now, for an engine that fails at it while it answers dies of it."""
    from vllm.exceptions import VLLMError
    from vllm.lora.request import LoRARequest

    request = LoRARequest("suspect", 1, str(folder))
    try:
        with WithKinds():  # what fails in the engine's process comes as a bare exception
            if engine.llm_engine.add_lora(request):
                return request
        reason = "its engine did not say why"
    except (VLLMError, ValueError, RuntimeError, OSError, KeyError) as error:
        reason = _one_line(error)
    raise ModelError(
        f"vLLM cannot put the adapter {source} over its base: {reason}; ask it through hf:, or "
        "merge it with PEFT (merge_and_unload) and name the merged folder"
    )


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]

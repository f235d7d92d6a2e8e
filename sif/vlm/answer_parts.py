"""Logits along answers, some positions at a time, so that no table of all of them is ever held.

The output head and whatever the model does behind it run once for each part, and again in the
backward pass instead of being kept. Where all positions fit into one part, this is
`Vlm.answer_logits` and nothing else. Knows nothing of losses.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from sif.vlm.forward import forward_replaced
from sif.vlm.model import Vlm

LARGEST_PART: Final = 2**26
"""Bytes of a part's logits in float32."""


class Part(NamedTuple):
    """Some positions of a batch of answers.

    Attributes:
        logits: at these positions.
        ids: of the whole answers, -1 where there is none.
        where: which positions these are.
    """

    logits: Float[Tensor, "batch part vocab"]
    ids: Int[Tensor, "batch positions"]
    where: slice


class Visited(NamedTuple):
    """What came of the parts, in order, and the ids of the answers."""

    parts: list[Any]
    ids: Int[Tensor, "batch positions"]


def visit_parts(
    vlm: Vlm,
    images: Float[Tensor, "batch 3 height width"],
    prompts: Sequence[str],
    answers: Sequence[Sequence[int]],
    visit: Callable[[Part], Any],
) -> Visited:
    """Has the logits along answers looked at part by part, with the gradient to the images.

    Args:
        vlm: the model.
        images: float in [0, 1], at the native extent.
        prompts: plain words, one for each image.
        answers: token ids, one sequence for each image.
        visit: is shown every part, and a second time where there is a backward pass; gives
            tensors.
    """
    longest = max(len(answer) for answer in answers)
    at_once = positions_at_once(vlm, len(answers))
    if at_once is None or longest <= at_once:
        logits, ids = vlm.answer_logits(images, prompts, answers)
        return Visited([visit(Part(logits, ids, slice(0, longest)))], ids)
    with _headless(vlm.model) as seen:
        ids = vlm.answer_logits(images, prompts, answers)[1]
    states, output = seen.output.last_hidden_state[:, -longest - 1 : -1], type(seen.output)

    def look(some: Tensor, where: slice) -> Any:
        logits = _head(vlm.model, output(last_hidden_state=some), seen.named)
        return visit(Part(logits, ids, where))

    parts = []
    for start in range(0, longest, at_once):
        where = slice(start, min(start + at_once, longest))
        some = states[:, where]
        parts.append(checkpoint(look, some, where, use_reentrant=False, preserve_rng_state=False))
    return Visited(parts, ids)


def positions_at_once(vlm: Vlm, batch: int) -> int | None:
    """Positions of one part; None where the model's head cannot be run by itself."""
    model = vlm.model
    head = model.get_output_embeddings()
    if getattr(head, "weight", None) is None or getattr(model, "base_model", model) is model:
        return None
    return max(1, LARGEST_PART // (4 * batch * len(head.weight)))


@dataclass(slots=True)
class _Seen:
    """What a pass without its head had: the output before it, and the model's arguments."""

    output: Any = None
    named: dict[str, Any] = field(default_factory=dict)


@contextmanager
def _headless(model: Any) -> Iterator[_Seen]:
    """Lets the head see one position only, and keeps what it would have seen."""
    seen = _Seen()

    def before(_module: nn.Module, _inputs: Any, named: dict[str, Any]) -> None:
        seen.named = named

    def after(_module: nn.Module, _inputs: Any, output: Any) -> Any:
        seen.output = output
        return type(output)(last_hidden_state=output.last_hidden_state[:, -1:])

    handles = [
        model.register_forward_pre_hook(before, with_kwargs=True),
        model.base_model.register_forward_hook(after),
    ]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def _head(model: Any, output: Any, named: dict[str, Any]) -> Tensor:
    """Logits, by the model's own forward pass around what its inner model has already given."""
    with forward_replaced(model.base_model, lambda *_inputs, **_named: output):
        logits: Tensor = model.forward(**named).logits
    return logits.float()

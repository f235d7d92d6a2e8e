"""Logits along answers, some positions at a time, so that no table of all of them is ever held.

The output head and whatever the model does behind it run once for each part, and again in the
backward pass instead of being kept. Where all positions fit into one part, this is
`Vlm.answer_logits` and nothing else. Heads are given whole tensors, no views, of which a CPU makes
logits in bfloat16 25 times as slowly. Knows nothing of losses.
"""

from collections.abc import Callable, Sequence
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
    inputs, ids = vlm.answer_inputs(images, prompts, answers)
    output = _before_head(vlm.model, inputs)
    states, kind = output.last_hidden_state[:, -longest - 1 : -1], type(output)

    def look(some: Tensor, where: slice) -> Any:
        return visit(Part(_head(vlm.model, kind(last_hidden_state=some), inputs), ids, where))

    parts = []
    for start in range(0, longest, at_once):
        where = slice(start, min(start + at_once, longest))
        some = states[:, where].contiguous()
        parts.append(checkpoint(look, some, where, use_reentrant=False, preserve_rng_state=False))
    return Visited(parts, ids)


def positions_at_once(vlm: Vlm, batch: int) -> int | None:
    """Positions of one part; None where the model's head cannot be run by itself."""
    model = vlm.model
    head = model.get_output_embeddings()
    if getattr(head, "weight", None) is None or getattr(model, "base_model", model) is model:
        return None
    return max(1, LARGEST_PART // (4 * batch * len(head.weight)))


def _before_head(model: Any, inputs: dict[str, Any]) -> Any:
    """What a whole forward pass gives its head, which sees one position only."""
    seen: list[Any] = []

    def after(_module: nn.Module, _inputs: Any, output: Any) -> Any:
        seen.append(output)
        return type(output)(last_hidden_state=output.last_hidden_state[:, -1:].contiguous())

    handle = model.base_model.register_forward_hook(after)
    try:
        model(**inputs)
    finally:
        handle.remove()
    return seen[-1]


def _head(model: Any, output: Any, inputs: dict[str, Any]) -> Tensor:
    """Logits, by the model's own forward pass around what its inner model has already given."""
    with forward_replaced(model.base_model, lambda *_inputs, **_named: output):
        logits: Tensor = model.forward(**inputs).logits
    return logits.float()

"""Fine-tuning on pictures, prompts and answers: LoRA (merged afterwards) or the weights themselves.

The loop is that of any supervised tuning; only the answer's tokens are learnt. A training that was
killed goes on from its last checkpoint. Knows nothing of files of examples or of output folders.
"""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import torch
from pydantic import ConfigDict, Field, SkipValidation
from torch import nn
from torch.utils.data import DataLoader

from sif.attacks.weights.attack import (
    Device,
    Facts,
    Progress,
    Report,
    WeightAttack,
    Workbench,
    choose_device,
    ignore,
)
from sif.attacks.weights.collate import Collator
from sif.attacks.weights.examples import (
    Example,
    check_pictures,
    digest_examples,
    without_placeholders,
)
from sif.attacks.weights.parts import (
    adaptable_layers,
    language_layers,
    language_parameters,
    linear_layers,
    named_layers,
    refuse_rank,
)
from sif.attacks.weights.schedule import (
    Training,
    learning_rate,
    number_of_steps,
    order_of_examples,
)
from sif.checkpoint import Checkpoint
from sif.errors import ModelError, UsageError
from sif.vlm.foreign import FOREIGN_OR_MISSING
from sif.vlm.inputs import processor_options
from sif.vlm.parameters import cast
from sif.vlm.placeholders import placeholders_of
from sif.vlm.plain_words import first_line


class Finetune(WeightAttack):
    """Tunes on examples by the given settings."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: ClassVar[str] = "finetune"

    training: Training
    examples: Annotated[Sequence[Example], SkipValidation, Field(exclude=True, repr=False)]

    def apply(self, model: Any, processor: Any, bench: Workbench) -> Facts:
        """Tunes in place, with checkpoints on the bench."""
        losses = finetune(
            model,
            processor,
            self.examples,
            self.training,
            checkpoint=bench.scratch / "training.safetensors",
            device=bench.device,
            report=bench.report,
        )
        return {
            "examples": len(self.examples),
            "examples_digest": digest_examples(self.examples),
            "steps": len(losses),
            "first_loss": losses[0],
            "last_loss": losses[-1],
        }


@runtime_checkable
class Beside(Protocol):
    """A loss that is added to that on the answers."""

    @property
    def asks(self) -> Mapping[str, Any]:
        """What the model is told beside the batch, so that it gives back what is needed."""
        ...

    @property
    def decided_by(self) -> str:
        """What decides this loss, for the checkpoint, which knows the model it began from."""
        ...

    def __call__(self, outputs: Any, batch: Mapping[str, Any]) -> Any:
        """A scalar with a gradient to the model's weights.

        Args:
            outputs: what the model gave for the batch.
            batch: its keyword arguments, `labels` included.
        """
        ...


def finetune(
    model: Any,
    processor: Any,
    examples: Sequence[Example],
    settings: Training,
    *,
    beside: Beside | None = None,
    checkpoint: Path | None = None,
    device: Device = "auto",
    report: Report = ignore,
) -> list[float]:
    """Tunes a model in place; it keeps its precision, its device and its class.

    Placeholders of pictures in prompts and answers are taken out: the chat template has its own.

    Args:
        model: an image-text model with ordinary weights.
        processor: its processor, which also spells the prompts.
        examples: what to learn.
        settings: how.
        beside: another loss; None for that on the answers alone.
        checkpoint: file of the unfinished training, written and resumed from; None for neither.
        device: where to train.
        report: called after every update.

    Returns:
        The mean loss of every update, those before a kill included.

    Raises:
        UsageError: no examples, a model without words, an unreadable picture, an answer of nothing
            but placeholders, or a checkpoint of another training.
        ModelError: the loss is no longer finite, the language model cannot be found, the examples
            ended early, or no weight changed.
    """
    if not examples:
        raise UsageError("expected at least one example to tune on, got none")
    if getattr(processor, "tokenizer", None) is None:
        raise UsageError(
            f"expected a vision-language model to tune on prompts and answers, got "
            f"{type(model).__name__}, which reads no words"
        )
    examples = without_placeholders(examples, placeholders_of(processor))
    check_pictures(examples)
    dtype, place, before = model.dtype, model.device, _digest_weights(model)
    name = choose_device(device)
    with _own_randomness(name):
        torch.manual_seed(settings.seed)
        learner = _prepare(model, settings, keep=_is_mixed(settings, name))
        collator = Collator(processor, processor_options(model))
        run = _Run(settings, collator, examples, number_of_steps(settings, len(examples)), beside)
        store = Checkpoint(checkpoint, _digest(run, learner)) if checkpoint else None
        losses = _train(learner, run, store, device=name, report=report)
    model.cpu()
    if settings.lora:
        model.float()
        learner.module.merge_and_unload()
    cast(model, dtype)
    model.to(place).eval().requires_grad_(True)
    try:
        require_change(model, before=before, steps=len(losses), wanted=run.steps)
    except ModelError:
        if checkpoint:
            checkpoint.unlink(missing_ok=True)
        raise
    return losses


def require_change(model: Any, *, before: str, steps: int, wanted: int) -> None:
    """Makes sure that a training trained: in all its steps, and to other weights.

    Args:
        model: after it.
        before: digest of its weights before it.
        steps: that were taken.
        wanted: that were asked for.

    Raises:
        ModelError: it did not.
    """
    if steps != wanted:
        raise ModelError(
            f"expected a training of {wanted} steps, got {steps}; nothing is kept of it"
        )
    if _digest_weights(model) == before:
        raise ModelError(
            "expected a training to change the model, got the weights of before, bit for bit, "
            f"after {steps} steps; raise the learning rate, or give other answers"
        )


class _Learner(NamedTuple):
    """The module to call, which is the model itself or its adapter, and what it learns."""

    module: Any
    trained: dict[str, nn.Parameter]


class _Run(NamedTuple):
    """What is to be learnt, and how."""

    settings: Training
    collate: Collator
    examples: Sequence[Example]
    steps: int
    beside: Beside | None


def _prepare(model: Any, settings: Training, *, keep: bool) -> _Learner:
    """Makes what is trained float32; `keep` leaves frozen weights beside an adapter as they are."""
    whole = settings.scope == "all"
    if settings.lora is None:
        model.float().requires_grad_(False)
        chosen = dict(model.named_parameters()) if whole else language_parameters(model)
        for parameter in chosen.values():
            parameter.requires_grad_(True)
        return _Learner(model, chosen)
    from peft import LoraConfig, get_peft_model

    if not keep:
        model.float()
    layers = linear_layers(model) if whole else language_layers(model)
    names = named_layers(adaptable_layers(layers), settings.lora.layers)
    refuse_rank(settings.lora.rank, [layers[name] for name in names])
    config = LoraConfig(
        r=settings.lora.rank,
        lora_alpha=settings.lora.alpha,
        lora_dropout=settings.lora.dropout,
        target_modules=names,
    )
    try:
        adapted = get_peft_model(model, config)
    except FOREIGN_OR_MISSING as error:
        raise ModelError(
            f"cannot put LoRA on {type(model).__name__}: {first_line(error)}; give an unquantised "
            "model, or leave LoRA out"
        ) from error
    return _Learner(adapted, {n: p for n, p in adapted.named_parameters() if p.requires_grad})


def _train(
    learner: _Learner, run: _Run, store: Checkpoint | None, *, device: str, report: Report
) -> list[float]:
    from accelerate import Accelerator

    settings = run.settings
    mixed = _is_mixed(settings, device)
    accelerator = Accelerator(cpu=device == "cpu")
    module, optimiser = accelerator.prepare(
        learner.module.train(),
        torch.optim.AdamW(learner.trained.values(), weight_decay=settings.weight_decay),
    )
    losses = store.resume(learner.trained, optimiser) if store else []
    batches = iter(accelerator.prepare(_loader(run, done=len(losses))))
    for step in range(len(losses), run.steps):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(settings, step, run.steps)
        update = _next_of(batches, settings.accumulate)
        torch.manual_seed(settings.seed + step + 1)
        losses.append(_accumulate(accelerator, module, update, run.beside, mixed=mixed))
        accelerator.clip_grad_norm_(learner.trained.values(), settings.clip)
        optimiser.step()
        optimiser.zero_grad()
        if store and ((step + 1) % settings.checkpoint_every == 0 or step + 1 == run.steps):
            store.save(losses, learner.trained, optimiser)
        report(Progress(stage="finetune", step=step + 1, steps=run.steps, loss=losses[-1]))
    accelerator.unwrap_model(module)
    return losses


def _next_of(batches: Iterator[Any], number: int) -> list[Any]:
    """The batches of one update; there are as many as are needed, so an early end is a fault."""
    update = []
    for _ in range(number):
        try:
            update.append(next(batches))
        except StopIteration as error:
            raise ModelError(
                "expected examples until the last step, got an early end of them; nothing of this "
                "training is kept"
            ) from error
    return update


def _accumulate(
    accelerator: Any, module: Any, batches: list[Any], beside: Beside | None, *, mixed: bool
) -> float:
    """Sums up the gradients of the batches of one update; their mean loss."""
    total = 0.0
    for batch in batches:
        with torch.autocast(accelerator.device.type, torch.bfloat16, enabled=mixed):
            outputs = module(**batch, **(beside.asks if beside else {}))
            loss = outputs.loss + (beside(outputs, batch) if beside else 0.0)
            loss = loss / len(batches)
        accelerator.backward(loss)
        total += loss.item()
    if not math.isfinite(total):
        raise ModelError(f"expected a finite loss, got {total}; lower the learning rate")
    return total


def _loader(run: _Run, done: int) -> DataLoader[Example]:
    order = order_of_examples(run.settings, len(run.examples), run.steps)
    seen = done * run.settings.batch_size * run.settings.accumulate
    return DataLoader(
        run.examples,  # type: ignore[arg-type]
        sampler=order[seen:],
        batch_size=run.settings.batch_size,
        collate_fn=run.collate,
    )


def _is_mixed(settings: Training, device: str) -> bool:
    return settings.precision == "bf16" or (settings.precision == "auto" and device == "cuda")


def _digest(run: _Run, learner: _Learner) -> str:
    """SHA-256 of what determines a training: settings, examples and the weights it starts from."""
    settings = run.settings.model_dump_json(exclude={"checkpoint_every"})
    beside = run.beside.decided_by if run.beside else ""
    begun = f"{settings}|{digest_examples(run.examples)}|{beside}".encode()
    return _digest_weights(learner.module, begun)


def _digest_weights(module: Any, begun: bytes = b"") -> str:
    digest = hashlib.sha256(begun)
    for name, parameter in module.named_parameters():
        digest.update(name.encode())
        digest.update(parameter.detach().cpu().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _own_randomness(device: str) -> AbstractContextManager[None]:
    """Keeps the caller's random state as it was."""
    devices = [torch.cuda.current_device()] if device == "cuda" else []
    return torch.random.fork_rng(devices=devices)

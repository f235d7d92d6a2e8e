"""From a fingerprint and replies to the values of a report.

Counts nothing anew but the share of each single answer; the verdict is shown as it was given.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from sif.errors import FingerprintError
from sif.fingerprint.folder import FingerprintSet, Trigger
from sif.fingerprint.manifest import ModelRecord
from sif.fingerprint.recipe import Recipe
from sif.ownership.policy import Policy
from sif.ownership.questions import unscored_prompts
from sif.ownership.run import Group
from sif.ownership.verdict import TriggerRecord, Verdict
from sif.pictures.lazy import Lazy
from sif.report.page import AnswerView, Fact, Piece, SuspectView, TriggerView
from sif.report.words import colour_words
from sif.visible import quoted
from sif.watermark.greenlist.count import count_green

ENGINES: Final = {"hf": "transformers", "vllm": "vLLM", "openai": "HTTP endpoint"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedRun:
    """A suspect, its answers and its verdict.

    Attributes:
        suspect: its name, as in the journal.
        texts: the answers to each trigger, one for each repeat that was answered.
        label: a short name for people.
        group: only sorts the table.
        engine: what ran the suspect; read from its name where None.
        example: description of another picture that stood before every prompt, if one did.
    """

    suspect: str
    verdict: Verdict
    texts: Mapping[str, Sequence[str]]
    label: str = ""
    group: Group = "other"
    engine: str | None = None
    example: str | None = None


def trigger_views(
    fingerprint: FingerprintSet, ids: Container[str] | None = None
) -> Sequence[TriggerView]:
    """Triggers beside their base images, which are read when they are looked at, and not kept.

    Args:
        fingerprint: with the pictures.
        ids: of those that are wanted; all where None.
    """
    budget = _recipe(fingerprint).schedule.epsilon / 255
    wanted = [one for one in fingerprint.triggers if ids is None or one.record.id in ids]
    return Lazy(partial(_trigger_view, budget), wanted)


def _trigger_view(epsilon: float, trigger: Trigger) -> TriggerView:
    return TriggerView(
        id=trigger.record.id,
        prompt=trigger.record.prompt,
        base=trigger.base,
        image=trigger.image,
        epsilon=epsilon,
    )


def fingerprint_facts(fingerprint: FingerprintSet) -> tuple[Fact, ...]:
    """What is public about a fingerprint; names the model's folder without the path to it."""
    manifest, recipe = fingerprint.manifest, _recipe(fingerprint)
    weak = sum(bool(trigger.quality and trigger.quality.weak) for trigger in manifest.triggers)
    return (
        Fact("Source model", f"{quoted(Path(manifest.model.source).name)} ({manifest.model.kind})"),
        _digest(manifest.model),
        Fact("Triggers", f"{len(manifest.triggers)}, of which {weak} with a weak signal"),
        Fact("Change budget (ε)", f"{recipe.schedule.epsilon:g}/255"),
        Fact("Green share (γ)", f"{manifest.gamma:g} of {manifest.vocabulary_size} token ids"),
        Fact("Recipe", recipe.name),
        Fact("Digest of the tokenizer", manifest.tokenizer_sha256),
        Fact("Fingerprint made", manifest.created),
    )


def _digest(model: ModelRecord) -> Fact:
    """The digest of every byte, or that of samples in fingerprints from before."""
    if model.model_sha256 is None:
        return Fact("Digest of its weights", model.digest or "unknown")
    return Fact("Digest of the model (SHA-256)", model.model_sha256)


def _recipe(fingerprint: FingerprintSet) -> Recipe:
    """The recipe, which fingerprints of the released code lack."""
    if fingerprint.manifest.recipe is None:
        raise FingerprintError(
            f"expected a fingerprint made by `sif fingerprint`, got {fingerprint.folder}, imported "
            "from the released code; verdict.json of the run holds all there is to report"
        )
    return fingerprint.manifest.recipe


def suspect_view(
    fingerprint: FingerprintSet,
    audit: FinishedRun,
    *,
    public: bool = False,
    most: int | None = None,
) -> SuspectView:
    """A suspect with its answers, in the verdict's order.

    Args:
        fingerprint: the one that the suspect was asked about, with its keys unless `public`.
        audit: what came of it.
        public: leave the answers uncoloured; no key is needed then.
        most: of its answers, from which on the others are only checked; all where None.

    Raises:
        FingerprintError: no key, or answers that are not those of the verdict.
    """
    answers, left_out = list[AnswerView](), 0
    fingerprint = replace(fingerprint, example=audit.example)
    prompts = {record.id: record.prompt for record in fingerprint.manifest.triggers}
    for record in audit.verdict.per_trigger:
        texts = audit.texts.get(record.id, ())
        if record.unanswered is not None:
            found = [AnswerView(trigger_id=record.id, unanswered=record.unanswered)]
        elif public:
            found = list(_plain(record, texts))
        else:
            unscored = _unscored(fingerprint, prompts.get(record.id), audit.verdict.policy)
            coloured = _coloured(fingerprint, record.id, texts, unscored)
            found = _checked(record, list(coloured))
        if most is None or len(answers) < most:
            answers += found
        else:
            left_out += len(found)
    scheme = audit.suspect.partition(":")[0]
    return SuspectView(
        name=audit.suspect,
        label=audit.label,
        engine=ENGINES.get(scheme, "–") if audit.engine is None else audit.engine,
        verdict=audit.verdict,
        answers=answers,
        group=audit.group,
        example=audit.example,
        left_out=left_out,
    )


def _plain(record: TriggerRecord, texts: Sequence[str]) -> Iterator[AnswerView]:
    """Uncoloured answers; the trigger's whole count stands beside the first of them."""
    for repeat, text in enumerate(texts):
        yield AnswerView(
            trigger_id=record.id,
            pieces=[Piece(text, "unscored")],
            green=(record.green or 0) if repeat == 0 else 0,
            scored=(record.scored or 0) if repeat == 0 else 0,
        )


def _unscored(fingerprint: FingerprintSet, prompt: str | None, policy: Policy) -> frozenset[int]:
    """Ids that do not count in answers to a trigger with this prompt; None of an unknown one."""
    return fingerprint.unscored(() if prompt is None else unscored_prompts(prompt, policy))


def _coloured(
    fingerprint: FingerprintSet, trigger: str, texts: Sequence[str], unscored: frozenset[int]
) -> Iterator[AnswerView]:
    """Coloured answers; what an earlier repeat said is not counted again."""
    mask, seen = fingerprint.mask(trigger), unscored
    for text in texts:
        tokens = fingerprint.tokenizer.tokens(text)
        ids = [token.number for token in tokens]
        count = count_green(ids, mask, ignore=seen)
        pieces = colour_words(text, tokens, mask, seen)
        yield AnswerView(trigger_id=trigger, pieces=pieces, green=count.green, scored=count.scored)
        seen |= frozenset(ids)


def _checked(record: TriggerRecord, answers: list[AnswerView]) -> list[AnswerView]:
    found = sum(answer.green for answer in answers), sum(answer.scored for answer in answers)
    if found != (record.green, record.scored):
        raise FingerprintError(
            f"trigger {record.id}: expected {record.green} green of {record.scored} words, as the "
            f"verdict says, got {found[0]} of {found[1]} in the answers; name the fingerprint and "
            "the run that belong together"
        )
    return answers

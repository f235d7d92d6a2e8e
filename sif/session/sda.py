"""A session of the semantic divergence attack: what a thief gains who hides behind a benign model.

Suspect and benign reference answer ordinary questions and the triggers; signals flag questions on
which they diverge; a flagged one gets the reference's answer. Everything is kept in the run's
folder, so that other limits need no answer anew.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pydantic import ValidationError

from sif.attacks.divergence.benign_traffic import halve, read_benign
from sif.attacks.divergence.judge import Judge
from sif.attacks.divergence.perplexity import PromptPerplexity
from sif.attacks.divergence.sda_json import Divergence
from sif.attacks.divergence.sda_page import PLOT, as_markdown
from sif.attacks.divergence.sda_picture import as_picture
from sif.attacks.divergence.signal import Signal
from sif.attacks.divergence.similarity import EmbeddingSimilarity, load_embedder
from sif.attacks.divergence.trial import Rules, try_divergence
from sif.attacks.divergence.word_signals import AnswerLength, WordOverlap
from sif.errors import UsageError
from sif.files import claim_folder, write_atomically
from sif.fingerprint.folder import FingerprintSet
from sif.ownership.allowance import allowances_of
from sif.ownership.calibration import read_calibration
from sif.ownership.policy import Policy
from sif.ownership.run import JOURNAL
from sif.plain_files import read_file
from sif.scratch import scratch
from sif.session.silence import counted, refuse_silence
from sif.suspects.connect import connect
from sif.suspects.kept import KeptAnswers
from sif.suspects.openai_suspect import OpenAISuspect
from sif.suspects.remembering import Remembering
from sif.suspects.transformers_suspect import TransformersSuspect
from sif.suspects.uri import SuspectAddress
from sif.types import Suspect
from sif.vlm.folder import load_model, load_processor

Limits = Literal["calibrated", "paper", "release"]
Method = Literal["joint", "bonferroni"]
View = Literal["alone", "beside"]

MARK, RESULT, PAGE = "sda-request.json", "sda.json", "sda.md"
EMBEDDER: Final = "all-MiniLM-L6-v2"
SIGNALS: Final[dict[Limits, tuple[str, ...]]] = {
    "calibrated": ("perplexity", "jaccard", "cosine", "length"),
    "paper": ("perplexity", "jaccard"),
    "release": ("perplexity", "cosine", "length"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SdaSession:
    """Everything that decides a trial of the attack; `attack` does it.

    Attributes:
        fingerprint: with its keys.
        suspect: address of the stolen model.
        reference: address of the benign one.
        benign: ordinary questions: a folder of pictures, or JSONL with image and prompt. Half of
            the pictures serve to choose limits, the other half is reported.
        fpr: share of benign questions that may be flagged.
        thresholds: chosen on `benign` for `fpr`, or as published.
        method: how signals share `fpr`: one rank for all, or equal parts.
        signals: of `SIGNALS`; all that go with `thresholds` where None.
        embedder: of cosine, a sentence-transformers model by folder or name.
        language_model: of perplexity, where the reference is no `hf:` model.
        judge: address of a multimodal model that judges each answer (the strong variant).
        judge_sees: the suspect's answer alone, or the reference's beside it.
        calibrated: test transfer where the fingerprint was calibrated.
        alpha: bound on the false-claim probability.
        seed: of the draw of the two halves.
        run: folder for answers, sda.json, sda.md and sda.svg; none to keep nothing.
        strict: stop at a file in `benign` that is no readable picture, or tiny or hidden.
    """

    fingerprint: FingerprintSet
    suspect: str
    reference: str
    benign: Path
    fpr: float = 0.05
    thresholds: Limits = "calibrated"
    method: Method = "joint"
    signals: tuple[str, ...] | None = None
    embedder: str = EMBEDDER
    language_model: str | None = None
    judge: str | None = None
    judge_sees: View = "alone"
    calibrated: bool = True
    alpha: float = 1e-6
    seed: int = 0
    run: Path | None = None
    strict: bool = False

    def attack(self, *, report: Callable[[str, float, float], None]) -> Divergence:
        """Asks both models, chooses limits, and sets the verdicts without and behind the attack.

        Args:
            report: is told the stage, what is done of it, and how much there is.

        Raises:
            UsageError: an address, signal or benign set that makes no sense.
            ModelError: a model cannot be loaded.
            SuspectError: a suspect cannot be reached, or answered no question.
            StorageError: `run` holds something else, or cannot be written.
        """
        chosen = chosen_signals(self.signals, self.thresholds)
        for address in (self.suspect, self.reference, *([self.judge] if self.judge else [])):
            SuspectAddress.parse(address)
        rules = self._rules()
        generation = self.fingerprint.triggers[0].record.generation
        halves = halve(read_benign(self.benign, generation, strict=self.strict), seed=self.seed)
        with ExitStack() as stack:
            folder = self.run or stack.enter_context(scratch("sda")) / "run"
            self._claim(folder)
            stolen = stack.enter_context(closing(connect(self.suspect)))
            other = stack.enter_context(closing(connect(self.reference)))
            judge = stack.enter_context(closing(connect(self.judge))) if self.judge else None
            kept = stack.enter_context(KeptAnswers(folder / JOURNAL))
            measuring = [self._signal(name, other) for name in chosen]
            if judge is not None:
                measuring.append(_judge(judge, kept.through(judge), self.judge_sees))
            heard = [Remembering(kept.through(one)) for one in (stolen, other)]
            try:
                found = try_divergence(
                    self.fingerprint,
                    *heard,
                    benign=halves,
                    signals=measuring,
                    rules=rules,
                    report=report,
                )
            except UsageError:  # that there is nothing to measure may come of silence
                _refuse_silence(heard)
                raise
            _refuse_silence(heard)
            self._write(folder, found)
        return found

    def _rules(self) -> Rules:
        folder = self.fingerprint.folder
        measured = read_calibration(folder) if self.calibrated else None
        policy = Policy(
            alpha=self.alpha,
            order=self._order(),
            prompt_scored=measured is None or measured.prompt_scored,
        )
        allowed = allowances_of(measured, policy, test="reaction")
        return Rules(
            kind=self.thresholds,
            fpr=self.fpr,
            method=self.method,
            policy=policy.model_copy(update=allowed.fields),
            highest_unrelated=allowed.highest,
        )

    def _order(self) -> Literal["fingerprint", "drawn"]:
        """The order that an earlier trial in the run's folder was judged in, or one of now."""
        if self.fingerprint.published:
            return "fingerprint"
        if self.run is not None and (self.run / RESULT).is_file():
            with suppress(ValidationError):  # of another version: judged as new
                earlier = Divergence.model_validate_json(read_file(self.run / RESULT))
                return earlier.without.policy.order
        return "drawn"

    def _claim(self, folder: Path) -> None:
        words = {
            "fingerprint": str(self.fingerprint.folder.resolve()),
            "suspect": self.suspect,
            "reference": self.reference,
        }
        claim_folder(folder, mark=MARK, words=json.dumps(words))

    def _signal(self, name: str, reference: Suspect) -> Signal:
        match name:
            case "perplexity":
                return _perplexity(reference, self.language_model)
            case "cosine":
                return EmbeddingSimilarity(load_embedder(self.embedder))
            case "jaccard":
                return WordOverlap()
        return AnswerLength()

    def _write(self, folder: Path, found: Divergence) -> None:
        write_atomically(folder / RESULT, found.model_dump_json(indent=2))
        write_atomically(folder / PAGE, as_markdown(found))
        if self.run is not None:
            write_atomically(folder / PLOT, as_picture(found))


def _refuse_silence(heard: Sequence[Remembering]) -> None:
    for one in heard:
        refuse_silence(counted(one.reasons), one.asked, one.name)


def chosen_signals(names: tuple[str, ...] | None, thresholds: Limits) -> list[str]:
    """The signals that were asked for and go with the thresholds.

    Raises:
        UsageError: an unknown one, or none that goes with them.
    """
    known, allowed = SIGNALS["calibrated"], SIGNALS[thresholds]
    if names is None:
        return list(allowed)
    for name in names:
        if name not in known:
            raise UsageError(f"expected signals among {', '.join(known)}, got {name[:40]!r}")
    chosen = [name for name in dict.fromkeys(names) if name in allowed]
    if not chosen:
        raise UsageError(
            f"expected with the {thresholds} thresholds signals among {', '.join(allowed)}, "
            f"got {','.join(names)}"
        )
    return chosen


def _perplexity(reference: Suspect, language_model: str | None) -> Signal:
    """The reference's own weights where they are at hand."""
    if language_model is not None:
        return PromptPerplexity(
            load_model(language_model), load_processor(language_model).tokenizer
        )
    if not isinstance(reference, TransformersSuspect):
        raise UsageError(
            "expected a reference with hf:, whose language model says how odd a prompt is, got "
            f"{reference.name}; name its weights with --language-model, or leave perplexity out "
            "with --signals jaccard,cosine,length"
        )
    return PromptPerplexity(reference.model, reference.tokenizer)


def _judge(model: Suspect, kept: Suspect, view: View) -> Signal:
    if isinstance(model, OpenAISuspect):
        return Judge(kept, view=view, usage=lambda: model.usage)
    return Judge(kept, view=view)

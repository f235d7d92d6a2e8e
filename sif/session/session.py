"""A session: one suspect asked about one fingerprint, from the rules to the verdict.

1. The rules are fixed: those committed to, or the caller's, with the calibration's allowance.
2. The run's folder is begun, or found again. 3. The suspect is asked in its manner; its answers are
kept as they come; where it looks derived, base pictures are asked too (`control`). 4. The verdict,
with what was wished beside it, ends the run.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from sif.claims.batches import as_committed
from sif.claims.commit import committed_example, read_commitment
from sif.claims.runs import count_of, count_run
from sif.errors import UsageError
from sif.fingerprint.folder import FingerprintSet
from sif.ownership.allowance import Allowances, TransferTest, allowances_of, test_of
from sif.ownership.calibration import Calibration, read_calibration
from sif.ownership.controlled import decide_controlled
from sif.ownership.grey_box import grey_box as weigh_probabilities
from sif.ownership.panel_answers import references_for
from sif.ownership.policy import Policy
from sif.ownership.published import match_rate
from sif.ownership.run import (
    JOURNAL,
    RECORD,
    Group,
    RunRecord,
    open_run,
    read_record,
    read_verdict,
    write_verdict,
)
from sif.ownership.sequential import AskingProgress
from sif.ownership.verdict import Verdict
from sif.scratch import scratch
from sif.session.control import asked_besides, wants_control
from sif.session.manner import Manner, asking
from sif.session.silence import besides, refuse_silence
from sif.suspects.kept import KeptAnswers
from sif.suspects.prefaced import read_example
from sif.suspects.remembering import Remembering
from sif.types import Suspect

Report = Callable[[AskingProgress], None]


def _silent(progress: AskingProgress) -> None:
    """For callers who do not want to know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Everything that decides how one suspect is asked and judged; `verify` does it.

    Attributes:
        fingerprint: with its keys.
        suspect: an address as `connect` takes it, or a suspect, which stays open.
        policy: the rules. Where it names no transfer allowance, that of the calibration is taken;
            where it names no order, one is drawn, or a run goes on in the order it was begun in;
            where it does not say whether words of prompts count, the calibration or the run that
            was begun does, else they do not.
        manner: attacks and example.
        committed: ask by the rules of `sif claim commit` instead of `policy`.
        claim_batch: which of the claim's batches is asked, from 1; none where it has none.
        control: ask base pictures too where the suspect looks derived, one question more for each;
            where None, if `committed` and there are base pictures.
        transfer_test: by what transfer is excluded, where the calibration says how far: `reaction`
            (how far answers lean), `contrast` (whose words they are), or `both`, which is usual
            where the source was asked in calibrating; one that a claim commits to goes before it.
        calibrated: test transfer where the fingerprint was calibrated and `policy` names no
            allowance.
        run: folder for answers and verdict, goes on where it stopped; none to keep nothing.
        label: a short name for people.
        group: sorts the report's table, and nothing else.
        name: under which the run keeps the answers; the suspect's own where None.
        batch_size: triggers asked together; asking may stop after any of them.
        grey_box: also weigh the probabilities of likely tokens, apart from the verdict.
        unrelated: for imported fingerprints, finished runs of unrelated suspects to compare with.
    """

    fingerprint: FingerprintSet
    suspect: str | Suspect
    policy: Policy = field(default_factory=Policy)
    manner: Manner = field(default_factory=Manner)
    committed: bool = False
    claim_batch: int | None = None
    control: bool | None = None
    transfer_test: TransferTest | None = None
    calibrated: bool = True
    run: Path | None = None
    label: str = ""
    group: Group = "other"
    name: str | None = None
    batch_size: int = 8
    grey_box: bool = False
    unrelated: Sequence[Path] = ()

    def __post_init__(self) -> None:
        for name, kind in (("fingerprint", FingerprintSet), ("policy", Policy), ("manner", Manner)):
            if not isinstance(getattr(self, name), kind):
                got = type(getattr(self, name)).__name__
                raise UsageError(f"{name}: expected a {kind.__name__}, got {got}")
        if self.run is not None and not isinstance(self.run, Path):
            raise UsageError(
                f"run: expected a Path, got {type(self.run).__name__}; sif.verify "
                "takes text as well"
            )
        if self.batch_size < 1:
            raise UsageError(f"batch_size: expected at least 1, got {self.batch_size}")

    def verify(self, *, report: Report = _silent) -> Verdict:
        """Asks until the verdict is reached, writes it into `run`, and returns it.

        Args:
            report: called after every batch of triggers.

        Raises:
            UsageError: an address, attack or policy that makes no sense, a calibration that was
                asked in another manner, or a control without base pictures.
            FingerprintError: no keys, or a damaged calibration.
            ClaimError: `committed`, and there is no commitment, no such batch in it, or one to
                another example.
            ModelError: a local suspect cannot be loaded.
            SuspectError: the suspect cannot be reached at all, or answered no question; the
                verdict is written all the same, and asking again into `run` goes on.
            StorageError: `run` holds something else, or cannot be written.
        """
        manner = self._manner()
        owned = replace(self._triggers(), example=manner.example)
        control = wants_control(owned, self.control, committed=self.committed)
        policy, allowed = self._rules(manner)
        references = references_for(self.fingerprint.folder, policy)
        with asking(self.suspect, manner) as asked, _folder(self.run) as folder:
            record = RunRecord(
                fingerprint=str(self.fingerprint.folder.resolve()),
                suspect=self.name or asked.name,
                label=self.label,
                group=self.group,
                example=manner.example,
                policy=policy,
                batch=self.claim_batch,
            )
            if self.committed and not (folder / RECORD).exists():
                count_run(self.fingerprint.folder, record.suspect)
            open_run(folder, record)
            with KeptAnswers(folder / JOURNAL) as kept:
                remembered = Remembering(kept.through(asked, name=self.name))
                with asked_besides(asked, folder if control else None, name=self.name) as bases:
                    verdict = decide_controlled(
                        owned,
                        remembered,
                        bases,
                        policy,
                        references=references,
                        highest_unrelated=allowed.highest,
                        batch_size=self.batch_size,
                        runs=max(1, count_of(owned.folder, record.suspect)),
                        report=report,
                    )
            if self.grey_box:
                figures = weigh_probabilities(self.fingerprint, remembered.answers)
                verdict = verdict.model_copy(update={"grey_box": figures})
            if self.unrelated:
                verdict = _compared(verdict, self.unrelated)
            verdict = verdict.model_copy(update=besides(remembered))
            write_verdict(folder, verdict)
        refuse_silence(verdict.unanswered, verdict.queries, record.suspect)
        return verdict

    def _triggers(self) -> FingerprintSet:
        """The fingerprint with what is asked: all, or one batch in the order that was drawn."""
        if self.committed:
            return as_committed(self.fingerprint, self.claim_batch)
        if self.claim_batch is not None:
            raise UsageError(
                "claim_batch: a batch is asked by the rules of its claim; set committed"
            )
        return self.fingerprint

    def _manner(self) -> Manner:
        """How the suspect is asked: with the example that was committed to, if one was.

        Raises:
            ClaimError: `committed`, and another one is given.
        """
        if not self.committed:
            return self.manner
        example = committed_example(self.fingerprint.folder, self.manner.example)
        return replace(self.manner, example=example)

    def _rules(self, manner: Manner) -> tuple[Policy, Allowances]:
        """The policy as it will be written down, and the published thresholds beside it."""
        folder, given = self.fingerprint.folder, self.policy
        stated = given.transfer_allowance is not None or given.contrast_allowance is not None
        tested = self.committed or (self.calibrated and not stated)
        if self.transfer_test is not None and not tested:
            raise UsageError(
                f"transfer_test: {self.transfer_test!r} is calibrated, but no calibration is to be "
                "used or an allowance is given; leave one of them out"
            )
        measured = read_calibration(folder) if tested else None
        policy = self._completed(measured)
        if self.committed:
            policy = read_commitment(folder).header.policy
        attack = str(manner.image_attack)
        if given.contrast_allowance is not None:  # the answers behind it were asked for in one way
            measured = measured or read_calibration(folder)
        test = test_of(policy) if self.committed or stated else self.transfer_test
        if self.committed and not _tests_transfer(policy):
            return policy, Allowances()
        allowed = allowances_of(
            measured, policy, test=test, image_attack=attack, example=manner.example
        )
        if tested and not self.committed and measured is not None:
            policy = policy.model_copy(update=allowed.fields)
        return policy, allowed

    def _completed(self, measured: Calibration | None) -> Policy:
        """The policy with an order of asking and a count: named, or as begun, or of now."""
        if self.fingerprint.published:
            return self.policy
        begun = None
        if self.run is not None and (self.run / RECORD).exists():
            begun = read_record(self.run).policy or Policy()
        scored = False if measured is None else measured.prompt_scored
        found = {
            "order": begun.order if begun else "drawn",
            "prompt_scored": begun.prompt_scored if begun else scored,
        }
        named = self.policy.model_fields_set
        return self.policy.model_copy(
            update={name: value for name, value in found.items() if name not in named}
        )


def _tests_transfer(policy: Policy) -> bool:
    return policy.transfer_allowance is not None or policy.contrast_allowance is not None


def verify(
    fingerprint: FingerprintSet | str | Path,
    suspect: str | Suspect,
    policy: Policy | None = None,
    *,
    run: str | Path | None = None,
    image_attacks: Sequence[str] = (),
    answer_attacks: Sequence[str] = (),
    example: str | None = None,
    label: str = "",
    batch_size: int = 8,
    control: bool = False,
    report: Report = _silent,
) -> Verdict:
    """Asks a suspect about the trigger images until the verdict is reached; `Session` can more.

    Args:
        fingerprint: with its keys, or its folder.
        suspect: an address as `connect` takes it (`hf:…`, `vllm:…`, `openai:URL#model`), or a
            suspect, which stays open.
        policy: the rules; the default ones, with the calibration's allowance, where None.
        run: folder for answers and verdict; goes on where it stopped; none to keep nothing.
        image_attacks: on the pictures, such as `jpeg:75`, in their order.
        answer_attacks: on the answers, such as `truncate:0.5`, from the model outwards.
        example: description of another picture that stands before every prompt: its words, or
            `@FILE` that holds them.
        label: a short name for the report.
        batch_size: triggers asked together.
        control: ask base pictures too where the suspect looks derived.
        report: called after every batch of triggers.

    Raises:
        UsageError: a request that makes no sense; other errors as of `Session.verify`.
    """
    if not isinstance(fingerprint, FingerprintSet):
        fingerprint = FingerprintSet.load(fingerprint)
    shown = None if example is None else read_example(example)
    return Session(
        fingerprint=fingerprint,
        suspect=suspect,
        policy=Policy() if policy is None else policy,
        manner=Manner(image_attacks=image_attacks, answer_attacks=answer_attacks, example=shown),
        run=None if run is None else Path(run),
        label=label,
        batch_size=batch_size,
        control=control,
    ).verify(report=report)


@contextmanager
def _folder(run: Path | None) -> Iterator[Path]:
    """The run's folder, or one that is gone afterwards."""
    if run is not None:
        yield run
        return
    with scratch("run") as folder:
        yield folder / "run"


def _compared(verdict: Verdict, unrelated: Sequence[Path]) -> Verdict:
    """The verdict on an imported fingerprint with the published match rate."""
    others = [read_verdict(run).published for run in unrelated]
    figures = [other for other in others if other is not None]
    if verdict.published is None or len(figures) < len(others):
        raise UsageError(
            "expected with --unrelated a fingerprint of `sif import-published`, and runs that "
            "asked about it, got another; leave --unrelated out"
        )
    shown = verdict.published.model_copy(update={"unrelated": len(figures)})
    rate = match_rate(verdict.published, figures)
    changes: dict[str, object] = {"published": shown}
    if rate is not None:
        changes |= {"match_rate": rate.share, "match_interval": (rate.low, rate.high)}
    return verdict.model_copy(update=changes)

"""The transfer allowance of a fingerprint: a panel of unrelated models is asked and measured.

Each process has one model in memory at a time; answers are kept in the fingerprint, and asked once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from sif.attacks.attacked import attacked
from sif.attacks.images import ImageAttack, parse_image_attack
from sif.claims.runs import plain_name
from sif.errors import FingerprintError, UsageError
from sif.fingerprint.folder import FingerprintSet
from sif.fingerprint.manifest import ModelRecord
from sif.fingerprint.model_manifest import hash_model
from sif.ownership.calibrating import Asked, ask_member, compared
from sif.ownership.calibrating import calibrate as measure
from sif.ownership.calibration import (
    CONFIDENCE,
    PLAIN,
    Calibration,
    SourceAnswers,
    read_calibration,
    write_calibration,
)
from sif.ownership.panel_answers import write_panel
from sif.ownership.policy import Policy
from sif.ownership.questions import queries_of
from sif.ownership.recompute import recompute
from sif.ownership.run import JOURNAL
from sif.scale.hire import hire
from sif.scale.workforce import Workforce
from sif.session.asking_apart import Interview, interview
from sif.session.manner import Manner, asking, refuse_single
from sif.suspects.kept import KeptAnswers, Known
from sif.suspects.prefaced import read_example
from sif.suspects.uri import SuspectAddress
from sif.suspects.weights import weights_digest
from sif.types import Answer, Suspect

FOLDER: Final = "calibration"


def calibrate(
    fingerprint: FingerprintSet | str | Path,
    panel: Sequence[str | Suspect],
    *,
    source: str | Suspect | None = None,
    policy: Policy | None = None,
    image_attacks: Sequence[str] = (),
    example: str | None = None,
    confidence: float = CONFIDENCE,
    names: Sequence[str] | None = None,
    batch_size: int = 8,
    workforce: Workforce | None = None,
    report: Callable[[str, int, int], None] = lambda suspect, done, total: None,
) -> Calibration:
    """Asks models that are certainly not derived from the owner's, and writes calibration.json.

    Called again after an interruption it goes on.

    Args:
        fingerprint: with its keys, or its folder.
        panel: addresses as `connect` takes them, or suspects, which stay open; best of the
            owner's architecture and trained on similar data.
        source: the model that the triggers were made on, in the same ways: it is asked too, so that
            verifying can tell whose words a suspect's are. The panel needs two models then.
        policy: how often and with what further prompts verifying will ask; words of prompts count
            only where it or an earlier calibration says so.
        image_attacks: also ask behind each, as verifying will; by + joined, they happen together.
        example: words that verifying will put before every prompt, or `@FILE` that holds them.
        confidence: with which the allowances bound the largest means, from 0.5 to 0.9999.
        names: under which their answers are kept, one for each of the panel.
        batch_size: triggers asked together.
        workforce: who asks; this process where None, one model after the other. Several workers
            take a model each, but for those that are given as suspects.
        report: is told who is asked, triggers done, and triggers in all.

    Raises:
        UsageError: nobody in the panel, an address or attack that makes no sense, the source or
            a copy of it in the panel, one that answered too little, or another model as the source.
        FingerprintError: the keys are not at hand.
        ModelError: a model cannot be loaded.
        SuspectError: a suspect cannot be reached.
        StorageError: the fingerprint's folder cannot be written.
    """
    _check(panel, image_attacks, names, batch_size)
    addresses = [SuspectAddress.parse(member) for member in panel if isinstance(member, str)]
    if not isinstance(fingerprint, FingerprintSet):
        fingerprint = FingerprintSet.load(fingerprint)
    for address in addresses:
        _refuse_source(fingerprint.manifest.model, address)
    if isinstance(source, str):
        _require_source(fingerprint.manifest.model, SuspectAddress.parse(source))
    shown = None if example is None else read_example(example)
    policy, manner = leaving_prompts_out(policy, fingerprint), Manner(example=shown)
    fingerprint = replace(fingerprint, example=shown)
    attacks = list(dict.fromkeys(parse_image_attack(text) for text in [PLAIN, *image_attacks]))
    named: dict[str | Suspect, str | None] = dict.fromkeys(panel)
    named |= dict(zip(panel, names, strict=True)) if names else {}
    with KeptAnswers(fingerprint.folder / FOLDER / JOURNAL) as kept:
        asker = Asker(
            fingerprint=fingerprint,
            kept=kept,
            manner=manner,
            attacks=attacks,
            policy=policy,
            batch_size=batch_size,
            report=report,
        )
        everybody = [*named.items(), *([] if source is None else [(source, None)])]
        found_each = asker.ask_all(everybody, workforce or Workforce())
        asked = [found for some in found_each[: len(named)] for found in some]
        ours = [found for some in found_each[len(named) :] for found in some]
    told: tuple[SourceAnswers, ...] = ()
    if ours:
        asked, told = compared(fingerprint, asked, ours, policy=policy)
    found = measure(
        fingerprint, asked, source=told, policy=policy, example=shown, confidence=confidence
    )
    write_calibration(fingerprint.folder, found)
    write_panel(fingerprint, found, _answers(fingerprint, found))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Asks one model after the other everything that a calibration wants to know.

    Attributes:
        fingerprint: with its keys.
        kept: the file of answers.
        manner: example and the like.
        attacks: on images, none among them.
        policy: what is asked about each trigger.
        batch_size: triggers asked together.
        report: as of `calibrate`.
    """

    fingerprint: FingerprintSet
    kept: KeptAnswers
    manner: Manner
    attacks: Sequence[ImageAttack]
    policy: Policy
    batch_size: int
    report: Callable[[str, int, int], None]

    def ask_all(
        self, everybody: Sequence[tuple[str | Suspect, str | None]], workforce: Workforce
    ) -> list[list[Asked]]:
        """What each of several models answers, with the name that its answers are kept under."""
        if workforce.is_alone:  # one model is in memory at a time
            return [self.ask(one, name) for one, name in everybody]
        places = [place for place, (one, _) in enumerate(everybody) if isinstance(one, str)]
        known, found = self.kept.known(), dict[int, list[Asked]]()
        with hire(workforce, self._told) as crew:
            parts = (self._interview(*everybody[place], known) for place in places)
            for arrived in crew.arriving(parts):
                place = places[arrived.number]
                found[place] = self.ask(arrived.result, everybody[place][1])
        for place, (one, name) in enumerate(everybody):
            if place not in found:
                found[place] = self.ask(one, name)
        return [found[place] for place in range(len(everybody))]

    def _interview(self, one: str | Suspect, name: str | None, known: Known) -> Interview:
        assert isinstance(one, str)  # those that are open stay here
        return interview(
            one,
            name=name,
            manner=self.manner,
            attacks=self.attacks,
            under=_under,
            queries=(queries_of(one, self.policy) for one in self.fingerprint.triggers),
            known=known,
            batch_size=self.batch_size,
        )

    def _told(self, stage: str, done: float, total: float, words: Any) -> None:
        self.report(stage, int(done), int(total))

    def ask(self, one: str | Suspect, name: str | None) -> list[Asked]:
        """What a model answers under each attack; kept under a name, its own where None."""
        found = []
        with asking(one, self.manner) as suspect:
            for attack in self.attacks:
                seen = attacked(suspect, attack)
                kept = self.kept.through(seen, name=name and _under(name, str(attack)))
                found.append(
                    ask_member(
                        self.fingerprint,
                        kept,
                        image_attack=str(attack),
                        model=name or plain_name(suspect.name),
                        policy=self.policy,
                        batch_size=self.batch_size,
                        report=partial(self.report, name or seen.name),
                    )
                )
        return found


def _check(
    panel: Sequence[str | Suspect],
    image_attacks: Sequence[str],
    names: Sequence[str] | None,
    batch_size: int,
) -> None:
    """Refuses what makes no sense before anything is opened."""
    refuse_single("panel", panel)
    refuse_single("image_attacks", image_attacks)
    if names is not None and len(names) != len(panel):
        raise UsageError(
            f"names: expected one for each of the panel ({len(panel)}), got {len(names)}"
        )
    if batch_size < 1:
        raise UsageError(f"batch_size: expected at least 1, got {batch_size}")
    if not panel:
        raise UsageError("expected a panel of at least one model that is not yours, got none")


def _under(name: str, attack: str) -> str:
    """A given name under an attack, whose answers are others than without."""
    return name if attack == PLAIN else f"{name} image={attack}"


def _answers(fingerprint: FingerprintSet, stated: Calibration) -> dict[str, dict[str, Answer]]:
    """What every member replied to the questions of a calibration, by digest, as it was kept.

    Raises:
        FingerprintError: no answers were kept.
    """
    manner = stated.manner
    digests = [query.digest for one in fingerprint.triggers for query in queries_of(one, manner)]
    journal = fingerprint.folder / FOLDER / JOURNAL
    if not journal.is_file():
        raise FingerprintError(
            f"expected the answers of the panel in {journal}, got none; run sif calibrate again"
        )
    with KeptAnswers(journal) as kept:
        names = {one.suspect for one in stated.members} | {one.suspect for one in stated.source}
        return {name: kept.replies(name, digests) for name in names}


def _refuse_source(model: ModelRecord, address: SuspectAddress) -> None:
    """Refuses the model that the triggers were made on, by the digests of all its files.

    Of two folders with different short digests the files differ too, and need not be hashed.
    """
    if _is_source(model, address):
        raise UsageError(
            f"expected a panel of unrelated models, got {address.target}, whose files are those "
            "that the triggers were made on; take it out of the panel"
        )


def _require_source(model: ModelRecord, address: SuspectAddress) -> None:
    """Refuses another model than the triggers were made on; of an endpoint it cannot be told.

    Raises:
        UsageError: it is another.
    """
    if _is_source(model, address) is False:
        raise UsageError(
            f"expected as --source the model that the triggers were made on ({model.words}), got "
            f"{address.target}, whose files are others; name that model"
        )


def _is_source(model: ModelRecord, address: SuspectAddress) -> bool | None:
    """Whether it has the files that the triggers were made on; None where that cannot be told."""
    if model.model_sha256 is None or address.scheme == "openai":
        return None
    short = weights_digest(address.target)
    if short != model.digest and None not in (short, model.digest):
        return False
    found = hash_model(address.target)
    return None if found is None else found.root == model.model_sha256


def leaving_prompts_out(policy: Policy | None, fingerprint: FingerprintSet) -> Policy:
    """The policy by which a panel is counted.

    Words of prompts do not count, unless it says so or they did in the calibration that is there.
    """
    policy = policy or Policy()
    if "prompt_scored" in policy.model_fields_set:
        return policy
    try:
        begun = read_calibration(fingerprint.folder)
    except FingerprintError:  # which is mended by calibrating again
        begun = None
    scored = begun is not None and begun.prompt_scored
    return policy.model_copy(update={"prompt_scored": scored})


def measured_again(fingerprint: FingerprintSet) -> Calibration | None:
    """The calibration as the answers give it that `calibrate` kept; None without a calibration.

    Raises:
        FingerprintError: a damaged calibration, no answers, or the keys are not at hand.
        SuspectError: the answers of a member are missing.
        UsageError: they allow no calibration.
    """
    stated = read_calibration(fingerprint.folder)
    if stated is None:
        return None
    return recompute(fingerprint, _answers(fingerprint, stated), stated)

"""The step of an audit about what cuts text into ids: the committed file, whole, and its cuts.

Text could be cut otherwise by another tokenizer that was chosen once the keys were known, and that
would favour any words. So what cuts is one committed file; where the auditor has the model's own
tokenizer, all that cuts is compared with it, part by part, and so are the ids of every answer and
prompt. Fingerprints from before, which transformers read with settings of their own, are counted
by tokenizer.json alone here, and fail where their settings would have cut an answer otherwise.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from sif.claims.canonical import canonical
from sif.claims.case import Case
from sif.claims.check_files import check_digests, is_tokenizer, named
from sif.claims.control_record import CONTROL_LINES, parse_control
from sif.claims.record import parse
from sif.claims.reveal import FINGERPRINT, LINES, RUN
from sif.claims.steps import Finding, Status
from sif.claims.trial_cut import check_ends
from sif.errors import ClaimError, FingerprintError, UsageError
from sif.fingerprint.asked_words import spellings
from sif.fingerprint.folder import TOKENIZER
from sif.fingerprint.segmenter import FileSegmenter, Segmenter, Token, known_segmenter
from sif.ownership.run import RECORD, RunRecord
from sif.tokenizer_bounds import TOKENIZER_FILE, read_bounded

ONE: Final = f"{TOKENIZER}/{TOKENIZER_FILE}"
PARTS: Final = {
    "normalizer": "normaliser",
    "pre_tokenizer": "pre-tokeniser",
    "post_processor": "post-processor",
    "added_tokens": "added tokens",
    "decoder": "decoder",
}
MODEL_PARTS: Final = {"vocab": "vocabulary", "merges": "merges", "type": "kind of model"}
CONTEXT: Final = 12


class Text(NamedTuple):
    """A text whose ids are compared, where it stands, and whether it is part of a question."""

    where: str
    text: str
    asked: bool = False


def check_tokenizer(case: Case) -> Finding:
    """One file cuts all text, the committed one; it is the model's own, where that was given."""
    check_digests(case, [name for name in named(case) if is_tokenizer(name)])
    texts = list(_texts(case))
    forms = {form for text in texts if text.asked for form in spellings(text.text)}
    try_cutting(case, [*(one.text for one in texts), *sorted(forms)])
    words = "" if case.manifest.tokenizer_json_sha256 else _alone(case, texts)
    extra = [name for name in named(case) if is_tokenizer(name) and name != ONE]
    if extra and not words:
        raise ClaimError(f"the tokenizer is one file, {ONE}, but the bundle holds {extra[0]} too")
    tokenizer = case.fingerprint.tokenizer
    if len(tokenizer) != case.manifest.vocabulary_size:
        raise ClaimError(
            f"the tokenizer has {len(tokenizer)} ids, the manifest says "
            f"{case.manifest.vocabulary_size}"
        )
    for place, text, _ in texts:
        _cut(tokenizer, text, place)
    known = _known(case, texts)
    sentence = f"the tokenizer of {len(tokenizer)} ids is the committed one{words}{known}"
    sure = isinstance(tokenizer, FileSegmenter) and case.header.anchor is not None
    shown = case.means.tokenizer is not None or sure
    return Finding(Status.PASS if shown else Status.NOT_CHECKED, sentence)


def try_cutting(case: Case, texts: Sequence[str]) -> None:
    """Makes sure that the committed file comes to an end with texts, before they are cut here.

    Raises:
        ClaimError: it does not.
    """
    if (path := case.folder / FINGERPRINT / ONE).is_file():
        check_ends(read_bounded(path), texts, where=ONE)


def _texts(case: Case) -> Iterator[Text]:
    """Every prompt, the example, and every answer as it stands in the journal and the control.

    Lines that cannot be read have no answers here; their own step fails over them.
    """
    for record in case.manifest.triggers:
        yield Text(f"the prompt of trigger {record.id}", record.prompt, asked=True)
    for prompt in case.header.policy.also_ask:
        yield Text("a further prompt of the policy", prompt, asked=True)
    for example in {case.header.example, _example_of_run(case)} - {None}:
        yield Text("the example", example or "", asked=True)
    recorded = ((LINES, "the journal", parse), (CONTROL_LINES, CONTROL_LINES, parse_control))
    for file, words, read in recorded:
        try:
            lines = read(case.take(f"{RUN}/{file}"))
        except ClaimError:
            continue
        for number, line in enumerate(lines, start=1):
            if line.text is not None:
                yield Text(f"the answer in line {number} of {words}", line.text)


def _example_of_run(case: Case) -> str | None:
    """The example in run.json, which a step of its own reads; claims of before commit to none."""
    try:
        return RunRecord.model_validate_json(case.take(f"{RUN}/{RECORD}")).example
    except (ClaimError, UsageError, ValidationError):
        return None


def _alone(case: Case, texts: list[Text]) -> str:
    """Has an older fingerprint counted by tokenizer.json alone; what is to be said of it, in words.

    Raises:
        ClaimError: the settings beside that file would cut a text otherwise.
    """
    path = case.folder / FINGERPRINT / ONE
    if not path.is_file():
        return (
            f" (of an older kind without {TOKENIZER_FILE}, so that settings which no anchor fixes "
            "decide what a word is)"
        )
    data = read_bounded(path)
    FileSegmenter(data, where=ONE)  # bounded and strict, before transformers reads it
    with_settings = case.fingerprint.tokenizer
    special = frozenset(with_settings.all_special_ids)
    alone = FileSegmenter(data, where=ONE, special_ids=special)
    if len(alone) != len(with_settings):
        raise ClaimError(
            f"{TOKENIZER_FILE} has {len(alone)} ids, and {len(with_settings)} with the settings "
            "beside it, which no anchor fixes"
        )
    if differs := _first_difference(alone, with_settings, texts):
        raise ClaimError(
            f"the settings beside {TOKENIZER_FILE}, which no anchor fixes, cut text otherwise than "
            f"that file alone: {differs}"
        )
    case.fingerprint = replace(case.fingerprint, counted_by=alone)
    return (
        f" (of an older kind: settings beside {TOKENIZER_FILE} were committed with it; they cut no "
        "answer otherwise, and that file alone counts here)"
    )


def _known(case: Case, texts: list[Text]) -> str:
    """Compares with the auditor's copy of the model's tokenizer; how that ended, in words.

    Raises:
        ClaimError: it is another one.
        UsageError: there is no copy that can be read.
    """
    folder = case.means.tokenizer
    if folder is None:
        if case.header.anchor is None:
            return ", but a made-up one could favour any words; give the model's own to compare"
        return "; the model's own was not given to compare"
    try:
        known = known_segmenter(folder)
        theirs = known.content()
    except FingerprintError as error:
        raise UsageError(f"expected a tokenizer in {folder}, got none that can be read") from error
    committed = case.fingerprint.tokenizer
    ours = committed.content()
    older = case.manifest.tokenizer_json_sha256 is None  # special ids stand beside its file
    if older and committed.all_special_ids != known.all_special_ids:
        raise ClaimError(f"the tokenizer has other special ids than the one in {folder}")
    if ours is None or theirs is None:
        part = None if committed.get_vocab() == known.get_vocab() else "vocabulary"
    else:
        part = _first_part(ours, theirs)
    if part is not None:
        raise ClaimError(f"the tokenizer has another {part} than the one in {folder}")
    if differs := _first_difference(committed, known, texts):
        raise ClaimError(f"the tokenizer cuts text otherwise than the one in {folder}: {differs}")
    return f" and is, whole and in the ids of {len(texts)} texts, the one in {folder}"


def _first_part(ours: dict[str, Any], theirs: dict[str, Any]) -> str | None:
    """What two tokenizers differ in, the telling parts first; by canonical JSON."""
    pairs = [(words, ours["model"], theirs["model"], name) for name, words in MODEL_PARTS.items()]
    pairs += [(words, ours, theirs, name) for name, words in PARTS.items()]
    for words, one, two, name in pairs:
        if canonical(one.get(name)) != canonical(two.get(name)):
            return words
    for name in sorted({*ours["model"], *theirs["model"]}):
        if canonical(ours["model"].get(name)) != canonical(theirs["model"].get(name)):
            return f"setting {name!r} of its model"
    for name in sorted({*ours, *theirs} - {"version"}):
        if canonical(ours.get(name)) != canonical(theirs.get(name)):
            return f"setting {name!r}"
    return None


def _first_difference(one: Segmenter, two: Segmenter, texts: list[Text]) -> str | None:
    """The first place where two tokenizers give a text other ids, in words."""
    for place, text, _ in texts:
        pairs = zip_longest(_cut(one, text, place), _cut(two, text, place))
        for mine, theirs in pairs:
            if mine is None or theirs is None or mine.number != theirs.number:
                start = min(token.start for token in (mine, theirs) if token is not None)
                shown = ascii(text[start : start + CONTEXT])
                return f"{place} differs from character {start + 1} on, at {shown}"
    return None


def _cut(tokenizer: Segmenter, text: str, place: str) -> list[Token]:
    try:
        return tokenizer.tokens(text)
    except FingerprintError as error:
        raise ClaimError(f"{place} cannot be cut into ids: {error}") from error

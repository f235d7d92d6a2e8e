"""`sif claim`: evidence that a third party can check without trusting the claimant."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sif.cli.claim_audit import audit
from sif.cli.claim_possession import (
    bring_origin,
    check_possession,
    private_possession,
    show_possession,
)
from sif.cli.claim_secret import obtain, secret
from sif.cli.claim_witness import witness
from sif.cli.options import (
    Alpha,
    AlsoAsk,
    Certificates,
    Example,
    Fingerprint,
    Request,
    Response,
    Secret,
    SigningKey,
    SigningPublicKey,
    TransferTest,
    Tsa,
)
from sif.cli.progress import bar, counted
from sif.cli.say import say, say_text

if TYPE_CHECKING:
    from sif.claims.commit import Commitment
    from sif.claims.rules import Rules

app = typer.Typer(
    no_args_is_help=True,
    help="Commits to a fingerprint, timestamps it, reveals a run, and audits what was revealed.",
)


class Extent(StrEnum):
    """What `--triggers` takes."""

    BATCH = "batch"
    ALL = "all"


Budget = Annotated[int | None, typer.Option(help="Most questions to ask.")]
TriggerRepeats = Annotated[int, typer.Option(help="Questions with each trigger.")]
PolicyFile = Annotated[
    Path | None, typer.Option(help="JSON of a policy, or a part of one, over these options.")
]
AlphaTransfer = Annotated[
    float, typer.Option(help="The same for transfer, where the fingerprint was calibrated.")
]
Batches = Annotated[
    int, typer.Option(min=1, help="Disputes that the triggers are to serve, each with its own.")
]
AnchorFolder = Annotated[
    Path | None, typer.Option(help="Folder of `sif claim secret`, where the key is from there.")
]
Model = Annotated[
    str | None, typer.Option(help="Your model again: all its files are hashed and compared.")
]
ModelSignature = Annotated[
    Path | None, typer.Option(help="The model's signature by model-signing, to go into it.")
]
Possession = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=PATH",
        help="A file or folder that only you have; the name is public, the rest is hidden.",
    ),
]


def commit(
    fingerprint: Fingerprint,
    alpha: Alpha = 1e-6,
    budget: Budget = None,
    repeats: TriggerRepeats = 1,
    also_ask: AlsoAsk = None,
    policy: PolicyFile = None,
    alpha_transfer: AlphaTransfer = 0.01,
    transfer_test: TransferTest = None,
    batches: Batches = 1,
    anchor: AnchorFolder = None,
    model: Model = None,
    model_signature: ModelSignature = None,
    possession: Possession = None,
    example: Example = None,
    secret: Secret = None,
    signing_key: SigningKey = None,
    signing_public_key: SigningPublicKey = None,
) -> None:
    """Signs everything that decides a verdict, before any suspect is asked.

    The run is asked for more evidence than --alpha says, by as much as an audit will take off for
    keys and orders of asking that might have been chosen: thirteen powers of ten with an anchored
    key, nineteen without, and seven against transfer. All words count alike, for weights could be
    chosen to fit the keys, and words of prompts and of --example do not count; every run is asked
    with that example. The transfer allowance is that of calibration.json, if there is one
    (--transfer-test says which of the two, where the source was asked in calibrating).
    Ask with `sif verify FP SUSPECT --committed --run RUN`. With --possession an unreleased
    checkpoint, the optimiser's state or a list of training data is dated too; what was hidden is
    shown with `sif claim show-possession`.

    With --batches 4 the timestamp draws four batches of triggers; a run asks one of them
    (--claim-batch 1), and its bundle keeps the others secret. A bundle of one batch reveals all.

    Example: `sif claim commit my-fingerprint --anchor my-secret`
    """
    from sif.claims import commit as sign
    from sif.claims.possession import parse_things
    from sif.claims.rules import rules_of_run
    from sif.cli.signing import key_place
    from sif.fingerprint.folder import FingerprintSet
    from sif.suspects.prefaced import read_example

    rules = rules_of_run(
        fingerprint,
        alpha=alpha,
        alpha_transfer=alpha_transfer,
        anchored=anchor is not None,
        batches=batches,
        test=None if transfer_test is None else transfer_test.value,
        default={"budget": budget, "repeats": repeats, "also_ask": also_ask or []},
        given=policy,
    )
    owned, things = FingerprintSet.load(fingerprint, secret=secret), parse_things(possession or [])
    bring_origin(fingerprint, model, model_signature)
    with bar() as show:
        made = sign(
            owned,
            policy=rules.policy,
            alpha=alpha,
            alpha_transfer=alpha_transfer,
            signing_key=key_place(signing_key, signing_public_key),
            anchor=anchor,
            possession=things,
            batches=batches,
            example=None if example is None else read_example(example),
            report=counted(show, "hashing what you have"),
        )
    say_text(_committed(fingerprint, made, rules))


def _committed(fingerprint: Path, made: "Commitment", rules: "Rules") -> str:
    """What was signed, and what is public and private of it."""
    from math import log10

    return (
        f"{fingerprint}/claim: root {made.root}, signed by key {made.key.key_id[:16]}…\n"
        f"asking goes on to a log10 e-value of {-log10(rules.policy.alpha):.1f}, of which "
        f"{rules.tries.independence:.1f} will be taken off\n"
        "public: commitment.dsse.json, public.pem; private: salt.key, signing.key (mode 0600)"
        f"{private_possession(made.header)}"
    )


def timestamp(
    fingerprint: Fingerprint,
    tsa: Tsa = None,
    request: Request = None,
    response: Response = None,
    tsa_certificate: Certificates = None,
) -> None:
    """Has a timestamp authority (RFC 3161) sign that the commitment is there.

    With --tsa over HTTP; or write the request with --request, bring it to an authority by any means
    and give its answer with --response. The answer must be over this commitment and to this
    request; with --tsa-certificate its signature is checked too.

    Example: `sif claim timestamp my-fingerprint --tsa http://timestamp.example.org`
    """
    from sif.claims import load_roots, prepare_request, stamp

    roots = load_roots(tsa_certificate or [])
    answer = obtain(
        lambda: prepare_request(fingerprint), tsa=tsa, request=request, response=response
    )
    if answer is None:
        say(f"{request}: bring it to a timestamp authority, then give --response")
        return
    token = stamp(fingerprint, answer, roots)
    checked = "its signature is checked" if roots else "its signature is NOT checked"
    say(f"{fingerprint}/claim: there at {token.time:%Y-%m-%d %H:%M:%S} UTC; {checked}")


def reveal(
    fingerprint: Fingerprint,
    run: Annotated[Path, typer.Option(help="Run folder of `sif verify --committed --run`.")],
    out: Annotated[Path, typer.Option(help="The bundle, one file; an earlier one is replaced.")],
    runs: Annotated[
        int,
        typer.Option(min=1, help="All runs against this suspect, with those that showed less."),
    ] = 1,
    triggers: Annotated[
        Extent | None,
        typer.Option(
            help="Reveal the batch that the run asked, or all triggers with the secret.",
            show_default="batch where the claim has batches, else all",
        ),
    ] = None,
    secret: Secret = None,
    signing_key: SigningKey = None,
    signing_public_key: SigningPublicKey = None,
) -> None:
    """Writes one file with fingerprint, run, and secret or a batch's seeds, for an auditor.

    Whoever has it can use up or claim with what it reveals: give it to nobody else. In a claim with
    batches that is the batch of the run, and nothing follows of the others.

    Example: `sif claim reveal my-fingerprint --run runs/theirs --out theirs.zip`
    """
    from sif.claims import reveal as write
    from sif.claims.folder import TIMESTAMP, claim_of
    from sif.claims.reveal import extent_of
    from sif.cli.signing import key_place
    from sif.fingerprint.folder import FingerprintSet

    owned = FingerprintSet.load(fingerprint, secret=secret)
    key = key_place(signing_key, signing_public_key)
    extent = extent_of(fingerprint, None if triggers is None else triggers.value)
    verdict = write(owned, run, out, signing_key=key, runs=runs, triggers=extent)
    held = "your secret key" if extent.value == Extent.ALL else "the seeds of its batch, no others"
    say(
        f"{out}: holds {held} (mode 0600); for the auditor only",
        f"verdict {verdict.decision.value}, log10 e-value {verdict.log10_e_value:.2f}",
    )
    if not (claim_of(fingerprint) / TIMESTAMP).exists():
        say("no timestamp: nobody can see that the commitment came before the questions")


# In the order of their use.
for _command in (
    secret,
    commit,
    witness,
    timestamp,
    reveal,
    audit,
    show_possession,
    check_possession,
):
    app.command()(_command)

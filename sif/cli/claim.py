"""`sif claim`: evidence that a third party can check without trusting the claimant."""

from pathlib import Path
from typing import Annotated

import typer

from sif.cli.claim_audit import audit
from sif.cli.claim_secret import obtain, secret
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
    Tsa,
)

app = typer.Typer(
    no_args_is_help=True,
    help="Commits to a fingerprint, timestamps it, reveals a run, and audits what was revealed.",
)


def commit(
    fingerprint: Fingerprint,
    alpha: Alpha = 1e-6,
    budget: Annotated[int | None, typer.Option(help="Most questions to ask.")] = None,
    repeats: Annotated[int, typer.Option(help="Questions with each trigger.")] = 1,
    also_ask: AlsoAsk = None,
    policy: Annotated[
        Path | None, typer.Option(help="JSON of a policy, or a part of one, over these options.")
    ] = None,
    alpha_transfer: Annotated[
        float, typer.Option(help="The same for transfer, where the fingerprint was calibrated.")
    ] = 0.01,
    anchor: Annotated[
        Path | None, typer.Option(help="Folder of `sif claim secret`, where the key is from there.")
    ] = None,
    example: Example = None,
    secret: Secret = None,
    signing_key: SigningKey = None,
) -> None:
    """Signs everything that decides a verdict, before any suspect is asked.

    The run is asked for more evidence than --alpha says, by as much as an audit will take off for
    keys that might have been chosen: seven powers of ten with an anchored key, twelve without. All
    words count alike, for weights could be chosen to fit the keys; the transfer allowance is that
    of calibration.json, if there is one. Words of prompts and of --example do not count; every run
    is asked with that example. Ask with `sif verify FP SUSPECT --committed --run RUN`.

    Example: `sif claim commit my-fingerprint --anchor my-secret`
    """
    from math import log10

    from sif.claims import commit as sign
    from sif.claims.rules import rules_of_run
    from sif.fingerprint.folder import FingerprintSet
    from sif.suspects.prefaced import read_example

    rules = rules_of_run(
        fingerprint,
        alpha=alpha,
        alpha_transfer=alpha_transfer,
        anchored=anchor is not None,
        default={"budget": budget, "repeats": repeats, "also_ask": also_ask or []},
        given=policy,
    )
    made = sign(
        FingerprintSet.load(fingerprint, secret=secret),
        policy=rules.policy,
        alpha=alpha,
        alpha_transfer=alpha_transfer,
        signing_key=signing_key,
        anchor=anchor,
        example=None if example is None else read_example(example),
    )
    typer.echo(
        f"{fingerprint}/claim: root {made.root}, signed by key {made.key.key_id[:16]}…\n"
        f"asking goes on to a log10 e-value of {-log10(rules.policy.alpha):.1f}, of which "
        f"{log10(rules.tries):.1f} will be taken off\n"
        "public: commitment.dsse.json, public.pem; private: salt.key, signing.key (mode 0600)"
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
        typer.echo(f"{request}: bring it to a timestamp authority, then give --response")
        return
    token = stamp(fingerprint, answer, roots)
    checked = "its signature is checked" if roots else "its signature is NOT checked"
    typer.echo(f"{fingerprint}/claim: there at {token.time:%Y-%m-%d %H:%M:%S} UTC; {checked}")


def reveal(
    fingerprint: Fingerprint,
    run: Annotated[Path, typer.Option(help="Run folder of `sif verify --committed --run`.")],
    out: Annotated[Path, typer.Option(help="The bundle, one file; an earlier one is replaced.")],
    runs: Annotated[
        int,
        typer.Option(min=1, help="All runs against this suspect, with those that showed less."),
    ] = 1,
    secret: Secret = None,
    signing_key: SigningKey = None,
) -> None:
    """Writes one file with the secret, the fingerprint and a run, for an auditor.

    Whoever has it can use the fingerprint up or claim with it: give it to nobody else.

    Example: `sif claim reveal my-fingerprint --run runs/theirs --out theirs.zip`
    """
    from sif.claims import reveal as write
    from sif.claims.folder import TIMESTAMP, claim_of
    from sif.fingerprint.folder import FingerprintSet

    owned = FingerprintSet.load(fingerprint, secret=secret)
    verdict = write(owned, run, out, signing_key=signing_key, runs=runs)
    typer.echo(
        f"{out}: holds your secret key (mode 0600); for the auditor only\n"
        f"verdict {verdict.decision.value}, log10 e-value {verdict.log10_e_value:.2f}"
    )
    if not (claim_of(fingerprint) / TIMESTAMP).exists():
        typer.echo("no timestamp: nobody can see that the commitment came before the questions")


for _command in (secret, commit, timestamp, reveal, audit):  # in the order of their use
    app.command()(_command)

"""SIF: was the model behind that endpoint made from this one?

Trigger images make the owner's model, or a copy of it, give ordinary answers whose words lean
towards a secret half of the vocabulary. The flow, with what `import sif` offers:

    model = sif.Vlm.load("my-llava")                           # the owner's model, a folder
    fingerprint = sif.make_fingerprint(model, "photos", out="fp", count=30)
    sif.calibrate(fingerprint, ["hf:not-mine"])                # models that are surely no copies
    verdict = sif.verify(fingerprint, "openai:http://localhost:8000/v1#theirs", run="runs/theirs")
    print(verdict.decision, verdict.reason)                    # derived, not_shown or inconclusive
    sif.write_report(["runs/theirs"], "report.html")

`sif.Policy` holds the rules (α, budget), fixed before the first question; `sif.Session` is one
suspect asked end to end, with every option of `sif verify`; `sif.audit_all` asks many suspects as a
campaign's file says; `sif.load_recipe` says how triggers are made; `sif.KeyRing` is the secret
behind them; `sif.connect` opens a suspect by its address and `sif.attacked` puts a thief's attacks
around it; `sif.FingerprintSet` and `sif.Verdict` are what making and verifying give. Everything is
kept on disk and goes on where it stopped.

These names are the public ones. Whatever else stands in the package is private by convention, also
where its name has no underscore: it may change without notice.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sif.attacks.attacked import attacked
    from sif.fingerprint.folder import FingerprintSet
    from sif.fingerprint.make import make_fingerprint
    from sif.fingerprint.recipe import load_recipe
    from sif.ownership.policy import Policy
    from sif.ownership.verdict import Verdict
    from sif.report.write import write_report
    from sif.session.campaign.conduct import audit_all
    from sif.session.panel import calibrate
    from sif.session.session import Session, verify
    from sif.suspects.connect import connect
    from sif.vlm.model import Vlm
    from sif.watermark.keys import KeyRing

__all__ = [
    "FingerprintSet",
    "KeyRing",
    "Policy",
    "Session",
    "Verdict",
    "Vlm",
    "attacked",
    "audit_all",
    "calibrate",
    "connect",
    "load_recipe",
    "make_fingerprint",
    "verify",
    "write_report",
]

# Where each name lives; it is imported when it is first asked for.
_ROOMS = {
    "FingerprintSet": "sif.fingerprint.folder",
    "KeyRing": "sif.watermark.keys",
    "Policy": "sif.ownership.policy",
    "Session": "sif.session.session",
    "Verdict": "sif.ownership.verdict",
    "Vlm": "sif.vlm.model",
    "attacked": "sif.attacks.attacked",
    "audit_all": "sif.session.campaign.conduct",
    "calibrate": "sif.session.panel",
    "connect": "sif.suspects.connect",
    "load_recipe": "sif.fingerprint.recipe",
    "make_fingerprint": "sif.fingerprint.make",
    "verify": "sif.session.session",
    "write_report": "sif.report.write",
}


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module 'sif' has no attribute {name!r}")
    found = getattr(import_module(_ROOMS[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

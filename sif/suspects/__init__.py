"""Suspects: anything that can be asked about an image, behind one contract (`sif.types.Suspect`).

connect(uri)      `hf:`, `vllm:` and `openai:` addresses; engines are imported only when asked for
ScriptedSuspect   replies from a function or a table, for tests and examples
Journal           answers on disk, so that nothing is asked twice
Journalled        a suspect that answers from its journal first
PrefacedSuspect   a suspect that is shown an example of an answer before every question

Knows nothing of keys, green lists or verdicts.
"""

from sif.suspects.connect import connect
from sif.suspects.journal import Journal
from sif.suspects.journalled import Journalled
from sif.suspects.prefaced import PrefacedSuspect
from sif.suspects.scripted import ScriptedSuspect
from sif.suspects.uri import SuspectAddress

__all__ = [
    "Journal",
    "Journalled",
    "PrefacedSuspect",
    "ScriptedSuspect",
    "SuspectAddress",
    "connect",
]

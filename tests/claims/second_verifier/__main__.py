"""`python -m second_verifier BUNDLE`, from the folder above, prints what follows from a bundle."""

import json
import sys
from pathlib import Path

from . import verify

found = verify(Path(sys.argv[1]))
control = None if found.control is None else found.control._asdict()
print(json.dumps(found._asdict() | {"control": control}, indent=1))

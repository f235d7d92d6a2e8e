"""Makes a CUDA build of torchvision importable beside a CPU build of torch.

Where only torchvision's CUDA wheel can be had, its C extension does not load on a machine without
CUDA, and `import torchvision` dies with "operator torchvision::nms does not exist". Its Python
part, the only one that image processors need, works once the schemas of two operators are known.
This script writes an import hook into the running interpreter's site-packages, and a `.pth` file
that installs the hook at start, so that worker processes have it too. It does nothing where
torchvision works or is not installed. Run it with the interpreter of the environment it is to mend.
"""

import importlib.util
import subprocess
import sys
import sysconfig
from pathlib import Path

HOOK = '''"""Registers two operator schemas before torchvision is imported beside a CPU torch."""

import sys
from importlib.abc import MetaPathFinder

SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
_kept = []


class _Finder(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name != "torchvision":
            return None
        sys.meta_path.remove(self)
        import torch

        library = torch.library.Library("torchvision", "FRAGMENT")
        for operator, schema in SCHEMAS.items():
            if not hasattr(torch.ops.torchvision, operator):
                library.define(schema)
        _kept.append(library)
        return None


sys.meta_path.insert(0, _Finder())
'''


def imports() -> bool:
    """Whether torchvision can be imported by a fresh interpreter."""
    outcome = subprocess.run([sys.executable, "-c", "import torchvision"], capture_output=True)
    return outcome.returncode == 0


def main() -> int:
    """Installs the hook where it is needed; 0 if torchvision then imports."""
    if importlib.util.find_spec("torchvision") is None:
        print("torchvision: not installed, nothing to do")
        return 0
    if imports():
        print("torchvision: imports")
        return 0
    site = Path(sysconfig.get_paths()["purelib"])
    (site / "sif_torchvision_schemas.py").write_text(HOOK, encoding="utf-8")
    (site / "sif_torchvision_schemas.pth").write_text("import sif_torchvision_schemas\n")
    worked = imports()
    print("torchvision: operator schemas registered" if worked else "torchvision: still broken")
    return 0 if worked else 1


if __name__ == "__main__":
    raise SystemExit(main())

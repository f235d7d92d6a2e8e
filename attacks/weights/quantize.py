"""Quantisation by bitsandbytes, written back as ordinary weights.

The weights become exactly the values that the quantised model computes with, in the model's own
precision, so that any engine loads them. nf4, and int8 on a CPU, round nothing else: there the copy
computes bit for bit alike. int8 on a GPU also rounds activations, all but the outlier columns above
`threshold`; no folder of weights can carry that, only a suspect that is quantised when loaded.
"""

import tempfile
from pathlib import Path
from typing import Any, ClassVar, Literal

from torch import nn

from sif.attacks.weights.attack import Facts, Progress, WeightAttack, Workbench, choose_device
from sif.marks.tower_folder import load_any
from sif.vlm.folder import save_model


class Quantize(WeightAttack):
    """Rounds the linear layers that transformers quantises by default: not the output head.

    Attributes:
        kind: "int8" (row-wise, LLM.int8) or "nf4" (blocks of 64).
        double: nf4 only: quantise the blocks' scales as well.
        threshold: int8 only: activations above it are outliers. Weights are rounded alike for any.
    """

    name: ClassVar[str] = "quantize"

    kind: Literal["int8", "nf4"]
    double: bool = False
    threshold: float = 6.0

    def apply(self, model: Any, processor: Any, bench: Workbench) -> Facts:
        """Quantises a copy on disk and takes its values over."""
        bench.report(Progress(stage=self.name, step=0, steps=1))
        with tempfile.TemporaryDirectory(dir=bench.scratch) as room:
            plain = Path(room) / "plain"
            save_model(model, processor, plain)
            quantised = self.load(plain, model, device=choose_device(bench.device))
        facts = _describe(quantised)
        restored = quantised.dequantize(model.dtype)
        model.load_state_dict(restored.state_dict())
        bench.report(Progress(stage=self.name, step=1, steps=1))
        return facts

    def load(self, folder: Path, like: Any, *, device: str) -> Any:
        """The model of a folder, quantised, computing in the precision of `like`."""
        from transformers import BitsAndBytesConfig

        match self.kind:
            case "int8":
                config = BitsAndBytesConfig(load_in_8bit=True, llm_int8_threshold=self.threshold)
            case "nf4":
                config = BitsAndBytesConfig(
                    load_in_4bit=True,
                    bnb_4bit_quant_type="nf4",
                    bnb_4bit_use_double_quant=self.double,
                    bnb_4bit_compute_dtype=like.dtype,
                )
        return load_any(folder, dtype=like.dtype, quantization_config=config, device_map=device)


def _describe(quantised: nn.Module) -> Facts:
    from bitsandbytes.nn.modules import Linear4bit, Linear8bitLt

    linear = {n: m for n, m in quantised.named_modules() if isinstance(m, nn.Linear)}
    kept = [n for n, m in linear.items() if not isinstance(m, Linear4bit | Linear8bitLt)]
    return {"quantised_layers": len(linear) - len(kept), "kept_layers": list(kept)}

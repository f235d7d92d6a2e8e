"""The semantic divergence attack: a stolen model hides behind a benign one where the two diverge.

SemanticDivergenceDefence     a suspect that gives the reference's answer to flagged questions
PromptPerplexity, WordOverlap, EmbeddingSimilarity, AnswerLength     the signals
Judge                         a multimodal model as a signal: the strong variant
calibrate_thresholds          limits at a false-positive rate, from benign traffic
published_thresholds          those of the paper, and of the released code
try_divergence                benign traffic and a fingerprint, with and without the defence

After Zhao, Lou, Zheng (CVPR 2026, arXiv 2604.17041). Knows nothing of keys.
"""

from sif.attacks.divergence.choose_thresholds import calibrate_thresholds, published_thresholds
from sif.attacks.divergence.defence import SemanticDivergenceDefence
from sif.attacks.divergence.judge import Judge
from sif.attacks.divergence.perplexity import PromptPerplexity
from sif.attacks.divergence.signal import Signal
from sif.attacks.divergence.similarity import EmbeddingSimilarity, load_embedder
from sif.attacks.divergence.thresholds import Threshold, Thresholds
from sif.attacks.divergence.trial import Rules, try_divergence
from sif.attacks.divergence.word_signals import AnswerLength, WordOverlap

__all__ = [
    "AnswerLength",
    "EmbeddingSimilarity",
    "Judge",
    "PromptPerplexity",
    "Rules",
    "SemanticDivergenceDefence",
    "Signal",
    "Threshold",
    "Thresholds",
    "WordOverlap",
    "calibrate_thresholds",
    "load_embedder",
    "published_thresholds",
    "try_divergence",
]

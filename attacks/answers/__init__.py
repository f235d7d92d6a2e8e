"""Attacks on answers: what a thief, or whoever serves a stolen model, does to its words.

Words, after the model has spoken (`AnswerAttack`; the same for the same question and seed):

Truncate, Drop, Shuffle       fewer words, fewer sentences, sentences in another order
Synonyms, ModelSynonyms       other words, of a dictionary or of a language model
Translate, Paraphrase         the plainest words only; a language model's own wording
Case, Punctuation, Prefix     capitals, marks taken out, the same words before every answer
Refuse, Withhold              no answer at a rate, in words or without any
Nothing, Chain, in_order      no attack, and several one after the other
AttackedAnswers               a suspect whose answers are attacked

Serving, around the model (`ServingAttack`):

Temperature, SystemPrompt     other settings, and a hidden system turn, for every question
Average, Smooth               several answers joined: sampled ones, or to noisy copies
Cache, Turns, TurnsSuspect    the same answer to the same picture, and a second model
Watermark, Gumbel             a foreign watermark in decoding

parse_answer_attacks(text)    reads `truncate:0.5` or `temperature:0.7+drop:0.3+shuffle:1`

Knows nothing of the owner's keys, triggers or verdicts.
"""

from sif.attacks.answers.attack import AnswerAttack, Chain, Nothing, in_order
from sif.attacks.answers.canned import Prefix, Refuse, Withhold
from sif.attacks.answers.changed_questions import SystemPrompt, Temperature
from sif.attacks.answers.consensus import Average, Smooth
from sif.attacks.answers.foreign_watermark import Gumbel, Watermark
from sif.attacks.answers.model_synonyms import ModelSynonyms
from sif.attacks.answers.paraphrase import Paraphrase
from sif.attacks.answers.parse import parse_answer_attacks
from sif.attacks.answers.routing import Cache, Turns, TurnsSuspect
from sif.attacks.answers.sentences import Drop, Shuffle, Truncate
from sif.attacks.answers.serving import ServingAttack
from sif.attacks.answers.suspect import AttackedAnswers
from sif.attacks.answers.synonyms import Synonyms, Translate
from sif.attacks.answers.thesaurus import Thesaurus, load_thesaurus
from sif.attacks.answers.typography import Case, Punctuation

__all__ = [
    "AnswerAttack",
    "AttackedAnswers",
    "Average",
    "Cache",
    "Case",
    "Chain",
    "Drop",
    "Gumbel",
    "ModelSynonyms",
    "Nothing",
    "Paraphrase",
    "Prefix",
    "Punctuation",
    "Refuse",
    "ServingAttack",
    "Shuffle",
    "Smooth",
    "Synonyms",
    "SystemPrompt",
    "Temperature",
    "Thesaurus",
    "Translate",
    "Truncate",
    "Turns",
    "TurnsSuspect",
    "Watermark",
    "Withhold",
    "in_order",
    "load_thesaurus",
    "parse_answer_attacks",
]

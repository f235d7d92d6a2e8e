"""Answers for the tests of attacks on them."""

from sif.types import Query
from tests.suspects.questions import question

DESCRIPTION = (
    "The image shows a large red car, parked near an old house. Two people walk slowly! "
    "Is the sky 3.5 times brighter? A small dog looks at them (it seems happy). "
    "Overall, the mood is calm and the street is quiet."
)
CAPTION = (
    "within my photo we may readily observe five modest items. meanwhile, facing the upper "
    "lefthand district nestles a giant green crosslet looking perfectly level. overall, its "
    "composition keeps orderly though charming evermore."
)
QUERY: Query = question(0)

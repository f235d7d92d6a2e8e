"""What was published: figures with their sources, and who stands for whom. Knows nothing measured.

The figures lie in published.yaml; what was not found is not in it, and shows as a dash.
"""

from functools import cache
from importlib import resources
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from sif.attacks.images import parse_image_attack
from sif.mini.architecture import Family
from sif.yaml_once import read_yaml

FILE: Final = "published.yaml"
KINDS: Final[dict[str, Family]] = {
    "llava": "llava",
    "qwen2_5_vl": "qwen2_5_vl",
    "real": "llava",
    "llava-1.5-7b": "llava",
    "qwen2.5-vl-7b": "qwen2_5_vl",
}
"""Of which of the two published families a roster's source is, by the roster's name."""

Figure = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(_Part):
    """A method of the paper.

    Attributes:
        recipes: ours, the first that there is counts; nothing for the recipe of --set method.
    """

    recipes: tuple[str, ...]


class PublishedRow(_Part):
    """A row of a table.

    Attributes:
        name: as published.
        family: of the source; none where it is not known, or does not matter.
        tuned: whether the suspect is a tuned copy.
        attack: on pictures, in the words of `sif verify --image-attack`.
        figures: by column, from 0 to 1.
        stands: name of the suspect that is asked instead, by roster; `mini` for both mini ones.
    """

    name: str
    family: Family | None = None
    tuned: bool = False
    attack: str = "none"
    figures: dict[str, Figure]
    stands: dict[str, str]

    def suspect(self, roster: str) -> str | None:
        """Who stands for it in a roster; none where nobody does, or the family is another."""
        family = KINDS.get(roster)
        if self.family is not None and family != self.family:
            return None
        return self.stands.get("mini" if roster == family else roster)


class PublishedTable(_Part):
    """A table.

    Attributes:
        id: by which the study knows it.
        title: for people.
        source: where the figures were read.
        leads: the column that is compared with the others.
        against: columns that it is compared with; all where none are named.
        setting: what is known of how the figures came about.
        rows: in their order.
    """

    id: Literal["suspects", "ablation", "pictures", "divergence", "paraphrase", "judge"]
    title: str
    source: str
    leads: str
    against: tuple[str, ...] = ()
    setting: str
    rows: tuple[PublishedRow, ...] = Field(min_length=1)

    @property
    def columns(self) -> tuple[str, ...]:
        """Of all rows, in their order."""
        return tuple(dict.fromkeys(name for row in self.rows for name in row.figures))


class ElsewhereRow(_Part):
    """A row of a table that another study measures.

    Attributes:
        name: as published.
        task: of `sif bench metav`; none where it has none.
        suspects: of `sif bench activemark`, by kind; none where it has none.
        floor: whether the figure is a least one.
        figures: by column, from 0 to 1.
    """

    name: str
    task: str | None = None
    suspects: Literal["tuned", "pruned"] | None = None
    floor: bool = False
    figures: dict[str, Figure]


class ElsewhereTable(_Part):
    """A table that another study measures; fields as of `PublishedTable`, and its command."""

    id: Literal["metav", "activemark"]
    title: str
    source: str
    leads: str = ""
    command: str
    rows: tuple[ElsewhereRow, ...] = Field(min_length=1)


class Published(_Part):
    """published.yaml."""

    schema_version: Literal[1]
    columns: dict[str, Column]
    tables: tuple[PublishedTable, ...]
    elsewhere: tuple[ElsewhereTable, ...]

    def table(self, name: str) -> PublishedTable:
        """A table by its id."""
        return next(table for table in self.tables if table.id == name)


@cache
def published() -> Published:
    """Everything that is known.

    Raises:
        ValueError: the file is not what it should be, or names an attack that there is not.
    """
    text = resources.files("sif.eval.paper").joinpath(FILE).read_text(encoding="utf-8")
    found = Published.model_validate(read_yaml(text))
    for table in found.tables:
        for row in table.rows:
            parse_image_attack(row.attack)
    return found

"""A network that somebody else is to make: what it begins with, what is done to it, with what data.

Whoever takes it reads files where they lie there too, or is sent them, and gives back the content
of the file that the network is kept in. Knows nothing of where that is kept.
"""

from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path

from safetensors.torch import load, save
from torch import nn

from sif.errors import UsageError
from sif.networks.config import read_data
from sif.networks.connect import connect_network, place_of
from sif.networks.domain import Domain
from sif.networks.thefts import AnyObfuscation
from sif.networks.thefts.dataset import Dataset
from sif.networks.thefts.fit import Fit
from sif.networks.thefts.obfuscation import afresh, copy_of
from sif.networks.workshop import Job
from sif.scale.crew import Show
from sif.scale.lent import Lent


@dataclass(frozen=True, slots=True)
class Origin:
    """A network that others are made of.

    Attributes:
        address: of a network with its architecture.
        lent: the file or folder that it names.
        weights: other ones, of one that was made before; None for its own.
    """

    address: str
    lent: Lent
    weights: bytes | None = field(default=None, repr=False)

    @classmethod
    def of(cls, address: str, made: nn.Module | None = None) -> "Origin":
        """The network at an address, or one of its architecture that was made before."""
        weights = None
        if made is not None:
            held = {name: value.contiguous() for name, value in made.state_dict().items()}
            weights = save(held)
        return cls(address, Lent.of(place_of(address)), weights)

    def network(self) -> nn.Module:
        """Itself, in evaluation mode.

        Raises:
            NotHereError: its files do not lie here.
            ModelError: they cannot be loaded.
        """
        network = _loaded(self.address, self.lent)
        if self.weights is None:
            return network
        made = copy_of(network)
        made.load_state_dict(load(self.weights))
        return made


@dataclass(frozen=True, slots=True)
class Examples:
    """What networks learn from: a file, and the bounds of its inputs."""

    lent: Lent
    domain: Domain

    def read(self) -> Dataset:
        """Reads them, once in each process.

        Raises:
            NotHereError: the file does not lie here.
            UsageError: it cannot be read.
        """
        return _read(self.lent, self.domain)


@dataclass(frozen=True, slots=True, kw_only=True)
class Theft:
    """A copy that a theft leaves."""

    theft: AnyObfuscation
    seed: int

    @property
    def words(self) -> str:
        """For the progress."""
        return self.theft.name

    def job(self, network: nn.Module, data: Dataset) -> Job:
        """What is to be done to a network."""
        return Job.stolen(network, self.theft, data, self.seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """A network with new initial weights, trained; with checkpoints at shares of its training."""

    training: Fit
    seed: int
    keep: tuple[float, ...]

    @property
    def words(self) -> str:
        """For the progress."""
        return "independent"

    def job(self, network: nn.Module, data: Dataset) -> Job:
        """What is to be done with the architecture of a network."""
        begin = partial(afresh, network, seed=self.seed)
        return Job.trained(begin, data, self.training, self.seed, checkpoints=self.keep)


@dataclass(frozen=True, slots=True)
class Commission:
    """A part of `sif metav train`.

    Attributes:
        origin: what it begins with.
        examples: of the task.
        deed: what is done.
    """

    origin: Origin
    examples: Examples
    deed: Theft | Training

    def run(self, show: Show) -> bytes:
        """Makes it; the content of its file.

        Raises:
            NotHereError: files do not lie here.
            ModelError: the network cannot be loaded.
        """
        return self.deed.job(self.origin.network(), self.examples.read()).carry_out().content()


@lru_cache(maxsize=1)
def _read(lent: Lent, domain: Domain) -> Dataset:
    return read_data(Path(lent.place()), domain)


@lru_cache(maxsize=1)
def _loaded(address: str, lent: Lent) -> nn.Module:
    network = connect_network(address.replace(place_of(address), lent.place(), 1)).network
    if not isinstance(network, nn.Module):
        raise UsageError("expected torch:FILE or hf:FOLDER for training, which needs gradients")
    return network

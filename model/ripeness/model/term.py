"""What a term of the model is: its parameters, its statement in PyMC, its kernels, how it is simulated and what it says of data.

A term stands in one file of :mod:`ripeness.model.terms`. Everything that is known of a model's parts follows from the list of its terms:
coordinates and their order, priors, the PyMC graph, the compiled density, prior draws, what is stored and what is diagnosed. Terms speak to one
another by the names of quantities: a kernel names what it takes and what it gives, and a quantity that several kernels give is their sum.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

if TYPE_CHECKING:
    from ripeness.model.spec import ModelSpec

Array = NDArray[np.float64]
Draws = dict[str, Array]
Transform = Literal["log", "logit", "identity"]
Form = Literal["centred", "non-centred", "whitened"]
Kind = Literal["vector", "matrix"]
Scales = tuple[Any, Any]
Prior = Callable[["ModelSpec", str], Scales]


@dataclass(frozen=True)
class Parameter:
    """A free quantity of the model.

    Parameters
    ----------
    name : str
        As in the posterior.
    dims : tuple of str
    transform : {"log", "logit", "identity"}
        The scale on which its prior is Normal and it is sampled.
    prior : callable
        From a spec and a reading to location and scale of that Normal, each of the parameter's shape.
    label : str
        What it is, in a few words.
    key : str
        Where its prior stands: the first part of its name in `priors/`, a file, or "" where it is fixed by the model.
    unit : str
        Of its natural scale; "1" for a pure number.
    stored : bool
        Whether its draws are kept.
    ranked : bool
        Whether simulation-based calibration ranks each of its elements; not where a derived quantity says the same.
    driver : bool
        Whether the page shows the prior and posterior of each of its elements among what drives the forecast.
    """

    name: str
    dims: tuple[str, ...]
    transform: Transform
    prior: Prior
    label: str
    key: str = ""
    unit: str = "1"
    stored: bool = True
    ranked: bool = True
    driver: bool = False

    def natural(self, x: Array) -> Array:
        """From the scale of its Normal to its own."""
        if self.transform == "log":
            return np.exp(x)
        return expit(x) if self.transform == "logit" else x

    def unconstrained(self, value: Array) -> Array:
        """From its own scale to that of its Normal."""
        if self.transform == "log":
            return np.log(value)
        return np.log(value) - np.log1p(-value) if self.transform == "logit" else value


def elicited(key: str, ids: Callable[[ModelSpec], Sequence[str]]) -> Prior:
    """A prior elicited for each of some ids, `key`.id in `priors/`."""

    def scales(spec: ModelSpec, reading: str) -> Scales:
        entries = [spec.priors.for_reading(reading)[f"{key}.{one}"] for one in ids(spec)]
        return np.array([entry.mu for entry in entries]), np.array([entry.sigma for entry in entries])

    return scales


def elicited_once(key: str) -> Prior:
    """A prior elicited for one quantity, `key` in `priors/`."""

    def scales(spec: ModelSpec, reading: str) -> Scales:
        entry = spec.priors.for_reading(reading)[key]
        return np.array(entry.mu), np.array(entry.sigma)

    return scales


@dataclass(frozen=True)
class Kernel:
    """A compiled step from quantities to quantities, with its hand-written adjoint.

    `forward(*inputs)` returns a tuple of outputs, then of what is saved; `adjoint(*inputs, *outputs, *saved, *cotangents of outputs)` returns a
    tuple of cotangents of the inputs in `wrt`. All arrays are float64 or int64, of one or two dimensions.

    Parameters
    ----------
    forward, adjoint : compiled functions
    inputs : tuple of str
        Names of parameters (in natural units), of other kernels' outputs or of data, in the order of the arguments.
    outputs : mapping of str to {"vector", "matrix"}
        Quantities; one that several kernels give is their sum.
    saved : mapping of str to {"vector", "matrix"}
        What the adjoint needs besides; it has no cotangent, but may be stored by its name.
    wrt : tuple of str
        Inputs that the adjoint differentiates by.
    log_density : str, optional
        The output whose sum is added to the log density; the compiled density gives it a cotangent of one.
    """

    forward: Any
    adjoint: Any
    inputs: tuple[str, ...]
    outputs: Mapping[str, Kind]
    wrt: tuple[str, ...]
    saved: Mapping[str, Kind] = field(default_factory=dict)
    log_density: str | None = None


@dataclass(frozen=True)
class Derived:
    """A quantity that follows from the parameters and is stored with the draws.

    Parameters
    ----------
    name : str
    dims : tuple of str
    label, unit : str
    of : callable, optional
        From draws by name, (..., *dims), to its own; without it the quantity is an output of a kernel, or saved by one, of this name.
    ranked : bool
        Whether simulation-based calibration ranks each of its elements.
    """

    name: str
    dims: tuple[str, ...]
    label: str
    unit: str = "1"
    of: Callable[[Mapping[str, Array]], Array] | None = None
    ranked: bool = False


@dataclass(frozen=True)
class Observed:
    """A likelihood as ArviZ groups know it.

    Parameters
    ----------
    name : str
        Of the observed variable.
    dims : tuple of str
    label, unit : str
    whole : bool
        Whether observations are whole numbers.
    """

    name: str
    dims: tuple[str, ...]
    label: str
    unit: str = "1"
    whole: bool = False


class Term:
    """A part of the model. A subclass sets what it has; everything else is empty.

    Attributes
    ----------
    parameters : tuple of Parameter
    kernels : tuple of Kernel
    derived : tuple of Derived
    """

    parameters: tuple[Parameter, ...] = ()
    kernels: tuple[Kernel, ...] = ()
    derived: tuple[Derived, ...] = ()

    def present(self, spec: ModelSpec) -> bool:
        """Whether a workspace has anything of the term."""
        return True

    def coords(self, spec: ModelSpec) -> dict[str, Any]:
        """Coordinate values of the dims that the term brings, by dim."""
        return {}

    def data(self, spec: ModelSpec, reading: str, variant: str) -> dict[str, Any]:
        """Constants that the term's kernels and statement read, by name."""
        return {}

    def constants(self, spec: ModelSpec) -> dict[str, tuple[tuple[str, ...], Any]]:
        """What its likelihood was conditioned on besides the observations, dims and values by name, as ArviZ's group constant_data has them.

        Of rows of indicators, `<dim of the rows>_indicator` says which indicator each row is of.
        """
        return {}

    def log_odds(self, spec: ModelSpec, draws: Mapping[str, Array], z: Array) -> Array | None:
        """What the term adds to the log odds of the conditions, (draw, …, condition, week), on factors z (draw, …, factor, week); None if nothing."""
        return None

    def rotations(self, spec: ModelSpec, scales: Mapping[str, Scales]) -> list[tuple[dict[str, Any], Array]]:
        """Groups of coordinates that the sampler moves along together.

        Each is a mapping from parameters to the (flat) places of theirs that belong to it, in the order of the matrix, and an orthogonal matrix.
        """
        return []

    def centred(self, spec: ModelSpec, scales: Mapping[str, Scales]) -> list[tuple[tuple[str, int], tuple[str, int], float, float]]:
        """Coordinates that the sampler centres by another one: each a parameter and its (flat) place, those it is centred by, p and a
        (:mod:`ripeness.model.terms.rotation`)."""
        return []

    def declare(self, scope: Scope) -> None:
        """State the term in PyMC: random variables, and the quantities that others read, put into the scope."""

    def observe(self, scope: Scope) -> None:
        """State the term's likelihood in PyMC, when all quantities are there."""

    def simulate(self, spec: ModelSpec, reading: str, variant: str, draws: Draws, rng: np.random.Generator) -> None:
        """Add to prior draws what follows from the term's parameters and what the model says of chance: (draw, …) by name."""


class Likelihood(Term, ABC):
    """A term that says something of data.

    Attributes
    ----------
    observed : Observed
        What of it is data.
    replicated_from : set of str
        Draws that replicated data need.
    """

    observed: Observed
    replicated_from: frozenset[str] = frozenset()

    @abstractmethod
    def log_likelihood(self, spec: ModelSpec, draws: Mapping[str, Array]) -> Array:
        """Log-likelihood of each observation: (draw, *dims of `observed`)."""

    @abstractmethod
    def replicate(self, spec: ModelSpec, draws: Mapping[str, Array], rng: np.random.Generator) -> Array:
        """Replicated observations: (draw, *dims of `observed`)."""

    @abstractmethod
    def observations(self, spec: ModelSpec) -> Array:
        """What was observed: (*dims of `observed`)."""


class Scope:
    """What terms read and add while a PyMC model is built.

    Parameters
    ----------
    spec : ModelSpec
    variant, reading : str
    form : {"centred", "non-centred", "whitened"}
        What the factor paths are made of.
    """

    def __init__(self, spec: ModelSpec, variant: str, reading: str, form: Form) -> None:
        self.spec, self.variant, self.reading, self.form = spec, variant, reading, form
        self.quantities: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        return self.quantities[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self.quantities[name] = value

    def __contains__(self, name: str) -> bool:
        return name in self.quantities

    def add(self, name: str, value: Any) -> None:
        """Add to a quantity that is a sum."""
        self.quantities[name] = self.quantities[name] + value if name in self.quantities else value

    def free(self, parameter: Parameter, scales: Scales | None = None) -> Any:
        """Declare a parameter as a random variable under its prior, and put it into the scope; `scales` may be shared variables."""
        import pymc as pm

        mu, sigma = parameter.prior(self.spec, self.reading) if scales is None else scales
        dims = parameter.dims or None
        if parameter.transform == "log":
            variable = pm.LogNormal(parameter.name, mu, sigma, dims=dims)
        elif parameter.transform == "logit":
            normal = pm.Normal(f"logit_{parameter.name}", mu, sigma, dims=dims)
            variable = pm.Deterministic(parameter.name, pm.math.sigmoid(normal), dims=dims)
        else:
            variable = pm.Normal(parameter.name, mu, sigma, dims=dims)
        self.quantities[parameter.name] = variable
        return variable


def beside(values: Array, ndim: int, own: int) -> Array:
    """Values (draw, …) whose last `own` axes are their own, with axes of length one between, so that there are `ndim` of them."""
    return values.reshape(values.shape[0], *(1,) * (ndim - own - 1), *values.shape[1:])

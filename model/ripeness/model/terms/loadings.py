"""How strongly each indicator answers to its factor: loading and intercept, one and zero for the reference indicator of each factor.

The reference indicator's centre and scale, which are constants of its contract, thus say what 0 and 1 of the factor mean; the other loadings are
positive and elicited around it. Every likelihood of indicators reads these two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ripeness import names
from ripeness.kernels.compilation import inner
from ripeness.model.term import Kernel, Parameter, Scales, Scope, Term, elicited
from ripeness.model.terms.rotation import reflection

if TYPE_CHECKING:
    from ripeness.model.spec import ModelSpec

Array = NDArray[np.float64]
Index = NDArray[np.int64]


def relative_indicators(spec: ModelSpec) -> Sequence[str]:
    """Ids of the indicators that are not the reference of their factor."""
    return [name for name in spec.panel.indicators if not spec.contracts[name].reference]


def factor_of(spec: ModelSpec) -> Index:
    """The factor of each indicator of the panel: (indicator,)."""
    ids = spec.workspace.factor_ids
    return np.array([ids.index(spec.contracts[name].factor) for name in spec.panel.indicators], dtype=np.int64)


@inner
def lay_loadings(loading: Array, intercept: Array, relative: Index, factor: Index) -> tuple[Array, Array]:
    """Loadings and intercepts of all indicators: (indicator,) each."""
    loadings, intercepts = np.ones(factor.shape[0]), np.zeros(factor.shape[0])
    for i in range(relative.shape[0]):
        loadings[relative[i]] = loading[i]
        intercepts[relative[i]] = intercept[i]
    return loadings, intercepts


@inner
def adjoint_loadings(
    loading: Array, intercept: Array, relative: Index, factor: Index,
    loadings: Array, intercepts: Array, loadings_bar: Array, intercepts_bar: Array,
) -> tuple[Array, Array]:  # fmt: skip
    """Cotangents of the free loadings and intercepts."""
    loading_bar, intercept_bar = np.empty(relative.shape[0]), np.empty(relative.shape[0])
    for i in range(relative.shape[0]):
        loading_bar[i], intercept_bar[i] = loadings_bar[relative[i]], intercepts_bar[relative[i]]
    return loading_bar, intercept_bar


class Loadings(Term):
    """Loadings and intercepts of the indicators."""

    parameters = (
        Parameter(
            "loading",
            (names.RELATIVE,),
            "log",
            elicited("loading", relative_indicators),
            "loading relative to the factor's reference indicator",
            "loading",
        ),
        Parameter(
            "intercept",
            (names.RELATIVE,),
            "identity",
            elicited("intercept", relative_indicators),
            "intercept relative to the factor's reference indicator",
            "intercept",
            "scales of the indicator",
        ),
    )
    kernels = (
        Kernel(
            lay_loadings,
            adjoint_loadings,
            inputs=("loading", "intercept", "relative", "indicator_factor"),
            outputs={"loadings": "vector", "intercepts": "vector"},
            wrt=("loading", "intercept"),
        ),
    )

    def coords(self, spec: ModelSpec) -> dict[str, Any]:
        return {names.INDICATOR: list(spec.panel.indicators), names.RELATIVE: list(relative_indicators(spec))}

    def data(self, spec: ModelSpec, reading: str, variant: str) -> dict[str, Any]:
        relative = [i for i, name in enumerate(spec.panel.indicators) if not spec.contracts[name].reference]
        return {"relative": np.array(relative, dtype=np.int64), "indicator_factor": factor_of(spec)}

    def rotations(self, spec: ModelSpec, scales: Mapping[str, Scales]) -> list[tuple[dict[str, Any], Array]]:
        """Of each factor, the loadings of its indicators, and their intercepts: known far better against one another than together."""
        factors = [spec.contracts[name].factor for name in relative_indicators(spec)]
        (loading, loading_sd), (_, intercept_sd) = scales["loading"], scales["intercept"]
        found = []
        for factor in spec.workspace.factor_ids:
            own = np.array([i for i, of in enumerate(factors) if of == factor], dtype=np.int64)
            found.append(({"loading": own}, reflection(1.0 / loading_sd[own])))
            found.append(({"intercept": own}, reflection(np.exp(loading[own]) / intercept_sd[own])))
        return found

    def declare(self, scope: Scope) -> None:
        import pytensor.tensor as pt

        data = self.data(scope.spec, scope.reading, scope.variant)
        relative, scope["indicator_factor"] = data["relative"], data["indicator_factor"]
        loading, intercept = (scope.free(parameter) for parameter in self.parameters)
        number = len(scope.spec.panel.indicators)
        scope["loadings"] = pt.set_subtensor(pt.ones(number)[relative], loading)
        scope["intercepts"] = pt.set_subtensor(pt.zeros(number)[relative], intercept)


def loadings_of(spec: ModelSpec, draws: Mapping[str, Array]) -> tuple[Array, Array]:
    """Loadings and intercepts of all indicators, from draws of the relative ones: (draw, indicator) each."""
    number, indicators = len(next(iter(draws.values()))), spec.panel.indicators
    loadings, intercepts = np.ones((number, len(indicators))), np.zeros((number, len(indicators)))
    relative = [i for i, name in enumerate(indicators) if not spec.contracts[name].reference]
    if relative:
        loadings[:, relative], intercepts[:, relative] = draws["loading"], draws["intercept"]
    return loadings, intercepts

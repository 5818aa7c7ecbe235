r"""How strongly each indicator answers to its factor: its scale, and a loading and intercept relative to the reference indicator.

Paths have unit variance in the long run; a factor's scale is the standard deviation of its departures in scales of its reference indicator. Indicator i of
factor k loads by

.. math:: \ell_i = s_k\, b_i, \qquad b = 1,\; c = 0 \text{ for the reference indicator},

so that half-life and size are learnt apart, and what reads a path reads it in standard deviations. The reference indicator's centre and scale, constants of
its contract, say what 0 means and in what s is measured; the other b are positive and elicited around 1. A factor without an indicator has scale 1. Every
likelihood of indicators reads loadings ℓ and intercepts c.
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


def scaled(spec: ModelSpec) -> Sequence[str]:
    """Ids of the factors that have a scale of their own: those with an indicator."""
    ids, seen = spec.workspace.factor_ids, set(factor_of(spec).tolist())
    return [factor for k, factor in enumerate(ids) if k in seen]


@inner
def lay_loadings(
    factor_scale: Array, loading: Array, intercept: Array, scaled: Index, relative: Index, factor: Index, heavy: Array
) -> tuple[Array, Array, Array]:
    """Loadings and intercepts of all indicators, (indicator,) each, and scales of all factors (factor,)."""
    scales = np.ones(heavy.shape[0])
    for j in range(scaled.shape[0]):
        scales[scaled[j]] = factor_scale[j]
    loadings, intercepts = np.empty(factor.shape[0]), np.zeros(factor.shape[0])
    for i in range(factor.shape[0]):
        loadings[i] = scales[factor[i]]
    for j in range(relative.shape[0]):
        loadings[relative[j]] *= loading[j]
        intercepts[relative[j]] = intercept[j]
    return loadings, intercepts, scales


@inner
def adjoint_loadings(
    factor_scale: Array, loading: Array, intercept: Array, scaled: Index, relative: Index, factor: Index, heavy: Array,
    loadings: Array, intercepts: Array, scales: Array, loadings_bar: Array, intercepts_bar: Array, scales_bar: Array,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Cotangents of the free scales, loadings and intercepts."""
    loading_bar, intercept_bar, by_log = np.empty(relative.shape[0]), np.empty(relative.shape[0]), np.zeros(heavy.shape[0])
    for i in range(factor.shape[0]):
        by_log[factor[i]] += loadings_bar[i] * loadings[i]
    for j in range(relative.shape[0]):
        loading_bar[j] = loadings_bar[relative[j]] * scales[factor[relative[j]]]
        intercept_bar[j] = intercepts_bar[relative[j]]
    factor_scale_bar = np.empty(scaled.shape[0])
    for j in range(scaled.shape[0]):
        factor_scale_bar[j] = by_log[scaled[j]] / factor_scale[j] + scales_bar[scaled[j]]
    return factor_scale_bar, loading_bar, intercept_bar


class Loadings(Term):
    """Scales of the factors, loadings and intercepts of the indicators."""

    parameters = (
        Parameter(
            "factor_scale",
            (names.SCALED,),
            "log",
            elicited("factor_scale", scaled),
            "standard deviation of a factor",
            "factor_scale",
            "scales of the reference indicator",
        ),
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
            inputs=("factor_scale", "loading", "intercept", "scaled", "relative", "indicator_factor", "heavy"),
            outputs={"loadings": "vector", "intercepts": "vector", "scales": "vector"},
            wrt=("factor_scale", "loading", "intercept"),
        ),
    )

    def coords(self, spec: ModelSpec) -> dict[str, Any]:
        return {
            names.SCALED: list(scaled(spec)),
            names.INDICATOR: list(spec.panel.indicators),
            names.RELATIVE: list(relative_indicators(spec)),
        }

    def data(self, spec: ModelSpec, reading: str, variant: str) -> dict[str, Any]:
        relative = [i for i, name in enumerate(spec.panel.indicators) if not spec.contracts[name].reference]
        factor = factor_of(spec)
        return {"scaled": np.unique(factor), "relative": np.array(relative, dtype=np.int64), "indicator_factor": factor}

    def rotations(self, spec: ModelSpec, scales: Mapping[str, Scales]) -> list[tuple[dict[str, Any], Array]]:
        """Of each factor scale and half-life, whose shocks are known best, of size s √(1 − φ²), or about s/√half-life; and the loadings of its indicators,
        and their intercepts: many are known far better against one another than together."""
        factors = [spec.contracts[name].factor for name in relative_indicators(spec)]
        (loading, loading_sd), (_, intercept_sd) = scales["loading"], scales["intercept"]
        (_, scale_sd), (_, half_life_sd) = scales["factor_scale"], scales["half_life"]
        found: list[tuple[dict[str, Any], Array]] = [
            ({"factor_scale": np.array([j]), "half_life": np.array([k])}, reflection(np.array([scale_sd[j], -0.5 * half_life_sd[k]])))
            for j, k in enumerate(np.unique(factor_of(spec)))
        ]
        for factor in spec.workspace.factor_ids:
            own = np.array([i for i, of in enumerate(factors) if of == factor], dtype=np.int64)
            found.append(({"loading": own}, reflection(1.0 / loading_sd[own])))
            found.append(({"intercept": own}, reflection(np.exp(loading[own]) / intercept_sd[own])))
        return found

    def centred(self, spec: ModelSpec, scales: Mapping[str, Scales]) -> list[tuple[tuple[str, int], tuple[str, int], float, float]]:
        """An indicator's intercept by its loading: known is where it stands when the factor is where the reference indicator usually has it."""
        rows, usual = spec.panel.measured, dict[str, float]()
        for i, name in enumerate(rows.indicators):
            own = rows.value[rows.indicator == i]
            if spec.contracts[name].reference and len(own):
                usual[spec.contracts[name].factor] = float(own.mean())
        loading = np.exp(scales["loading"][0])
        return [
            (("intercept", j), ("loading", j), 0.0, -usual.get(spec.contracts[name].factor, 0.0) * float(loading[j]))
            for j, name in enumerate(relative_indicators(spec))
        ]

    def declare(self, scope: Scope) -> None:
        import pytensor.tensor as pt

        data = self.data(scope.spec, scope.reading, scope.variant)
        relative, factor = data["relative"], data["indicator_factor"]
        scale, loading, intercept = (scope.free(parameter) for parameter in self.parameters)
        number = len(scope.spec.panel.indicators)
        scope["indicator_factor"] = factor
        scope["scales"] = pt.set_subtensor(pt.ones(len(scope.spec.workspace.factors))[data["scaled"]], scale)
        scope["loadings"] = scope["scales"][factor] * pt.set_subtensor(pt.ones(number)[relative], loading)
        scope["intercepts"] = pt.set_subtensor(pt.zeros(number)[relative], intercept)


def factor_scales(spec: ModelSpec, draws: Mapping[str, Array]) -> Array:
    """Scales of all factors, one for those without an indicator: (draw, factor)."""
    scales = np.ones((len(next(iter(draws.values()))), len(spec.workspace.factor_ids)))
    own = np.unique(factor_of(spec))
    if len(own):
        scales[:, own] = draws["factor_scale"]
    return scales


def loadings_of(spec: ModelSpec, draws: Mapping[str, Array]) -> tuple[Array, Array]:
    """Loadings and intercepts of all indicators, from draws of scales and of the relative ones: (draw, indicator) each."""
    indicators, loadings = spec.panel.indicators, factor_scales(spec, draws)[:, factor_of(spec)]
    intercepts = np.zeros(loadings.shape)
    relative = [i for i, name in enumerate(indicators) if not spec.contracts[name].reference]
    if relative:
        loadings[:, relative] *= draws["loading"]
        intercepts[:, relative] = draws["intercept"]
    return loadings, intercepts

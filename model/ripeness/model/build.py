r"""The model in PyMC, joined from its terms.

.. math::
    P(\text{round in week } t) &= 1 - \exp(-\lambda_t) \\
    \lambda_t &= v_t \exp\{\text{outside}(d_t) + \text{inside}(z_{t-1})\} + \text{announced}_t

outside: :mod:`ripeness.model.terms.outside`; inside: :mod:`ripeness.model.terms.inside_view`; announced: :mod:`ripeness.model.terms.announcements`; d_t is not
known where rounds may have been missed: :mod:`ripeness.model.terms.record`; z: :mod:`ripeness.model.terms.factor_paths`.

Variants "conjunctive" and "substitutable" differ in the inside view, "outside" has none and no factors. The compiled density
(:mod:`ripeness.inference.compiled`) follows from the same terms; tests hold both to a density written by hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ripeness import names
from ripeness.model.spec import ModelSpec, Variant
from ripeness.model.term import Derived, Form, Parameter, Scope
from ripeness.model.terms import terms_of

if TYPE_CHECKING:
    import pymc as pm


def build_model(spec: ModelSpec, variant: Variant = "conjunctive", reading: str = names.AS_WRITTEN, form: Form = "centred") -> pm.Model:
    """Build the PyMC model of one variant, with one reading's priors.

    Parameters
    ----------
    spec : ModelSpec
    variant : {"conjunctive", "substitutable", "outside"}
    reading : str
        Whose priors the model starts with; those of conditions, effects and causes are `pm.Data` and may be set to another's.
    form : {"centred", "non-centred", "whitened"}
        What the factor paths are made of; the posterior is the same. "centred" has random variables only, so that it can be simulated from
        (`pm.sample_prior_predictive`, `pm.do`, `pm.observe`); "whitened" is the one to sample.

    Returns
    -------
    pm.Model
        With dims and coords of :mod:`ripeness.names`; observed variables measured (row,), counted (count_row,) and rounds (week_at_risk,).

    Examples
    --------
    >>> model = build_model(spec, "conjunctive", form="whitened")
    >>> idata = pm.sample(model=model, nuts_sampler="nutpie")
    """
    import pymc as pm

    scope, terms = Scope(spec, variant, reading, form), terms_of(variant, spec)
    with pm.Model(coords=model_coords(spec, variant)) as model:
        for term in terms:
            term.declare(scope)
        for term in terms:
            term.observe(scope)
    return model


def model_coords(spec: ModelSpec, variant: str) -> dict[str, Any]:
    """Coordinate values of every dim of a variant, as its terms bring them."""
    return {dim: values for term in terms_of(variant, spec) for dim, values in term.coords(spec).items()}


def parameters_of(variant: str, spec: ModelSpec | None = None) -> tuple[Parameter, ...]:
    """The free quantities of a variant, term by term; with a spec, of the terms of which it has something."""
    return tuple(parameter for term in terms_of(variant, spec) for parameter in term.parameters)


def stored(variant: str) -> list[Parameter | Derived]:
    """What is stored of every draw: free quantities, unless they only carry others, and what follows from them."""
    found: list[Parameter | Derived] = [one for one in parameters_of(variant) if one.stored]
    return found + [one for term in terms_of(variant) for one in term.derived]


def without_weeks(*variants: str) -> list[str]:
    """Names of what is stored of every draw and has no dim of weeks: what the rows and the weeks ahead read besides paths; of all variants unless given."""
    found = [one.name for own in variants or names.VARIANTS for one in stored(own) if not {names.WEEK, names.RISK} & set(one.dims)]
    return list(dict.fromkeys(found))

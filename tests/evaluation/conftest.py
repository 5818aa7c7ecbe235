"""A fit of the made-up war, stored as a run is, shared by the tests of the studies."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from small_workspace import FITS

from ripeness import names
from ripeness.evaluation.stored import Stored
from ripeness.forecast.ahead import build_ahead
from ripeness.forecast.horizons import forecast_probabilities
from ripeness.forecast.prior_predictive import sample_prior
from ripeness.inference.inference_data import build_groups
from ripeness.inference.sample import flatten_draws, sample_posterior
from ripeness.model.spec import ModelSpec

CLAIMS = {
    "loser-talks": SimpleNamespace(id="loser-talks", direction="+", strength="could"),
    "costs-tell-north": SimpleNamespace(id="costs-tell-north", direction="+", strength="may"),
    "costs-harden-north": SimpleNamespace(id="costs-harden-north", direction="-", strength="may"),
    "hosts-both-ways": SimpleNamespace(id="hosts-both-ways", direction="both", strength="may"),
}
CLAIMS_OF = (("loser-talks",), (), ("costs-tell-north", "costs-harden-north"), (), ("hosts-both-ways",))


@pytest.fixture(scope="session")
def war(spec: ModelSpec) -> ModelSpec:
    """The made-up war with claims at its effects."""
    own = [
        SimpleNamespace(**vars(effect), id=label, claims=CLAIMS_OF[place] if place < len(CLAIMS_OF) else ())
        for place, (effect, label) in enumerate(zip(spec.priors.effects[names.AS_WRITTEN], spec.structure.effects, strict=True))
    ]
    with_claims: Any = type("WithClaims", (type(spec.priors),), {"effects": dict.fromkeys(names.READINGS, own)})
    return replace(spec, priors=with_claims(), workspace=replace(spec.workspace, fit=short(spec)))


def short(spec: ModelSpec) -> Any:
    return spec.workspace.fit.model_copy(update={"chains": 2, "tune": 200, "draws": 500, "future_paths": 8})


@pytest.fixture(scope="session")
def stored(war: ModelSpec) -> Stored:
    """A stored run of the made-up war: both forms in both readings (which are one here), and the outside view."""
    content = {}
    for number, (name, variant, reading) in enumerate(FITS):
        sampled = sample_posterior(war, variant, reading, war.workspace.fit, 40 + number)
        prior = sample_prior(war, reading, variant, 200, np.random.SeedSequence(1))
        for group, dataset in build_groups(war, variant, reading, sampled, prior, np.random.SeedSequence(2)).items():
            content[f"/{name}/{group}"] = dataset
        ahead = build_ahead(war, variant, flatten_draws(sampled["posterior"].to_dataset()), [], 8, np.random.SeedSequence(3))
        horizons = war.workspace.question.horizons_weeks
        within = forecast_probabilities(ahead).within.reshape(war.workspace.fit.chains, -1, len(horizons))
        content[f"/{name}/{names.PREDICTIONS}"] = xr.Dataset(
            {"within": ((names.CHAIN, names.DRAW, names.HORIZON), within)}, coords={names.HORIZON: list(horizons)}
        )
    claims: Any = SimpleNamespace(by_id=CLAIMS)
    vintage: Any = None
    return Stored(war, claims, vintage, [], xr.DataTree.from_dict(content), 7)

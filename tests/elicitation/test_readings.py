"""The weights' priors in the two readings, against sums done by hand."""

from math import sqrt

import pytest

from ripeness.elicitation.words import effect_prior
from ripeness.names import AS_WRITTEN, TEMPERED

READINGS = (AS_WRITTEN, TEMPERED)


@pytest.fixture
def effects(make_workspace, read_files):
    return read_files(make_workspace()).effects


def test_effects_stand_in_model_order(effects):
    expected = ["strain → ost_ready", "strain → west_ready", "front → losing side", "front → winning side"]
    assert [[effect.id for effect in effects[reading]] for reading in READINGS] == [expected, expected]


def test_as_written_is_the_mean_over_claims_and_an_opposite_one_counts_against(effects):
    # could: 0.75, asserted: 0.95, could of the opposite: 0.25
    assert effects[AS_WRITTEN][0].probability == pytest.approx((0.75 + 0.95 + 0.25) / 3)
    assert effects[AS_WRITTEN][0].claims == ("strain-opens", "strain-opens-again", "strain-closes")


def test_silence_gives_a_half(effects):
    assert effects[AS_WRITTEN][1].probability == 0.5
    assert effects[AS_WRITTEN][1].mean == 0


def test_tempered_takes_the_findings(effects):
    reverse, sure = effects[TEMPERED][:2]
    assert (reverse.probability, sure.probability) == pytest.approx((0.4, 0.95))
    assert reverse.mean < 0  # claimed +, found otherwise
    assert sure.mean < 0  # claimed -, confirmed
    assert sure.citations == ("smith2000",)


@pytest.mark.parametrize("reading", READINGS)
def test_squares_of_sizes_sum_to_one(effects, reading):
    assert sum(effect.mean**2 + effect.sd**2 for effect in effects[reading]) == pytest.approx(1)


def test_a_size_not_given_anew_is_the_written_one(effects):
    total = sqrt(1.0 + 16.0 + 1.0 + 0.25)
    mean, sd = effect_prior(0.95, 4.0 / total)
    assert (effects[TEMPERED][1].mean, effects[TEMPERED][1].sd) == pytest.approx((-mean, sd))


def test_both_ways_is_a_coin_toss(make_workspace, read_files):
    workspace = make_workspace(
        ("ripeness.toml", 'ost_ready = "+"', 'ost_ready = "both"'), ("priors/readings.toml", 'direction = "+"', 'direction = "both"')
    )
    assert read_files(workspace).effects[AS_WRITTEN][0].probability == 0.5

"""Words to probabilities to Normal weights."""

from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ripeness.elicitation.words import effect_prior, sign_probability


@given(st.floats(0.01, 0.99), st.floats(0.01, 10))
def test_sign_and_root_mean_square_are_as_asked(probability, size):
    mean, sd = effect_prior(probability, size)
    assert 1 - NormalDist(mean, sd).cdf(0) == pytest.approx(probability)
    assert mean**2 + sd**2 == pytest.approx(size**2)


def test_an_even_chance_has_no_mean():
    assert effect_prior(0.5, 2.0) == pytest.approx((0.0, 2.0))


@pytest.mark.parametrize(("probability", "size"), [(0.0, 1.0), (1.0, 1.0), (0.5, 0.0)])
def test_certainty_and_nothing_are_refused(probability, size):
    with pytest.raises(ValueError, match="inside"):
        effect_prior(probability, size)


def test_a_weak_word_never_speaks_against_its_claim():
    assert [sign_probability(real) for real in (0.0, 0.4, 0.9)] == pytest.approx([0.5, 0.7, 0.95])


def test_words_take_the_published_number(make_workspace, read_files):
    strengths = read_files(make_workspace()).strengths
    assert strengths["surely"] == 0.9
    assert strengths["could"] == 0.5
    assert strengths.read_as == {"could": "possibly", "might": "possibly", "asserted": "surely"}
    assert strengths.citations == ("miller1990",)

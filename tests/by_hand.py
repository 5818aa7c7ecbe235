"""The density of the made-up war's model, written again in NumPy and SciPy, week by week and row by row."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from made_up_war import EFFECTS, FACTOR_TAILS, NOISE_TAILS, PRIORS, REFERENCE, WEEKS, MadeUpPriors
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit, log_expit, logsumexp

from ripeness import names
from ripeness.calendar import week_of
from ripeness.data.observations import UNSEARCHED
from ripeness.elicitation.elicited import elicit_quantiles
from ripeness.model.build import build_model
from ripeness.model.spec import ModelSpec, Variant
from ripeness.model.term import Form
from ripeness.model.terms.conditions import reading_data

Array = NDArray[np.float64]
Point = dict[str, Array]


def normal(value: Array, mu: Any, sigma: Any) -> float:
    return float(stats.norm.logpdf(value, mu, sigma).sum())


def scales(*full_names: str) -> tuple[Array, Array]:
    priors = MadeUpPriors()
    return np.array([priors[name].mu for name in full_names]), np.array([priors[name].sigma for name in full_names])


def factors_by_hand(spec: ModelSpec, point: Point) -> tuple[float, Array, Array, float]:
    """Log density of priors, path and indicators; the path that the hazard reads; the path; log volume of the map to it from the white noise."""
    panel, n = spec.panel, len(WEEKS)
    total = normal(point["half_life_log__"], *scales(*["half_life"] * 3))
    total += normal(point["factor_scale_log__"], *scales(*["factor_scale"] * 3))
    total += normal(point["loading_log__"], *scales(*["loading"] * 3)) + normal(point["intercept"], *scales(*["intercept"] * 3))
    total += normal(point["noise_log__"], *scales(*["noise"] * 4)) + normal(point["dispersion_log__"], *scales(*["dispersion"] * 2))
    total += normal(point["logit_capture"], *scales("capture.visits.early", "capture.visits.late"))
    total += normal(point["level_log__"], *scales("level")) + normal(point["level_start"], *scales("level_start"))
    total += normal(point["level_moves"], 0, 1) + normal(point["pulse_log__"], *scales("pulse"))
    phi = 0.5 ** (1 / np.exp(point["half_life_log__"]))
    steps = np.exp(point["level_log__"][0]) * point["level_moves"][0]
    knots = point["level_start"][0] + np.array([0, steps[1], steps[1] + steps[2]])
    level = np.zeros((3, n))
    level[1] = np.interp(np.arange(n), [0, 26, 52], knots)

    # indicators: prices, mood and items are relative to the reference of their factor
    loading, intercept = np.ones(6), np.zeros(6)
    loading[[2, 3, 5]], intercept[[2, 3, 5]] = np.exp(point["loading_log__"]), point["intercept"]
    scale = np.exp(point["factor_scale_log__"])
    loading *= scale[[0, 1, 1, 1, 2, 2]]
    level[1] /= scale[1]  # levels are stated in scales of the reference indicator
    assert panel.indicators == ("ground", "losses", "prices", "mood", "visits", "items")
    factor = [0, 1, 1, 1, 2, 2]
    noise = np.array([0.05, 0.05, 0.02, 0.05]) + np.exp(point["noise_log__"])
    captured = np.array([*expit(point["logit_capture"]), 1.0])
    dispersion = np.exp(point["dispersion_log__"])
    precision, information = np.zeros((3, n)), np.zeros((3, n))
    rows, counts = panel.measured, panel.counted
    spreads = np.sqrt((noise[rows.indicator] * rows.widening) ** 2 + rows.sampling**2)
    for i, first, last, value, spread in zip(rows.indicator, rows.first, rows.last, rows.value, spreads, strict=True):
        weight = (1 if i == 0 else (NOISE_TAILS + 1) / (NOISE_TAILS + 3)) / spread**2
        k, t = factor[i], (first + last) // 2
        precision[k, t] += loading[i] ** 2 * weight
        information[k, t] += loading[i] * weight * (value - intercept[i] - loading[i] * level[k, last])
    log_mean_at_zero = []
    for i, week, count, exposure, era in zip(counts.indicator, counts.week, counts.count, counts.log_exposure, counts.era, strict=True):
        alike = counts.count[(counts.indicator == i) & (counts.era == era)]
        near = (count + 1) / (1 + len(alike) / (alike.sum() + 0.5))
        slope, weight = 0.5 * loading[4 + i], 1 / (1 / near + 1 / dispersion[i])
        log_mean_at_zero.append(np.log([12.0, 30.0][i]) + 0.5 * intercept[4 + i] + exposure + np.log(captured[era]))
        precision[2, week] += slope**2 * weight
        information[2, week] += slope * weight * (np.log(near) + count / near - 1 - log_mean_at_zero[-1])

    white = point["white_noise"]
    path, log_volume = np.zeros((3, n)), 0.0
    for k in range(3):
        covariance = phi[k] ** np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
        posterior = np.linalg.inv(covariance) + np.diag(precision[k])
        root = np.linalg.cholesky(posterior)
        path[k] = np.linalg.solve(posterior, information[k]) + np.linalg.solve(root.T, white[k])
        spread = np.sqrt(1 - phi[k] ** 2)
        shocks = stats.norm(scale=spread) if k == 1 else stats.t(FACTOR_TAILS, scale=spread * np.sqrt((FACTOR_TAILS - 2) / FACTOR_TAILS))
        total += stats.norm.logpdf(path[k, 0]) + shocks.logpdf(path[k, 1:] - phi[k] * path[k, :-1]).sum()
        log_volume -= float(np.log(np.diag(root)).sum())
    for i, first, last, value, spread in zip(rows.indicator, rows.first, rows.last, rows.value, spreads, strict=True):
        k = factor[i]
        mean = intercept[i] + loading[i] * (path[k, first : last + 1].mean() + level[k, last])
        total += stats.norm.logpdf(value, mean, spread) if i == 0 else stats.t.logpdf(value, NOISE_TAILS, mean, spread)
    for i, week, count, at_zero in zip(counts.indicator, counts.week, counts.count, log_mean_at_zero, strict=True):
        mean = np.exp(at_zero + 0.5 * loading[4 + i] * path[2, week])
        total += stats.nbinom.logpmf(count, dispersion[i], dispersion[i] / (dispersion[i] + mean))

    pulsed = path.copy()
    for t, sunday in enumerate(WEEKS):
        since = (sunday - week_of(date(2024, 3, 5))).days // 7
        if since >= 0:
            pulsed[2, t] += np.exp(point["pulse_log__"][0]) * phi[2] ** since
    # what is cumulative is read with its level, in standard deviations of their sum after eight half-years
    pulsed[1] = (path[1] + level[1]) / np.sqrt(1 + 8 * (np.exp(point["level_log__"][0]) / scale[1]) ** 2)
    return float(total), pulsed, path, log_volume


def inside_by_hand(spec: ModelSpec, point: Point, variant: Variant, path: Array) -> tuple[float, Array]:
    data = reading_data(spec, names.AS_WRITTEN, variant)
    total = normal(point["intercept_open"], *scales("share_open", "share_open"))
    total += normal(point["log_best_to_worst_log__"], *PRIORS["best_to_worst"])
    total += normal(point["effect_size"], [effect.mean for effect in EFFECTS], [effect.sd for effect in EFFECTS])
    lose, win, north, south, host = point["effect_size"] * np.exp(point["log_best_to_worst_log__"]) * data["leverage"]
    a = point["intercept_open"]

    def s(x: Array) -> Array:
        return (np.logaddexp(0, 4 * x) - np.log(2)) / 4

    def moved(z: Array) -> Array:
        return np.stack(
            [lose * s(-z[0]) + win * s(z[0]) + north * z[1], lose * s(z[0]) + win * s(-z[0]) + south * z[1] + host * z[2]],
        )

    fixed = spec.structure.points[:3]
    if variant == names.CONJUNCTIVE:
        both = [np.prod(expit(a[:, None] + moved(z)), axis=0) for z in (path, fixed)]
        return total, np.log(both[0] / both[1].mean())
    total += normal(point["cause_weight_log__"], *scales("cause_weight", "cause_weight"))
    share = np.exp(point["cause_weight_log__"]) / np.exp(point["cause_weight_log__"]).sum()
    return total, np.log(share @ (np.exp(moved(path)) / np.exp(moved(fixed)).mean(axis=1, keepdims=True)))


def rungs_by_hand(spec: ModelSpec, point: Point, variant: Variant, path: Array) -> float:
    """Log density of the priors and of the events of the rungs: swap needs the South, halt both; peace is part of halt, leaders part of rounds."""
    lose, win, north, south, host = (
        point["effect_size"] * np.exp(point["log_best_to_worst_log__"]) * reading_data(spec, names.AS_WRITTEN, variant)["leverage"]
    )
    a = point["intercept_open"]

    def s(x: Array) -> Array:
        return (np.logaddexp(0, 4 * x) - np.log(2)) / 4

    def open_(z: Array) -> Array:
        of_north = log_expit(a[0] + lose * s(-z[0]) + win * s(z[0]) + north * z[1])
        of_south = log_expit(a[1] + lose * s(z[0]) + win * s(-z[0]) + south * z[1] + host * z[2])
        return np.stack([of_south, of_north + of_south])

    total = 0.0
    for name in ("rate", "exponent", "active", "dispersion"):
        total += normal(point[f"rung_{name}_log__"], *scales(*[f"rung_{name}"] * 2))
    fitted = [
        elicit_quantiles(*pair, "logitnormal", "found", Path("ripeness.toml"), None) for pair in ((0.5, 0.7), (0.8, 0.95), (0.8, 0.95))
    ]
    total += normal(point["logit_rung_searched"], [one.mu for one in fitted], [one.sigma for one in fitted])
    total += normal(point["logit_rung_share"], *scales(*["rung_share"] * 2))
    rate, exponent, active, dispersion = (np.exp(point[f"rung_{name}_log__"]) for name in ("rate", "exponent", "active", "dispersion"))
    share, found = expit(point["logit_rung_share"]), expit(point["logit_rung_searched"])
    fixed, by_week = open_(spec.structure.points[:3]), open_(path)
    norm_of = logsumexp(exponent[:, None] * fixed, axis=1) - np.log(fixed.shape[1])
    covered = date(2025, 2, 2)
    stretches = [
        (0, date(2024, 1, 22), date(2024, 6, 30), found[0]),
        (0, date(2024, 7, 15), covered, found[1]),
        (1, date(2024, 1, 22), covered, found[2]),
    ]
    happened = [
        [date(2024, 2, 1), date(2024, 2, 20), date(2024, 2, 22), date(2024, 7, 9), date(2024, 9, 30)],
        [date(2024, 3, 11), date(2024, 10, 20)],
    ]
    rounds = [week_of(day) for day in (date(2024, 1, 20), date(2024, 2, 14), date(2024, 2, 15), date(2024, 9, 13), date(2025, 2, 11))]
    for r, first, last, q in stretches:
        for t, sunday in enumerate(WEEKS):
            if sunday - timedelta(days=6) < first or sunday > last:
                continue
            since = min((sunday - one).days // 7 for one in rounds if one < sunday)
            mean = q * rate[r] * (active[r] if since <= 8 else 1.0) * np.exp(exponent[r] * by_week[r, t - 1] - norm_of[r])
            count = sum(week_of(day) == sunday for day in happened[r])
            total += stats.nbinom.logpmf(count, dispersion[r], dispersion[r] / (dispersion[r] + mean))
    # of two halts one was a ceasefire; of three weeks with a round at risk one had both leaders
    total += np.log(share[0]) + np.log1p(-share[0])
    total += np.log(share[1]) + 2 * np.log1p(-share[1])
    return float(total)


def announcements_by_hand(spec: ModelSpec, point: Point) -> tuple[float, float, Array]:
    """Log density of the priors, classes and lead times of announced meetings; the share of rounds announced on record; arrivals by class, in rounds."""
    total = normal(point["logit_recorded"], *scales(*["recorded"] * 2)) + normal(point["logit_share_announced"], *PRIORS["share_announced"])
    total += normal(point["logit_class_split"], *scales("class_split"))
    total += normal(point["lead_median_log__"], *PRIORS["lead.median"]) + normal(point["lead_spread_log__"], *PRIORS["lead.spread"])
    (first,) = expit(point["logit_class_split"])
    of_class = np.array([first, 1 - first])
    recorded = expit(point["logit_share_announced"]) * of_class * expit(point["logit_recorded"])
    rates = recorded / expit(point["logit_kept"])[:2]
    lead = stats.lognorm(np.exp(point["lead_spread_log__"]), scale=np.exp(point["lead_median_log__"]))
    for kind, days in zip(spec.meetings.kind, spec.meetings.lead, strict=True):
        total += np.log(rates[kind] / rates.sum()) + np.log(lead.cdf(days) - lead.cdf(days - 1))
    return float(total), float(recorded.sum()), rates


def hazard_by_hand(spec: ModelSpec, point: Point, inside: Array) -> float:
    record = spec.panel.record
    total = normal(point["log_rhythm"], *scales("rhythm.week_1", "rhythm.week_4"))
    total += normal(point["log_war_level"], *PRIORS["war_level"]) + normal(point["deviation"], 0, REFERENCE.sd[1:])
    total += normal(point["logit_kept"], *scales(*["kept"] * 4))
    fitted = [elicit_quantiles(*pair, "logitnormal", "found", Path("coverage.csv"), None) for pair in ((0.9, 0.99), (0.7, 0.9))]
    total += normal(point["logit_sensitivity"], [one.mu for one in fitted], [one.sigma for one in fitted])
    # classes at or below the active weeks give way to the rhythm
    knots = np.concatenate([point["log_rhythm"], REFERENCE.log_rate[1:] + point["log_war_level"] + point["deviation"]])
    total += normal(point["track_record"], *PRIORS["track_record"])
    places = np.log([1.0, 4.0, 18.0, 60.0])
    sensitivity = expit(point["logit_sensitivity"])
    meetings = spec.meetings
    added = -np.log1p(-expit(point["logit_kept"])) @ meetings.exposure
    prior, on_record, rates = announcements_by_hand(spec, point)
    total += prior
    alpha = {1: 1.0}  # dormancy to probability, in the week after that of the first round
    for t in range(record.start, len(WEEKS)):
        days = 3 / 7 if t == len(WEEKS) - 1 else 1.0
        months = {(sunday.year, sunday.month) for sunday, found in zip(WEEKS[:t], record.found[:t], strict=True) if found}
        own = knots + point["track_record"] * (np.log(1 + len(months)) - REFERENCE.log_months) * np.array([0, 0, 1, 1])
        rate = {d: np.exp(np.interp(np.log(d), places, own) + inside[t - 1]) * days for d in alpha}
        searched = record.stretch[t]
        unannounced = 1.0
        if searched != UNSEARCHED:
            unannounced = 1 - on_record
            seen = {d: alpha[d] * stats.poisson.pmf((meetings.week == t).sum(), rates.sum() * rate[d]) for d in alpha}
            total += np.log(sum(seen.values()))
            alpha = {d: share / sum(seen.values()) for d, share in seen.items()}
        held = {d: 1 - np.exp(-unannounced * rate[d] - added[t]) for d in alpha}
        if record.found[t]:
            q = sensitivity[searched] if searched != UNSEARCHED else 1.0
            total += np.log(q * sum(alpha[d] * held[d] for d in alpha))
            alpha = {1: 1.0}
            continue
        q = sensitivity[searched] if searched != UNSEARCHED else 0.0
        following = {d + 1: alpha[d] * (1 - held[d]) for d in alpha}
        following[1] = sum(alpha[d] * held[d] for d in alpha) * (1 - q)
        weight = sum(following.values())
        total += np.log(weight)
        alpha = {d: share / weight for d, share in following.items()}
    return float(total)


def by_hand(spec: ModelSpec, point: Point, variant: Variant, form: Form = "whitened") -> float:
    """Log density of a point, whose paths are given by their white noise, in the measure of a form's own coordinates."""
    if variant == names.OUTSIDE:
        return hazard_by_hand(spec, point, np.zeros(len(WEEKS)))
    factors, seen, _, log_volume = factors_by_hand(spec, point)
    prior, inside = inside_by_hand(spec, point, variant, seen)
    phi = 0.5 ** (1 / np.exp(point["half_life_log__"]))
    of_form = {"whitened": log_volume, "centred": 0.0, "non-centred": 0.5 * (len(WEEKS) - 1) * np.log(1 - phi**2).sum()}
    return factors + of_form[form] + prior + rungs_by_hand(spec, point, variant, seen) + hazard_by_hand(spec, point, inside)


def random_points(spec: ModelSpec, variant: Variant) -> list[Point]:
    """Points of the whitened form."""
    start = build_model(spec, variant, form="whitened").initial_point()
    rng = np.random.default_rng(30)
    return [{name: np.asarray(value + rng.normal(0, 0.4, np.shape(value))) for name, value in start.items()} for _ in range(3)]

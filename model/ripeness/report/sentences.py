"""Numbers into plain English: what the page writes of a number is formatted here, and the sentences of the first screen and of its limits stand here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from math import hypot, isfinite, log10
from typing import Any

from ripeness import names
from ripeness.calendar import weeks_between

MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"]
FRACTIONS = (
    *((1, n) for n in (100, 50, 40, 30, 25, 20, 15, 12, 10, 9, 8, 7, 6, 5, 4, 3, 2)),
    *((3, 10), (2, 5), (3, 5), (2, 3), (7, 10), (3, 4), (4, 5), (9, 10), (19, 20), (99, 100)),
)
PER_CENT = "\u00a0%"  # number and sign stay on one line
RARE = 0.001  # a share below which no finer number is given
TOLD_APART = 2.0  # Monte Carlo errors of a difference, beyond which two forms are told apart
FAR_APART = 1.0  # points from which on they disagree
LEAST_POINTS = 0.05  # of a change that is worth a number
NUMBERS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]


def parse_day(text: str | date) -> date:
    """A day of the stored run as a date."""
    return text if isinstance(text, date) else date.fromisoformat(str(text)[:10])


def day(text: str | date | None) -> str:
    """A day in words: "28 June 2026"; a dash where there is none."""
    if text is None:
        return "–"
    when = parse_day(text)
    return f"{when.day} {MONTHS[when.month - 1]} {when.year}"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """A count and its noun: "one round", "three rounds", "14 rounds"."""
    word = NUMBERS[number] if 0 <= number < len(NUMBERS) else f"{number:,}"
    return f"{word} {noun if number == 1 else plural or noun + 's'}"


def join(words: Sequence[str]) -> str:
    """A list in a sentence: "a", "a and b", "a, b and c"."""
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1] if words else "none"


def sentence(text: str) -> str:
    """The text with a capital at its head."""
    return text[:1].upper() + text[1:]


def step_of(mc_error: float | None) -> int:
    """Coarseness in percentage points that a Monte Carlo error allows: 1 up to half a point, then 5, then 10."""
    if mc_error is None or mc_error <= 0.005:
        return 1
    return 5 if mc_error <= 0.025 else 10


def percent(probability: float | None, mc_error: float | None = None) -> str:
    """A probability in per cent, no finer than its Monte Carlo error allows.

    Parameters
    ----------
    probability : float or None
        In [0, 1]; None or an undefined value gives a dash.
    mc_error : float or None
        Monte Carlo standard error, in [0, 1].

    Returns
    -------
    str
        "16 %", "under 1 %" or "over 99 %", the space before the sign unbreakable.
    """
    if probability is None or not isfinite(probability):
        return "–"
    step = step_of(mc_error)
    if 100 * probability < step:
        return f"under {step}{PER_CENT}"
    if 100 * probability > 100 - step:
        return f"over {100 - step}{PER_CENT}"
    return f"{step * round(100 * probability / step)}{PER_CENT}"


def interval(lower: float, upper: float, mc_error: float | None = None) -> str:
    """A range of probabilities: "5 to 36 %"."""
    low, high = percent(lower, mc_error), percent(upper, mc_error)
    if low == high:
        return low
    return f"{low.removesuffix(PER_CENT)} to {high}"


def tenths(probability: float) -> str:
    """A probability in per cent to one decimal, where two of them are compared: "19.5 %"."""
    return f"{100 * probability:.1f}{PER_CENT}" if 0.0005 <= probability <= 0.9995 else percent(probability)


def fine_percent(probability: float) -> str:
    """A probability in per cent to two significant digits, for weekly chances: "1.4 %"."""
    return number(100 * probability) + PER_CENT


def share(value: float) -> str:
    """A share that may be small: "under 0.1 %", "0.2 %", "16 %"."""
    if value < RARE:
        return f"under {number(100 * RARE, 1)}{PER_CENT}"
    return f"{number(100 * value, 1)}{PER_CENT}" if value < 0.1 else percent(value)


def points(change: float, digits: int = 1) -> str:
    """A change in percentage points, without its sign: "1.9 points", "1 point"."""
    text = f"{abs(change):.{digits}f}"
    return f"{text} {'point' if text == '1' else 'points'}"


def signed_points(change: float, digits: int = 1) -> str:
    """The same with its sign and without the word: "+1.9", "−0.4", "0"."""
    text = f"{change:+.{digits}f}".replace("-", "−")
    return text if float(text[1:]) else "0"


def least_points(change: float) -> str:
    """The size of a change in points, without the word: "0.5", "under 0.1"."""
    return f"{change:.1f}" if change >= LEAST_POINTS else "under 0.1"


def quoted(title: str) -> str:
    """A title within a sentence."""
    return f"“{title}”"


def chances(probability: float) -> str:
    """A probability as a fraction of small numbers: "about 1 in 6", "less than 1 in 100"."""
    if probability < 0.0075:
        return "less than 1 in 100"
    if probability > 0.9925:
        return "more than 99 in 100"
    top, bottom = min(FRACTIONS, key=lambda pair: abs(_logit(pair[0] / pair[1]) - _logit(probability)))
    return f"about {top} in {bottom}"


def _logit(probability: float) -> float:
    return log10(probability / (1 - probability))


def number(value: float | None, digits: int = 2) -> str:
    """A number to so many significant digits, with thousands marked and a true minus sign; a dash where there is none."""
    if value is None or not isfinite(value):
        return "–"
    if value == 0:
        return "0"
    places = max(digits - 1 - int(log10(abs(value)) // 1), 0)
    text = f"{round(value, places):,.{places}f}" if places else f"{float(f'{value:.{max(digits, 1)}g}'):,.0f}"
    return text.replace("-", "−")


def general(value: float | None) -> str:
    """A number to four digits without empty decimals, for diagnostics: "812", "1.004"; "undefined" where it is none."""
    return "undefined" if value is None or not isfinite(value) else f"{value:.4g}".replace("-", "−")


def short(value: float) -> str:
    """A round value without empty decimals: "0.086", "45", "2,300"."""
    return (f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}").replace("-", "−")


def hundredths(value: float | None) -> str:
    """A signed number to two decimals, for columns: "+0.34", "−0.01", "0.00"."""
    if value is None or not isfinite(value):
        return "–"
    text = f"{value:+.2f}".replace("-", "−")
    return "0.00" if text in ("+0.00", "−0.00") else text


def signed(value: float | None, digits: int = 2) -> str:
    """A number with its sign, plus too."""
    text = number(value, digits)
    return "+" + text if value is not None and isfinite(value) and value > 0 else text


def spread(low: float | None, high: float | None, digits: int = 2) -> str:
    """A range of numbers: "0.4 to 2.1"."""
    return f"{number(low, digits)} to {number(high, digits)}"


def observed_value(value: float | None, unit: str) -> str:
    """A value as it was observed, with its unit: three digits, or all of a whole number."""
    if value is None:
        return "–"
    text = f"{value:,.0f}" if abs(value) >= 100 else number(value, 3)
    return f"{text.replace('-', '−')} {unit}".strip()


def bare_value(value: float) -> str:
    """A value without its unit; a whole one without decimals."""
    return f"{value:,.0f}".replace("-", "−") if float(value).is_integer() else observed_value(value, "")


def forecast_of(summary: Mapping[str, Any], question: str, source: str, horizon: int) -> Mapping[str, Any] | None:
    """The forecast of one question, source and horizon, or None."""
    for row in summary["forecasts"]:
        if (row["question"], row["source"], row["horizon_weeks"]) == (question, source, horizon):
            return row  # type: ignore[no-any-return]
    return None


def answer(summary: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    """The sentence below the big number."""
    p, error = row["probability"], row["mc_error"]
    return (
        f"{sentence(chances(p))}: on what was known on {day(summary['origin'])}, the chance of at least one round by "
        f"{day(row['target_end_date'])} ({row['horizon_weeks']} weeks) is {percent(p, error)}. The 5–95\u00a0% range of "
        f"{interval(row['lower'], row['upper'], error)} is how far the model is from being sure of that chance."
    )


def why(row: Mapping[str, Any]) -> str:
    """Where the number comes from, in one sentence."""
    outside, error = row["outside_view"], row["mc_error"]
    text = f"The outside view, which knows only how long talks have been dormant and which meetings are announced, gives {percent(outside, error)}"
    inside, level = row.get("inside_multiplier"), row.get("level_only")
    if inside is None or level is None:
        return text + "."
    text += f". In the fits that weigh the factors too the base rate comes out at {percent(level, error)}, and the factors "
    verb = "leave it about where it was" if abs(inside - 1) < 0.05 else f"{'raise' if inside > 1 else 'lower'} it"
    usual, now = row.get("usual_multiplier"), row.get("now_multiplier")
    if usual is None or now is None:
        return text + f"{verb} (× {number(inside)})."
    return (
        text
        + f"{verb} (× {number(inside)}): × {number(usual)} as they have been in this war on average, × {number(now)} as they stand now."
    )


def outside(row: Mapping[str, Any]) -> str:
    """The outside view beside the headline, in words that need no other."""
    error = row["mc_error"]
    return (
        f"By the rhythm of talks alone – how long they have been dormant, and which meetings are announced – one would say {percent(row['outside_view'], error)}. "
        f"What the essay holds to matter, as the data show it, makes that {percent(row['probability'], error)}."
    )


def trust(
    summary: Mapping[str, Any], row: Mapping[str, Any], counts: Mapping[str, Any] | None, backtest: Mapping[str, Any] | None
) -> list[str]:
    """How far to trust the headline, in five sentences at most: backtest, record, doubt, even odds, freshness.

    Parameters
    ----------
    summary, row : mapping
        forecast.json, and the headline's row of it.
    counts : mapping or None
        Of the record: forecasts by how they were issued.
    backtest : mapping or None
        What `trust_section` has of it.
    """
    found = []
    if backtest and backtest["verdict"]:
        is_same = all(backtest["about"].get(key) == summary.get(key) for key in ("model_version", "priors_hash"))
        other = "" if is_same else " Another version of the model was tested."
        found.append(f"Tried on past weeks with what was known by then: {backtest['verdict'][0].lower()}{backtest['verdict'][1:]}{other}")
    if counts:
        ahead = counts["ahead"]
        found.append(
            f"Of {count(ahead['issued'], 'forecast')} issued ahead of time {ahead['resolved'] or 'none'} can be held against what came so far."
            if ahead["issued"]
            else "No forecast has been issued ahead of time so far, so none shows how good such forecasts are."
        )
    found.append(
        f"The model is unsure of its own number: nine in ten times the chance would be {interval(row['lower'], row['upper'], row['mc_error'])}."
    )
    if backtest and backtest["even_odds"]:
        found.append(f"{backtest['even_odds']} Brier: how far from what came, lower is better; origins: days from which was forecast.")
    late = sum(bool(indicator["overdue"]) for indicator in summary["indicators"])
    if late:
        found.append(
            f"Of {count(len(summary['indicators']), 'published series', 'published series')} that feed it {late} {'was' if late == 1 else 'were'} "
            "overdue on the day of the forecast: their last values stand in."
        )
    return found


def judgement(summary: Mapping[str, Any]) -> str:
    """How much of what drives the answer is judged and not learned; empty where nothing drives it."""
    drivers = [*summary["drivers"], *summary["effects"]]
    if not drivers:
        return ""
    still = sum(not driver["moved"] for driver in drivers)
    return (
        f"Of {count(len(drivers), 'quantity', 'quantities')} that drive the answer the data moved {len(drivers) - still} noticeably. The other "
        f"{still} ({percent(still / len(drivers))}) stand about where they were put beforehand and carry the badge “assumed”."
    )


def forms(summary: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    """Whether the two forms of the inside view agree on the headline, with what each says, by the Monte Carlo error of their difference; empty without both."""
    found = [forecast_of(summary, row["question"], form, row["horizon_weeks"]) for form in names.FORMS]
    needed, added = found
    if needed is None or added is None:
        return ""
    apart = 100 * (added["probability"] - needed["probability"])
    error = 100 * hypot(needed["mc_error"], added["mc_error"])
    told = (
        f"where all conditions are needed the chance is {tenths(needed['probability'])}, where causes add up {tenths(added['probability'])}"
    )
    if abs(apart) <= TOLD_APART * error:
        return f"The forms agree: {told}, no further apart than Monte Carlo error ({least_points(error)} points) may put them."
    if abs(apart) < FAR_APART:
        return f"The forms agree to within a point: {told}; Monte Carlo error is {least_points(error)} points."
    return f"The forms disagree: {told}, {points(apart)} {'higher' if apart > 0 else 'lower'}; Monte Carlo error is {least_points(error)} points."


def readings(summary: Mapping[str, Any]) -> dict[str, str]:
    """What a person calls the readings that the headline of a run mixes, by reading."""
    mixed = {reading for name, _, reading in names.FITS if name in summary["mixture"]["weights"]}
    return {reading: label for reading, label in names.READING_LABELS.items() if reading in mixed}


def mixing(summary: Mapping[str, Any]) -> str:
    """How the headline weighs forms and readings."""
    weights = summary["mixture"]["weights"]

    def weight(label: str, *own: str) -> str:
        return f"{percent(sum(weights[name] for name, *which in names.FITS if set(own) <= set(which) and name in weights))} to {label}"

    form = [weight(f"“{label}”", one) for one, label in names.FORM_LABELS.items()]
    reading = [weight(f"the essay {label}", one) for one, label in readings(summary).items()]
    return f"The headline gives {join(form)}, and in each form {join(reading)}; these weights were fixed before anything was scored."


def change(summary: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    """How the headline moved since the last entry of the ledger."""
    previous = summary.get("previous")
    if not previous:
        return "This is the first forecast of its ledger: nothing to compare it with."
    before, now = previous["probability"], row["probability"]
    points = round(100 * now) - round(100 * before)
    same_day, was = previous["origin"] == summary["origin"], percent(before)
    if points and abs(now - before) < 0.005:
        moved, was = f"now {tenths(now)}, less than half a point from", tenths(before)  # a point apart only as rounded
    else:
        moved = "unchanged from" if points == 0 else f"{'up' if points > 0 else 'down'} {count(abs(points), 'point')} from"
    text = f"{sentence(moved)} {was} in {'an earlier forecast as of the same day' if same_day else f'the forecast of {day(previous["origin"])}'}"
    if previous["target_end_date"] != row["target_end_date"]:
        text += f", which ran to {day(previous['target_end_date'])}: part of any change is the moving window"
    return text + "."


def state_of_talks(summary: Mapping[str, Any]) -> str:
    """Active or dormant, and since when."""
    dormancy = summary["dormancy"]
    word = "active" if dormancy["active"] else "dormant"
    limit = summary["question"]["active_weeks"]
    return (
        f"Talks are {word}: the last round on record was on {day(dormancy['last_round'])}, {count(dormancy['weeks'], 'week')} back "
        f"(they count as active up to {count(limit, 'week')}). The chance that a later round was held and missed is "
        f"{percent(dormancy['missed_round_probability'])}."
    )


def clusters(rounds: Sequence[str], apart: int) -> list[list[date]]:
    """Rounds grouped so that neighbours in a group are at most `apart` weeks from each other."""
    groups: list[list[date]] = []
    for when in sorted(parse_day(text) for text in rounds):
        if groups and weeks_between(groups[-1][-1], when) <= apart:
            groups[-1].append(when)
        else:
            groups.append([when])
    return groups


def limits(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the forecast cannot know: a heading and a text each, from the run's own numbers."""
    found: dict[str, str] = {}
    groups = clusters(summary["rounds"], summary["question"]["active_weeks"])
    beginnings = join([f"{MONTHS[g[0].month - 1]} {g[0].year}" for g in groups])
    found["Few events"] = (
        f"{sentence(count(len(summary['rounds']), 'round'))} on record fall into {count(len(groups), 'cluster')}, beginning in {beginnings}. "
        "No method can learn many weights from so few; rounds within a cluster follow from each other."
    )
    if judged := judgement(summary):
        found["Judgement leads"] = judged
    unseen = [factor["label"] for factor in summary["factors"] if not factor["observed"]]
    if unseen:
        found["Factors nobody measures"] = (
            f"{join(unseen)}: no published series tells, so where they stand is as it was judged beforehand and widens the range only."
        )
    trending = [factor for factor in summary["factors"] if factor["level"]]
    for title, reads, text in (
        ("Slow trends", "departure", "A slow level takes the trend up, and only departures from it move the chance; if the trend itself brings talks "
         "nearer, the model does not see it."),
        ("What adds up", "cumulative", "The essay speaks of what has been borne, so the chance follows the trend and the departures from it together. So "
         "slow a movement passes few rounds, and how much it weighs stays nearly what was put beforehand."),
    ):  # fmt: skip
        if labels := [factor["label"] for factor in trending if factor["reads"] == reads]:
            found[title] = f"{join(labels)}: the indicators trend for years. {text}"
    families: dict[str, list[str]] = {}
    for indicator in summary["indicators"]:
        families.setdefault(indicator["family"], []).append(indicator["title"])
    polls, contacts = families.get("public", []), families.get("diplomacy", [])
    if polls:
        found["Polls at second hand"] = (
            f"{sentence(count(len(polls), 'indicator'))} of public opinion {'comes' if len(polls) == 1 else 'come'} from what pollsters and the "
            "press published, at uneven intervals and with changing questions; where a sample size was not printed, the contract’s default "
            "stands in."
        )
    if contacts:
        found["Contacts are a sample"] = (
            f"{join(contacts)}: counts of what chroniclers noticed, not of what took place. A thinner record is not a quieter world; the share "
            "captured is elicited for each stretch of the record."
        )
    found["Unreported talks"] = (
        "Talks that neither side nor a mediator confirms are no rounds here. A confirmed round that the search missed has a chance of "
        f"{percent(summary['dormancy']['missed_round_probability'])}."
    )
    found["Odds of announced meetings"] = (
        "How often announced meetings are kept was judged by people who knew this very record, so it profits from hindsight; forecasts "
        "of past weeks would look better than they could have been."
    )
    late = [indicator["title"] for indicator in summary["indicators"] if indicator["overdue"]]
    if late:
        found["Late data"] = f"Overdue on the day of the forecast: {'; '.join(late)}. Their last values stand in, with growing uncertainty."
    found["One essay"] = (
        f"The causal argument is one author’s, of {day(summary['essay']['date'])}. What it does not mention, the model does not know: "
        "a death, a coup, a change of guarantor enter only through the width of the interval."
    )
    return list(found.items())

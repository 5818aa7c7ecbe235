"""The essay's claims against the evidence, in sentences, tables and a chart: this war's record, of effects and of the present, and other wars."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from ripeness.evaluation import published
from ripeness.evaluation.published import CONDITION, ESTIMATES, LATER, NOT_MEASURED
from ripeness.names import AS_WRITTEN
from ripeness.report.drawing import GRID, INK, MAIN, SECOND, WIDE, chart, label_rows
from ripeness.report.sentences import count, day, hundredths, join, number, percent, quoted, sentence, signed

Row = Mapping[str, str]
Subjects = Mapping[str, Mapping[str, Any]]
NOTHING: Final = "–"
FIRST: Final = (3, 2)  # claims above the fold: of which this war's record and other wars tell most


def scorecard_section(found: Mapping[str, Any], subjects: Subjects) -> dict[str, Any]:
    """What the page shows of the scorecard.

    Parameters
    ----------
    found : mapping
        about, rows, details and states, as `read_studies` gives them.
    subjects : mapping
        As `subjects_of` gives them.
    """
    shown: dict[str, Any] = {
        "about": found["about"],
        "sentences": scorecard_sentences(found["rows"]),
        "rows": scorecard_table(found["details"]),
    }
    if found["states"]:
        shown["states"] = states_section(found["states"], found["about"], subjects)
    return shown


def evidence_section(summary: Mapping[str, Any], found: Mapping[str, Any] | None) -> dict[str, Any]:
    """The essay's claims beside what this war's record and other wars say of them.

    Parameters
    ----------
    summary : mapping
        forecast.json.
    found : mapping or None
        The stored scorecard, as `scorecard_section` takes it.

    Returns
    -------
    dict
        rows: claim (of the summary), record and others (a sentence each), in the order of the essay; first: those of which there is most to tell, claims
        of which the same is told once; telling: text, ratio and claims of the mechanisms in other wars whose interval leaves out 1, the furthest from
        it first.
    """
    details, states = (found["details"], found["states"]) if found else ([], [])
    newest = max((row["as_of"] for row in details), default="")
    of_effects = {row["claim"]: row for row in details if row["as_of"] == newest and row["reading"] == AS_WRITTEN}
    of_states = {row["claim"]: row for row in states}
    analogues = {name: one["analogue"] for one in summary["effects"] if one.get("analogue") for name in one["analogue"]["claims"]}
    rows, tells = [], []  # and how much there is to tell: of the record first, then of other wars
    for claim in summary["claims"]:
        record = others = NOTHING
        moved = 0.0
        if claim["id"] in of_effects:
            one = of_effects[claim["id"]]
            record = _effect_told(one)
            moved = abs(np.log(float(one["odds_ratio"]))) if one["verdict"] != "unmoved" else 0.0
        elif claim["id"] in of_states:
            one = of_states[claim["id"]]
            record = _state_told(one)
            moved = _moved(one) if one["verdict"] in ("supported", "contradicted") else 0.0
        if claim["about"] == "effect":
            others = _analogue_told(analogues[claim["id"]]) if claim["id"] in analogues else "No analogue."
        analogue = analogues.get(claim["id"])
        sure = analogue is not None and not analogue["lower"] <= 1 <= analogue["upper"]
        rows.append({"claim": claim, "record": record, "others": others})
        tells.append((moved, abs(np.log(analogue["ratio"])) if analogue is not None and sure else 0.0))
    first = [row for of, most in enumerate(FIRST) for row in _most_told(rows, [tell[of] for tell in tells], most)]
    telling: dict[str, dict[str, Any]] = {}
    for one in (one["analogue"] for one in summary["effects"] if one.get("analogue")):
        if not one["lower"] <= 1 <= one["upper"]:
            found_in = telling.setdefault(one["mechanism"], {"text": f"{_ratio_told(one)}.", "ratio": one["ratio"], "claims": []})
            found_in["claims"] += one["claims"]
    return {
        "rows": rows,
        "first": list({(row["record"], row["others"]): row for row in first}.values()),
        "telling": sorted(telling.values(), key=lambda one: -abs(np.log(one["ratio"]))),
    }


def _most_told(rows: Sequence[dict[str, Any]], tells: Sequence[float], most: int) -> list[dict[str, Any]]:
    """The rows of which there is most to tell, of those that are told the same the first."""
    ranked = sorted((place for place, tell in enumerate(tells) if tell), key=lambda place: -tells[place])
    return list({(rows[place]["record"], rows[place]["others"]): rows[place] for place in reversed(ranked)}.values())[::-1][:most]


def _effect_told(row: Row) -> str:
    """What the record says of a claim about an effect."""
    ratio, lower, upper = (number(float(row[name])) for name in ("odds_ratio", "lower", "upper"))
    return f"{sentence(row['verdict'])}: the odds that it is right are {ratio} times what they were ({lower}–{upper})."


def _state_told(row: Row) -> str:
    """What the record says of a claim about a state."""
    if row["verdict"] == NOT_MEASURED:
        return "Not measured."
    then = f"{_chance(row, 'smoothed')} on the essay’s day, " if row["smoothed"] else ""
    return f"{sentence(row['verdict'])}: the chance that it is so is {then}{_chance(row, 'now')} now ({_chance(row, 'prior')} before any data)."


def _analogue_told(analogue: Mapping[str, Any]) -> str:
    """What other wars say of an effect."""
    return f"{_ratio_told(analogue)}. In a war like those the essay’s direction holds with {percent(analogue['p_claimed'])}."


def _ratio_told(analogue: Mapping[str, Any]) -> str:
    """What stands for an effect in other wars, and its ratio of hazards."""
    ratio, lower, upper = (f"{analogue[name]:.2f}" for name in ("ratio", "lower", "upper"))
    return (
        f"{sentence(analogue['mechanism'])} ({analogue['per']}): talks {ratio} times as likely to return ({lower}–{upper}); "
        f"{count(analogue['wars'], 'war')}, {count(analogue['onsets'], 'return', 'returns')}"
    )


def subjects_of(summary: Mapping[str, Any]) -> Subjects:
    """A summary's conditions and factors by id: label, and of a factor what a high value means (plus)."""
    return {one["id"]: one for one in (*summary["conditions"], *summary["factors"])}


# --- Effects ----------------------------------------------------------------------------------------------------------------------------


def scorecard_sentences(rows: Sequence[Row]) -> list[str]:
    """How many claims the record supports, contradicts and leaves unmoved, day by day."""
    found = []
    for as_of in sorted({row["as_of"] for row in rows}):
        own = [row for row in rows if row["as_of"] == as_of]
        verdicts = Counter(row["verdict"] for row in own)
        named = [f"{row['claim']} ({row['verdict']})" for row in own if row["verdict"] != "unmoved"]
        sentence = (
            f"By what was known on {day(as_of)}, of {count(len(own), 'claim')} that carry a weight the record supports "
            f"{verdicts['supported'] or 'none'}, contradicts {verdicts['contradicted'] or 'none'} and leaves "
            f"{verdicts['unmoved'] or 'none'} where the essay put them"
        )
        found.append(sentence + (f": {join(named)}." if named else "."))
    newest = [row for row in rows if row["as_of"] == max(row["as_of"] for row in rows)] if rows else []
    if newest:
        furthest = max(newest, key=lambda row: abs(np.log(float(row["odds_ratio"]))))
        found.append(
            f"The furthest moved is {furthest['claim']}: its odds are {number(float(furthest['odds_ratio']))} times what they were. So few rounds "
            "cannot tell much more about so many weights."
        )
    return found


def scorecard_table(details: Sequence[Row], reading: str = AS_WRITTEN) -> list[dict[str, Any]]:
    """A readable row for each claim as of the newest day, the furthest moved first; with the verdict of the earlier day beside it.

    Returns
    -------
    list of dict
        claim, effect, claimed, prior, posterior, odds_ratio, verdict, before (verdict of the earlier day, or None), record (a sentence on where
        the factor stood before rounds).
    """
    own = [row for row in details if row["reading"] == reading]
    days = sorted({row["as_of"] for row in own})
    before = {row["claim"]: row["verdict"] for row in own if len(days) > 1 and row["as_of"] == days[0]}
    rows = []
    for row in (row for row in own if row["as_of"] == days[-1]):
        low, higher, high = (float(row[name]) for name in ("stood_lower", "stood_higher", "stood_upper"))
        rows.append(
            {
                **{name: row[name] for name in ("claim", "effect", "claimed", "verdict")},
                **{name: float(row[name]) for name in ("prior", "posterior", "odds_ratio", "lower", "upper")},
                "before": before.get(row["claim"]),
                "record": f"In the weeks before the {row['rounds']} weeks with a round, what it speaks of stood {number(abs(higher))} units "
                f"{'higher' if higher > 0 else 'lower'} than in other weeks (5–95 % of the difference: {signed(low)} to {signed(high)}).",
            }
        )
    return sorted(rows, key=lambda row: -abs(np.log(row["odds_ratio"])))


def plot_scorecard(details: Sequence[Row], width: float = WIDE, reading: str = AS_WRITTEN) -> Figure:
    """Odds ratios of all claims on a log scale, as of each day, with their Monte Carlo error and the two thresholds."""
    own = [row for row in details if row["reading"] == reading]
    days = sorted({row["as_of"] for row in own})
    claims = list(dict.fromkeys(row["claim"] for row in own))
    with chart(width, 1.2 + 0.22 * len(claims)) as (figure, axes):
        for place, as_of in enumerate(days):
            found = {row["claim"]: row for row in own if row["as_of"] == as_of}
            at = [claims.index(name) + 0.16 * (-1 if place else 1) for name in found]
            ratio, lower, upper = (np.array([float(row[name]) for row in found.values()]) for name in ("odds_ratio", "lower", "upper"))
            colour = (SECOND, MAIN)[min(place, 1)]
            axes.hlines(at, np.maximum(lower, 1e-2), np.minimum(upper, 1e2), color=colour, linewidth=1.2)
            axes.plot(ratio, at, "o", color=colour, markersize=3.5, label=f"as of {day(as_of)}")
        axes.set_xscale("log")
        for bound in (1 / 3, 3.0):
            axes.axvline(bound, color=GRID, linestyle="--", linewidth=1.0)
        axes.axvline(1.0, color=INK, linewidth=0.8)
        axes.set_xticks([0.2, 1 / 3, 0.5, 1, 2, 3, 5], ["0.2", "1/3", "0.5", "1", "2", "3", "5"])
        axes.xaxis.set_minor_formatter(NullFormatter())
        label_rows(axes, claims, 7.5)
        axes.grid(axis="y", visible=True)
        axes.set_xlabel("posterior over prior odds of the claimed sign; supported from 3, contradicted up to 1/3")
        axes.set_title("The claims against the record")
        figure.legend(loc="outside lower left", ncols=2)
    return figure


# --- States -----------------------------------------------------------------------------------------------------------------------------

MET: Final = {"low": "not met", "middle": "neither met nor unmet", "high": "met"}
TELLING: Final = 8  # on the page above the fold
TOLD: Final = 5  # where there is less room
FINEST: Final = 0.01  # no probability is told more finely


def states_section(rows: Sequence[Row], about: Mapping[str, Any], subjects: Subjects) -> dict[str, Any]:
    """What the page shows of the states scored.

    Parameters
    ----------
    rows : sequence
        states.csv.
    about : mapping
        scorecard.json, for the days as of which it was made.
    subjects : mapping
        As `subjects_of` gives them; what is not among them is shown by its id.

    Returns
    -------
    dict
        sentence: what it comes to; then: the essay's day, or None; now: the later day; telling: text and claims of those that the record tells most
        about; rows: of the table, in the order of the essay.
    """
    return {
        "sentence": states_sentence(rows, about),
        "then": _essay_day(rows, about),
        "now": about["as_of"][-1],
        "telling": telling_states(rows, about, subjects)[:TELLING],
        "rows": [
            {"claim": row["claim"], "paragraph": row["paragraph"], "what": _claimed(row, subjects), "verdict": row["verdict"]}
            | {estimate: _cell(row, estimate) for estimate in ESTIMATES}
            for row in rows
        ],
    }


def state_sentences(rows: Sequence[Row], about: Mapping[str, Any], subjects: Subjects) -> list[str]:
    """What the states scored come to, and the most telling of them with their paragraphs, a sentence each; none without rows."""
    if not rows:
        return []
    telling = telling_states(rows, about, subjects)[:TOLD]
    return [states_sentence(rows, about), *(f"{one['text'].removesuffix('.')} (¶\u00a0{join(one['paragraphs'])})." for one in telling)]


def stored_state_sentences(folder: Path, summary: Mapping[str, Any]) -> list[str]:
    """The same of what the study left in a folder, with the words of a run's forecast.json."""
    about = published.read_about(folder, f"{published.SCORECARD}.json") or {}
    return state_sentences(published.read_rows(folder, published.STATES), about, subjects_of(summary))


def states_sentence(rows: Sequence[Row], about: Mapping[str, Any]) -> str:
    """How many statements on where things stand the record supports, contradicts and leaves unmoved."""
    essay, now = _essay_day(rows, about), day(about["as_of"][-1])
    verdicts = Counter(row["verdict"] for row in rows)
    supported, contradicted, unmoved = (verdicts[name] or "none" for name in ("supported", "contradicted", "unmoved"))
    text = (
        f"By what was known on {now}{f' of {day(essay)}' if essay else ''}, of {count(len(rows), 'statement')} of the essay on where things stand the "
        f"record supports {supported}, contradicts {contradicted} and leaves {unmoved} about where the priors had them"
    )
    unseen = verdicts[NOT_MEASURED]
    return text + (f"; {unseen} {'is' if unseen == 1 else 'are'} about what no indicator measures." if unseen else ".")


def telling_states(rows: Sequence[Row], about: Mapping[str, Any], subjects: Subjects) -> list[dict[str, Any]]:
    """Statements that the record supports or contradicts, one entry for all claims that say the same.

    Those first whose log odds went furthest, in whole units; of equals those that the essay says more often.

    Returns
    -------
    list of dict
        text: a sentence; claims: ids; paragraphs: their paragraphs, each once.
    """
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        if row["verdict"] in ("supported", "contradicted"):
            groups.setdefault((row["kind"], row["of"], row["state"]), []).append(row)
    ranked = sorted(groups.values(), key=lambda same: (-round(_moved(same[0])), -len(same)))
    return [
        {
            "text": _told(same[0], about, subjects),
            "claims": [row["claim"] for row in same],
            "paragraphs": list(dict.fromkeys(row["paragraph"] for row in same)),
        }
        for same in ranked
    ]


def _told(row: Row, about: Mapping[str, Any], subjects: Subjects) -> str:
    """What the record says of one statement, in a sentence."""
    essay, chance = _essay_day([row], about), {estimate: _chance(row, estimate) for estimate in ESTIMATES}
    plus = subjects.get(row["of"], {}).get("plus")
    head = f"The essay has {_claimed(row, subjects)}{f' (high: {plus})' if plus else ''}"
    if essay is None:
        return f"{head}: the chance that it is now {chance['now']} ({chance['prior']} before any data)."
    then = "which nothing measured then" if row["measured"] == LATER else f"{chance['filtered']} by what was known on that day"
    return (
        f"{head}: the chance that it was on {day(essay)} is {chance['smoothed']} ({then}, {chance['prior']} before "
        f"any data), that it is now {chance['now']}."
    )


def _essay_day(rows: Sequence[Row], about: Mapping[str, Any]) -> str | None:
    """The essay's day, if the record has it."""
    return str(about["as_of"][0]) if any(row["filtered"] for row in rows) else None


def _claimed(row: Row, subjects: Subjects) -> str:
    """Whose state, and which: "“Mediation” low"."""
    label = subjects.get(row["of"], {}).get("label", sentence(row["of"].replace("_", " ")))
    return f"{quoted(label)} {MET[row['state']] if row['kind'] == CONDITION else row['state']}"


def _moved(row: Row) -> float:
    """How far the log odds of a statement went from the priors', told no more finely than a page tells probabilities."""
    before, after = (np.clip(float(row[name]), FINEST, 1 - FINEST) for name in ("prior", "smoothed" if row["smoothed"] else "now"))
    return float(abs(np.log(after / (1 - after)) - np.log(before / (1 - before))))


def _chance(row: Row, estimate: str) -> str:
    """A probability of the table in words; a dash where there is none."""
    if not row[estimate]:
        return percent(None)
    return percent(float(row[estimate]), None if estimate == "prior" else float(row[f"{estimate}_error"]))


def _cell(row: Row, estimate: str) -> dict[str, str]:
    """A probability, and beside it where the factor or the condition stood; where no indicator tells, that first."""
    chance = _chance(row, estimate)
    if estimate == "prior" or not row[estimate]:
        return {"text": chance, "beside": ""}
    if row["verdict"] == NOT_MEASURED or (row["measured"] == LATER and estimate == "filtered"):
        return {"text": NOT_MEASURED, "beside": chance}
    at = float(row[f"{estimate}_at"])
    return {"text": chance, "beside": f"met: {percent(at)}" if row["kind"] == CONDITION else f"at {hundredths(at)}"}

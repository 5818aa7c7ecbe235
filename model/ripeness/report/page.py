"""The page: a stored run as one self-contained HTML file without outside resources; two scripts run, that of the page's age and that of the what-if panel."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import jinja2
import xarray as xr
from markupsafe import Markup

from ripeness import names
from ripeness.evaluation.published import SCORECARD
from ripeness.report import figures, sentences
from ripeness.report.attribution import attribution_sections
from ripeness.report.drawing import strip
from ripeness.report.ladder import ladder_section
from ripeness.report.markets import markets_section, markets_sentence
from ripeness.report.record import ISSUED, OUTCOMES, record_section
from ripeness.report.scorecard import evidence_section, subjects_of
from ripeness.report.studies import BACKTEST, trust_section
from ripeness.report.what_if import what_if_section

TEMPLATES = Path(__file__).parent / "templates"
SCRIPT = TEMPLATES / "page.js"
SOURCES = {
    names.MIXTURE: "Forecast: forms and readings mixed",
    **{form: sentences.sentence(f"{label}, readings mixed") for form, label in names.FORM_LABELS.items()},
    **{
        name: sentences.sentence(f"{names.FORM_LABELS[variant]}, essay {names.READING_LABELS[reading]}")
        for name, variant, reading in names.FITS
        if variant != names.OUTSIDE
    },
    names.OUTSIDE: "Outside view alone (a fit of its own)",
}
DIRECTIONS = {"+": "opens it", "-": "closes it", "both": "argued both ways"}
ROLES = {"losing": "willingness of the side losing ground", "winning": "willingness of the side winning ground"}


def render_page(
    summary: Mapping[str, Any],
    tree: xr.DataTree,
    record: Mapping[str, Any] | None = None,
    studies: Mapping[str, Any] | None = None,
    attribution: Mapping[str, Any] | None = None,
) -> str:
    """The report of a run that passed its gate.

    Parameters
    ----------
    summary : mapping
        forecast.json.
    tree : DataTree
        posterior.nc.
    record : mapping, optional
        How earlier forecasts have fared, as `build_record` gives it; without it the page does not speak of them.
    studies : mapping, optional
        What the studies found, as `read_studies` gives it.
    attribution : mapping, optional
        Why it moved, what would move it and what to watch, as `attribute_forecast` gives it.

    Returns
    -------
    str
        HTML; the same for the same input.

    Raises
    ------
    ValueError
        If the run did not pass its gate: a failed fit has no number to show.
    """
    if not summary["gate"]["passed"]:
        raise ValueError("this run failed its gate: render_failure shows it without a probability")
    question, weeks = summary["question"]["id"], summary["headline_weeks"]
    row = sentences.forecast_of(summary, _headline_question(summary), names.MIXTURE, weeks)
    if row is None:
        raise ValueError(f"no forecast of '{question}' over {weeks} weeks in this run")
    titles = {indicator["id"]: indicator["title"] for indicator in summary["indicators"]}
    script, bridges, shown = SCRIPT.read_text("utf-8"), markets_section(summary), trust_section(studies or {}, weeks, subjects_of(summary))
    panel = what_if_section(attribution["panel"]) if attribution and "absent" not in attribution.get("panel", {"absent": ""}) else None
    context = _context(summary) | {
        "row": row,
        "script": Markup(script),  # our own file, not a reader's
        "policy": policy_of([script, *([str(panel["script"])] if panel else [])]),
        "readings": sentences.readings(summary),
        "figures": figures.headline_figures(summary, row),
        "horizons": [r for r in summary["forecasts"] if r["question"] == row["question"] and r["source"] == names.MIXTURE],
        "variants": _variants(summary, row),
        "sustained": [r for r in summary["forecasts"] if r["question"] == names.SUSTAINED],
        "ladder": ladder_section(summary, row),
        "markets": bridges,
        "of_markets": markets_sentence(bridges),
        "factors": [factor | {"sparkline": figures.factor_sparkline(factor)} for factor in summary["factors"]],
        "factor_figures": {factor["id"]: figures.factor_figure(factor, titles, tree) for factor in summary["factors"]},
        "effects": {effect["id"]: effect | {"words": effect_words(effect, summary)} for effect in summary["effects"]},
        "drivers": [driver | {"strip": driver_strip(place, driver)} for place, driver in enumerate(summary["drivers"])],
        "graph_figure": figures.graph_figure(summary["graph"]),
        "ranks": figures.rank_figures(tree, weeks),
        "record": None if record is None else record_section(record),
        "evidence": evidence_section(summary, (studies or {}).get(SCORECARD)),
        "trust": shown,
        "trusted": sentences.trust(summary, row, (record or {}).get("counts"), shown.get(BACKTEST)),
        "attribution": attribution_sections(attribution or {}, summary),
        "panel": panel,
        "limits": sentences.limits(summary),
        "claims_by_id": {claim["id"]: claim for claim in summary["claims"]},
    }
    return _environment().get_template("report.html").render(context)


def render_failure(summary: Mapping[str, Any]) -> str:
    """The page of a run that failed its gate: what failed, and the outside view; no other probability."""
    outside = [row for row in summary["forecasts"] if row["source"] == names.OUTSIDE]
    return _environment().get_template("failure.html").render(_context(summary) | {"outside": outside, "claims_by_id": {}})


def policy_of(scripts: Iterable[str]) -> Markup:
    """What lets these scripts run and no other."""
    digests = (b64encode(sha256(script.encode()).digest()).decode() for script in scripts)
    return Markup("; script-src {}").format(Markup(" ").join(Markup(f"'sha256-{digest}'") for digest in digests))


def _headline_question(summary: Mapping[str, Any]) -> str:
    """The question of the headline: the first that is forecast."""
    return str(summary["forecasts"][0]["question"])


def _context(summary: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "s": summary,
        "sources": SOURCES,
        "short": names.READING_NAMES,
        "outcomes": OUTCOMES,
        "issued": ISSUED,
        "panel": None,
        "policy": "",
        "reweighted": summary.get("reweighted"),
    }


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        extensions=["jinja2.ext.do"],
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        {
            name: getattr(sentences, name)
            for name in (
                "outside",
                "why",
                "change",
                "state_of_talks",
                "count",
                "join",
                "interval",
                "spread",
                "observed_value",
                "forms",
                "mixing",
            )
        }
    )
    environment.globals["css"] = Markup((TEMPLATES / "page.css").read_text(encoding="utf-8"))  # our own file, not a reader's
    environment.filters.update(
        {name: getattr(sentences, name) for name in ("day", "percent", "number", "general", "hundredths", "sentence", "chances")}
    )
    return environment


def _variants(summary: Mapping[str, Any], row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every source's forecast of the headline's question and horizon, in the order of `SOURCES`."""
    rows = [sentences.forecast_of(summary, row["question"], source, row["horizon_weeks"]) for source in SOURCES]
    return [dict(found) for found in rows if found]


def effect_words(effect: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    """What an effect acts on and which way the essay says it does."""
    labels = {condition["id"]: condition["label"] for condition in summary["conditions"]}
    target = ROLES.get(str(effect.get("role")), "") or labels.get(effect["condition"], str(effect["condition"]))
    return f"{sentences.sentence(target)}: claimed direction {DIRECTIONS.get(effect['direction'], effect['direction'])}"


def driver_strip(place: int, driver: Mapping[str, Any]) -> Markup:
    """Prior and posterior of one driver as a small picture."""
    prior, posterior = driver["prior"], driver["posterior"]
    text = (
        f"{driver['label']}: prior {sentences.number(prior['median'])} ({sentences.spread(prior['lower'], prior['upper'])}), "
        f"posterior {sentences.number(posterior['median'])} ({sentences.spread(posterior['lower'], posterior['upper'])})"
    )
    return strip(f"driver-{place}", prior, posterior, text)

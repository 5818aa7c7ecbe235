"""A small made-up workspace: two conditions, a plain and a one-sided factor, three indicators, five claims."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ripeness.data.indicators import read_contracts
from ripeness.elicitation.entries import PriorFiles, read_priors
from ripeness.essay import read_claims
from ripeness.workspace import Workspace, read_workspace

FILES = {
    "ripeness.toml": """\
schema = 1
title = "Will Ost and West talk?"
[question]
id = "round"
text = "Will they hold a round of talks?"
definition = "A meeting of both."
void = "If one of them is gone."
parties = ["Ost", "West"]
war_began = 2001-01-01
horizons_weeks = [4, 13]
headline_weeks = 13
[[condition]]
id = "ost_ready"
label = "Ost is ready"
[[condition]]
id = "west_ready"
label = "West is ready"
[[factor]]
id = "strain"
label = "Strain"
plus = "prices rise"
level = true
pulse = 2001-03-01
effects = { ost_ready = "+", west_ready = "-" }
[[factor]]
id = "front"
label = "The front"
plus = "West advances"
losing_when_plus = "ost_ready"
losing_when_minus = "west_ready"
""",
    "seeds/essay.toml": f"""\
schema = 1
title = "A made-up essay"
author = "Nobody"
date = 2001-06-01
sha256 = "{"0" * 64}"
paragraphs = 1
""",
    "seeds/claims.toml": "schema = 1\n"
    + "".join(
        f"""\
[[claim]]
id = "{name}"
paragraph = 1
locator = "three plain words"
paraphrase = "Said in our own words."
mechanism = "economic"
about = "effect"
factor = "{factor}"
condition = "{condition}"
{role}direction = "{direction}"
strength = "{word}"
"""
        for name, factor, condition, role, direction, word in (
            ("strain-opens", "strain", "ost_ready", "", "+", "could"),
            ("strain-opens-again", "strain", "ost_ready", "", "+", "asserted"),
            ("strain-closes", "strain", "ost_ready", "", "-", "could"),
            ("loser-yields", "front", "ost_ready", 'role = "losing"\n', "+", "might"),
        )
    )
    + """\
[[claim]]
id = "strain-is-low"
paragraph = 1
locator = "three plain words"
paraphrase = "Strain is low at present."
mechanism = "economic"
about = "state"
factor = "strain"
state = "low"
direction = "-"
strength = "asserted"
""",
    "data/indicators.toml": "schema = 1\n"
    + "".join(
        f"""\
[{name}]
title = "{name}"
unit = "points"
family = "economy"
factor = "{factor}"
{reference}sign = "+"
transform = "log"
centre = 10.0
scale = 0.5
likelihood = "{likelihood}"
window = "week"
frequency = "weekly"
expected_lag_days = 1
plausible = [0.0, 100.0]
{more}source = "Bureau"
"""
        for name, factor, reference, likelihood, more in (
            ("price", "strain", "reference = true\n", "student", "noise_floor = 0.1\n"),
            ("wage", "strain", "", "student", "noise_floor = 0.1\n"),
            (
                "clashes",
                "front",
                "reference = true\n",
                "negative_binomial",
                'eras = [{ id = "early", from = 2001-01-01, to = 2001-12-31 }]\n',
            ),
        )
    ),
    "priors/citations.toml": """\
schema = 1
[miller1990]
reference = "Miller, A. (1990). On words. Journal of Words."
[smith2000]
reference = "Smith, B. (2000). On strain. Journal of Strain."
""",
    "priors/strength.toml": """\
schema = 1
[table]
statistic = "median"
citations = ["miller1990"]
rationale = "The only one there is."
[[listed]]
word = "surely"
probability = 0.9
[[listed]]
word = "possibly"
probability = 0.5
[[read_as]]
word = "could"
read_as = "possibly"
why = "The same thing said otherwise."
[[read_as]]
word = "might"
read_as = "possibly"
why = "The same thing said otherwise."
[[read_as]]
word = "asserted"
read_as = "surely"
why = "No modal word at all."
""",
    "priors/readings.toml": """\
schema = 1
[[effect]]
factor = "strain"
condition = "ost_ready"
direction = "+"
claims = ["strain-opens", "strain-opens-again", "strain-closes"]
size = 3.0
size_citations = ["smith2000"]
rationale = "The essay's main point."
[effect.tempered]
probability = 0.4
size = 1.0
citations = ["smith2000"]
rationale = "The study finds the reverse."
[[effect]]
factor = "strain"
condition = "west_ready"
direction = "-"
size = 4.0
rationale = "The essay is silent."
[effect.tempered]
strength = "surely"
citations = ["smith2000"]
rationale = "The study is sure of it."
[[effect]]
factor = "front"
role = "losing"
direction = "+"
claims = ["loser-yields"]
size = 1.0
rationale = "As the essay says."
[effect.tempered]
strength = "possibly"
rationale = "Nobody has studied it."
[[effect]]
factor = "front"
role = "winning"
direction = "-"
size = 0.5
rationale = "The essay is silent."
[effect.tempered]
probability = 0.5
rationale = "Nobody has studied it."
""",
}
ENTRY = """\
[{name}]
quantity = "a made-up quantity"
unit = "{unit}"
q05 = {q05}
q50 = {q50}
q95 = {q95}
family = "{family}"
rationale = "by plain judgement"
"""


def _entries(*rows: tuple[str, float, float, float, str]) -> str:
    return "".join(ENTRY.format(name=n, unit="1", q05=a, q50=b, q95=c, family=f) for n, a, b, c, f in rows)


FILES["priors/factors.toml"] = (
    "schema = 1\n"
    + '[tails]\ndf = 4\nrationale = "by plain judgement"\n'
    + _entries(
        ("half_life.strain", 4.0, 10.0, 25.0, "lognormal"),
        ("half_life.front", 2.0, 6.0, 20.0, "lognormal"),
        ("factor_scale.default", 0.4, 1.0, 2.5, "lognormal"),
        ("level.strain", 0.2, 0.5, 1.5, "lognormal"),
        ("level_start.strain", -1.0, 0.0, 1.0, "normal"),
        ("pulse.strain", 1.0, 2.0, 4.0, "lognormal"),
    )
)
FILES["priors/loadings.toml"] = (
    "schema = 1\n"
    + '[robust]\ndf = 4\nrationale = "by plain judgement"\n[grades]\nA = 1.0\nB = 1.2\nC = 1.5\nrationale = "by plain judgement"\n'
    + _entries(
        ("loading.default", 0.5, 1.0, 2.0, "lognormal"),
        ("intercept.wage", -1.0, 0.0, 1.0, "normal"),
        ("noise.default", 0.1, 0.3, 0.9, "lognormal"),
        ("noise.wage", 0.2, 0.4, 0.8, "lognormal"),
        ("dispersion.default", 0.5, 2.0, 8.0, "lognormal"),
        ("capture.clashes.early", 0.2, 0.4, 0.6, "logitnormal"),
    )
)
FILES["priors/hazard.toml"] = (
    "schema = 1\n"
    + '[announced]\nnamed_week_share = 0.8\nrationale = "by plain judgement"\n'
    + _entries(
        ("rhythm.week_1", 0.1, 0.3, 0.9, "lognormal"),
        ("rhythm.week_8", 0.02, 0.05, 0.12, "lognormal"),
        ("war_level", 0.3, 1.0, 3.3, "lognormal"),
        ("share_open.ost_ready", 0.1, 0.3, 0.6, "logitnormal"),
        ("share_open.west_ready", 0.1, 0.3, 0.6, "logitnormal"),
        ("tempered.share_open.ost_ready", 0.2, 0.5, 0.8, "logitnormal"),
        ("cause_weight.default", 0.25, 1.0, 4.0, "lognormal"),
        ("kept.agreed", 0.5, 0.8, 0.95, "logitnormal"),
        ("kept.one_side", 0.1, 0.3, 0.6, "logitnormal"),
        ("kept.third_party", 0.02, 0.1, 0.35, "logitnormal"),
        ("kept.leaders", 0.005, 0.03, 0.15, "logitnormal"),
        ("recorded.agreed", 0.6, 0.8, 0.95, "logitnormal"),
        ("recorded.one_side", 0.2, 0.4, 0.6, "logitnormal"),
        ("share_announced", 0.6, 0.8, 0.93, "logitnormal"),
        ("class_split.agreed", 0.5, 0.7, 0.9, "logitnormal"),
        ("lead.median", 1.5, 3.0, 6.0, "lognormal"),
        ("lead.spread", 0.6, 1.0, 1.6, "lognormal"),
        ("best_to_worst", 3.0, 7.0, 25.0, "lognormal"),
    ).replace("[best_to_worst]\n", '[best_to_worst]\non = "log"\n')
)
FILES["priors/reference_class.csv"] = """\
months_dormant_from,months_dormant_to,source,months_at_risk,resumptions,wars,rate_per_month,lo90,hi90,citation
1,3,one,100,20,10,0.2,0.1,0.3,smith2000
1,3,two,200,20,10,0.1,0.05,0.2,smith2000
4,,one,400,8,10,0.02,0.01,0.04,smith2000
4,,two,600,6,10,0.01,0.005,0.02,smith2000
"""


@pytest.fixture
def make_workspace(tmp_path: Path) -> Callable[..., Workspace]:
    """Write the workspace, with (old, new) replaced once in a file where asked."""

    def make(*changes: tuple[str, str, str]) -> Workspace:
        texts = dict(FILES)
        for name, old, new in changes:
            assert old in texts[name], f"nothing to change in {name}"
            texts[name] = texts[name].replace(old, new, 1)
        for name, text in texts.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return read_workspace(tmp_path)

    return make


@pytest.fixture
def read_files() -> Callable[[Workspace], PriorFiles]:
    """Read a workspace's priors with its claims and contracts."""
    return lambda workspace: read_priors(workspace, read_claims(workspace), read_contracts(workspace))

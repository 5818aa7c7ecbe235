"use strict";
// The what-if panel: the futures of the page's data, changed as the sliders say. attribution/what_if.py has the same in NumPy, with the formulas.
(() => {
  const at = (id) => document.getElementById(id);
  const data = JSON.parse(at("panel-data").textContent);
  const { first, horizon_share, whole, horizons, dormancy, sided, levels, cumulative } = data;
  const factors = data.factors.length, conditions = data.conditions.length, weeks = whole.length;
  const regressors = factors + 2 * sided.length;
  const longest = data.outside.length;
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const oneSided = (x) => (Math.log1p(Math.exp(-Math.abs(4 * x))) + Math.max(4 * x, 0) - Math.LN2) / 4;

  // One fit: what hazards read of each draw and path, and the log odds of its conditions as forecast.
  function openFit(fit) {
    const { draws, pairs, low, step, columns } = fit;
    const codes = new Uint16Array(bytes(fit.numbers).buffer), coarse = new Int8Array(bytes(fit.departures).buffer);
    const begins = {};
    let width = 0;
    for (const [name, number] of Object.entries(columns)) { begins[name] = width; width += number; }
    const number = (s, name, i) => { const place = begins[name] + i; return low[place] + step[place] * codes[s * width + place]; };
    const paths = 2 * pairs, later = weeks - first;
    const z = new Float64Array(draws * paths * factors * weeks), pulse = new Float64Array(draws * factors * weeks);
    const phi = new Float64Array(draws * factors), level = new Float64Array(draws * factors), spread = new Float64Array(draws * factors);
    const ratio = new Float64Array(draws * factors).fill(1);  // standard deviations of what hazards read for one of the path
    const weight = new Float64Array(draws * conditions * regressors), offsets = columns.offset;
    const offset = new Float64Array(draws * offsets);  // to log odds, or to the log of their product
    const odds = new Float64Array(draws * paths * weeks * conditions), base = new Float64Array(draws * longest);
    const state = new Float64Array(draws * dormancy.length), announced = new Float64Array(draws * weeks);
    const unannounced = new Float64Array(draws * weeks);
    for (let s = 0; s < draws; s++) {
      for (let c = 0; c < offsets; c++) offset[s * offsets + c] = number(s, "offset", c);
      dormancy.forEach((_, d) => { state[s * dormancy.length + d] = number(s, "state", d); });
      for (let d = 0; d < longest; d++) {
        base[s * longest + d] = Math.exp(data.outside[d].reduce((sum, share, knot) => sum + share * number(s, "outside", knot), 0));
      }
      data.exposure.forEach((shares, kind) => shares.forEach((share, j) => {
        announced[s * weeks + j] -= share * Math.log1p(-number(s, "kept", kind));
      }));
      for (let j = 0; j < weeks; j++) unannounced[s * weeks + j] = number(s, "unannounced", j);
      for (const [c, r, e] of data.placement) weight[(s * conditions + c) * regressors + r] = number(s, "weight", e);
      levels.forEach((k, i) => { level[s * factors + k] = number(s, "level", i); });
      cumulative.forEach((k, i) => { ratio[s * factors + k] = number(s, "ratio", i); });
      for (let k = 0; k < factors; k++) {
        const kept = phi[s * factors + k] = number(s, "persistence", k);
        spread[s * factors + k] = number(s, "factor_scale", k);
        const jump = data.pulsed.indexOf(k);
        for (let j = 0; jump >= 0 && j < weeks; j++) pulse[(s * factors + k) * weeks + j] = number(s, "pulse", jump) * kept ** j;
        if (cumulative.includes(k)) for (let j = 0; j < weeks; j++) pulse[(s * factors + k) * weeks + j] += level[s * factors + k];
        for (let m = 0; m < paths; m++) {
          const row = ((s * paths + m) * factors + k) * weeks, noise = ((s * pairs + m % pairs) * factors + k) * later;
          for (let j = 0; j < first; j++) z[row + j] = number(s, "start", j * factors + k);
          const last = z[row + first - 1], sign = m < pairs ? fit.scale[k] : -fit.scale[k];
          for (let j = 0; j < later; j++) z[row + first + j] = last * kept ** (j + 1) + sign * coarse[noise + j];
        }
      }
      for (let m = 0; m < paths; m++) for (let j = 0; j < weeks; j++) for (let c = 0; c < conditions; c++) {
        let sum = number(s, "intercept", c);
        const own = (s * conditions + c) * regressors;
        for (let k = 0; k < factors; k++) {
          const value = ratio[s * factors + k] * (z[((s * paths + m) * factors + k) * weeks + j] + pulse[(s * factors + k) * weeks + j]);
          const side = factors + 2 * sided.indexOf(k);
          sum += weight[own + k] * value;
          if (side >= factors) sum += weight[own + side] * oneSided(value) + weight[own + side + 1] * oneSided(-value);
        }
        odds[((s * paths + m) * weeks + j) * conditions + c] = sum;
      }
    }
    const conjunctive = fit.variant === "conjunctive", share = fit.weight;
    return { conjunctive, share, draws, paths, z, pulse, phi, level, spread, ratio, weight, offset, odds, base, state, announced, unannounced };
  }

  const touched = data.factors.map((_, k) => [...new Set(data.placement.filter(([, r]) => r === k || sided[(r - factors) >> 1] === k).map(([c]) => c))]);
  const ends = horizon_share.map((shares) => shares.findLastIndex((share) => share > 0));  // the week in which each horizon ends

  // Where each held factor is held, week by week: its tick, or null where it is free.
  function courses(moves) {
    const found = new Map();
    for (const { factor, tick, first: begin, last } of moves) {
      if (!found.has(factor)) found.set(factor, whole.map(() => null));
      for (let j = begin + first - 1; j < weeks && j <= last + first - 1; j++) found.get(factor)[j] = data.factors[factor].ticks[tick];
    }
    return found;
  }

  // Add to one future's log odds what holding factor k does to them.
  function hold(fit, s, m, k, course, odds) {
    const phi = fit.phi[s * factors + k], level = fit.level[s * factors + k], spread = fit.spread[s * factors + k];
    const ratio = fit.ratio[s * factors + k], side = factors + 2 * sided.indexOf(k);
    const row = ((s * fit.paths + m) * factors + k) * weeks, jump = (s * factors + k) * weeks;
    for (let j = first, moved = 0; j < weeks; j++) {
      const z = fit.z[row + j];
      moved = course[j] === null ? phi * moved : (course[j][0] === null ? course[j][1] : course[j][1] / spread - level) - z;
      if (moved === 0) continue;
      const by = ratio * moved, was = ratio * (z + fit.pulse[jump + j]);
      for (const c of touched[k]) {
        const own = (s * conditions + c) * regressors;
        odds[j * conditions + c] += fit.weight[own + k] * by;
        if (side >= factors) {
          odds[j * conditions + c] += fit.weight[own + side] * (oneSided(was + by) - oneSided(was));
          odds[j * conditions + c] += fit.weight[own + side + 1] * (oneSided(-was - by) - oneSided(-was));
        }
      }
    }
  }

  // The chance of a round by each horizon and week, and how open conditions are, with some factors held and log odds shifted.
  function answer(fits, moves, shifts) {
    const found = { within: horizons.map(() => 0), byWeek: new Float64Array(weeks), open: shifts.map(() => 0) };
    const held = [...courses(moves)], odds = new Float64Array(weeks * conditions), lift = new Float64Array(weeks);
    const total = fits.reduce((sum, fit) => sum + fit.share, 0);
    const needed = fits.reduce((sum, fit) => sum + (fit.conjunctive ? fit.share : 0), 0);  // only where all are needed may a condition be said to be open
    for (const fit of fits) {
      const share = fit.share / (total * fit.draws * fit.paths), opened = fit.conjunctive ? share * total / needed : 0;
      for (let s = 0; s < fit.draws; s++) for (let m = 0; m < fit.paths; m++) {
        const begin = (s * fit.paths + m) * weeks * conditions;
        odds.set(fit.odds.subarray(begin, begin + weeks * conditions));
        for (const [k, course] of held) hold(fit, s, m, k, course, odds);
        for (let j = 0; j < weeks; j++) {
          lift[j] = fit.conjunctive ? Math.exp(fit.offset[s]) : 0;
          for (let c = 0; c < conditions; c++) {
            const moved = odds[j * conditions + c] + shifts[c], open = 1 / (1 + Math.exp(-moved));
            if (fit.conjunctive) lift[j] *= open;
            else lift[j] += Math.exp(moved + fit.offset[s * conditions + c]);
            if (j < horizons[0]) found.open[c] += opened * open / horizons[0];
          }
        }
        for (let d = 0; d < dormancy.length; d++) {
          const weight = share * fit.state[s * dormancy.length + d], own = s * longest + dormancy[d] - 1;
          for (let j = 0, sum = 0; j < weeks; j++) {
            const rate = lift[j] * fit.base[own + j] * fit.unannounced[s * weeks + j], announced = fit.announced[s * weeks + j];
            for (let h = 0; h < ends.length; h++) if (j === ends[h]) {
              found.within[h] += weight * (1 - Math.exp(-sum - rate * horizon_share[h][j] - announced * data.announced_share[h][j]));
            }
            sum += rate * whole[j] + announced;
            found.byWeek[j] += weight * (1 - Math.exp(-sum));
          }
        }
      }
    }
    return found;
  }

  const fits = data.fits.map(openFit);
  const shifts = data.conditions.map(() => 0);
  const held = new Map();  // factor to its moves
  const forecast = answer(fits, [], shifts);
  const weeksHeld = at("panel-weeks"), chosen = at("panel-scenario");
  const percent = (share, digits) => `${(100 * share).toFixed(digits)}\u00a0%`;
  const minus = (text) => text.replace("-", "\u2212");

  function show() {
    const answered = answer(fits, [...held.values()].flat(), shifts);
    horizons.forEach((_, h) => {
      const points = (Math.round(1000 * answered.within[h]) - Math.round(1000 * forecast.within[h])) / 10;
      at(`panel-chance-${h}`).textContent = percent(answered.within[h], 1);
      at(`panel-change-${h}`).textContent = points ? `forecast ${percent(forecast.within[h], 1)}, ${minus((points > 0 ? "+" : "") + points.toFixed(1))} points` : "as forecast";
    });
    const [left, right, bottom, top] = data.frame;
    const points = [0, ...answered.byWeek].map((chance, j) =>
      `${(left + (right - left) * j / weeks).toFixed(2)} ${(bottom + (top - bottom) * chance).toFixed(2)}`);
    at("panel-what-if").querySelector("path").setAttribute("d", `M ${points.join(" L ")}`);
    shifts.forEach((shift, c) => {
      const [now, then] = [forecast.open[c], answered.open[c]].map((share) => percent(share, 0));
      const odds = shift ? `odds \u00d7 ${Math.exp(shift).toPrecision(2)}: ` : "";
      showText(at(`panel-condition-${c}`), `${odds}open ${then} of the time${now === then ? "" : `, as forecast ${now}`}`);
    });
    data.factors.forEach((factor, k) => {
      const spans = (held.get(k) || []).map((move) =>
        `${factor.texts[move.tick]}, ${move.first === move.last ? `week ${move.first}` : `weeks ${move.first} to ${move.last}`}`);
      at(`panel-hold-${k}`).checked = held.has(k);
      showText(at(`panel-factor-${k}`), spans.length ? spans.join("; ") : factor.rest_text);
    });
    showText(weeksHeld, chosen && chosen.value !== "" ? "as the scenario has it" : weeksHeld.value === "1" ? "1 week" : `${weeksHeld.value} weeks`);
  }

  function showText(slider, text) {
    slider.setAttribute("aria-valuetext", text);
    at(`${slider.id}-text`).textContent = text;
  }

  let waiting = false;  // several events of one frame are answered once
  function soon() {
    if (!waiting) requestAnimationFrame(() => { waiting = false; show(); });
    waiting = true;
  }

  function asForecast() {
    held.clear();
    shifts.fill(0);
    weeksHeld.value = weeksHeld.defaultValue;
    data.conditions.forEach((_, c) => { at(`panel-condition-${c}`).value = 0; });
    data.factors.forEach((factor, k) => { at(`panel-factor-${k}`).value = factor.rest; });
  }

  data.conditions.forEach((_, c) => at(`panel-condition-${c}`).addEventListener("input", (event) => {
    shifts[c] = Number(event.target.value) / 10;
    if (chosen) chosen.value = "";
    soon();
  }));
  data.factors.forEach((factor, k) => {
    const slider = at(`panel-factor-${k}`), hold = at(`panel-hold-${k}`);
    const move = () => {
      const [span] = held.get(k) || [{ first: 1, last: Number(weeksHeld.value) }];
      held.set(k, [{ ...span, factor: k, tick: Number(slider.value) }]);
      if (chosen) chosen.value = "";
      soon();
    };
    slider.addEventListener("input", move);
    hold.addEventListener("change", () => {
      if (hold.checked) return move();
      held.delete(k);
      slider.value = factor.rest;
      if (chosen) chosen.value = "";
      soon();
    });
  });
  weeksHeld.addEventListener("input", () => {
    for (const [k, [move]] of held) held.set(k, [{ ...move, first: 1, last: Number(weeksHeld.value) }]);
    if (chosen && held.size) chosen.value = "";
    soon();
  });
  if (chosen) chosen.addEventListener("change", () => {
    asForecast();
    for (const move of chosen.value === "" ? [] : data.scenarios[chosen.value].moves) {
      held.set(move.factor, [...(held.get(move.factor) || []), move]);
      at(`panel-factor-${move.factor}`).value = move.tick;
    }
    soon();
  });
  at("panel-reset").addEventListener("click", () => {
    asForecast();
    if (chosen) chosen.value = "";
    soon();
  });
  show();
  at("panel-off").remove();
  at("panel").hidden = false;
})();

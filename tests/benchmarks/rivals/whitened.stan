/* The whitened density, as an expert would write it: loops for the recursions, every shared quantity computed once, densities on vectors.
 *
 * Sums over rows of pseudo-observations are products with sparse matrices of data; the log density of the white noise and the part of the
 * whitening map that undoes it cancel and stand nowhere. problem.py explains the names.
 */
data {
  int n_x, n_indicator, n_scaled, n_relative, n_measured, n_counted, n_row, n_group, n_count_row, n_count_group;
  int n_factor, n_week, n_level, n_knot, n_pulse, n_effect, n_condition, n_regressor, n_sided, n_point;
  int n_class, n_dormancy, n_curve, n_kept, n_risk, n_pair, n_entry, n_several, n_arrival;
  // first and last coordinate of each block of x
  array[2] int at_half_life, at_level, at_level_start, at_level_moves, at_factor_scale, at_loading, at_intercept, at_noise, at_dispersion, at_capture;
  array[2] int at_white_noise, at_pulse, at_intercept_open, at_log_best_to_worst, at_effect_size, at_log_rhythm, at_log_war_level, at_deviation, at_track_record, at_kept, at_sensitivity;
  array[2] int at_recorded, at_share_announced, at_class_split, at_lead_median, at_lead_spread;
  vector[n_x] mean, sd;
  array[n_indicator] int indicator_factor;
  array[n_scaled] int scaled;
  array[n_relative] int relative;
  vector[n_measured] floor;
  real noise_tails, factor_tails;
  vector[n_measured] bent;
  vector[n_row] value;
  array[n_row] int first, last, middle, row_group;
  array[n_group] int group_indicator;
  vector[n_group] group_widening, group_sampling;
  array[n_count_row] int count_week, count_group;
  vector[n_count_row] log_exposure;
  vector[n_count_group] count;
  array[n_count_group] int count_indicator, count_era;
  vector[n_count_group] count_inverse_mean, count_response;
  vector[n_counted] count_scale, count_log_centre;
  vector[n_factor] heavy;
  array[n_level] int level_factor;
  vector[n_level] cumulative;
  matrix[n_knot, n_week] level_basis;
  array[n_pulse] int pulse_factor;
  matrix[n_pulse, n_week] pulse_since;
  array[n_effect, n_condition, n_regressor] real placement;
  vector[n_effect] leverage;
  array[n_sided] int sided;
  matrix[n_regressor, n_point] points;
  vector[n_class] class_log_rate;
  matrix[n_dormancy, n_curve] outside_basis;
  vector[n_dormancy] dormant_share;
  vector[n_risk] log_months;
  matrix[n_kept, n_risk] announced;
  int start;
  array[n_risk] int found;
  vector[n_risk] log_share;
  array[n_risk] int place;
  array[n_risk] int searched;
  vector[n_risk] arrived;
  array[n_arrival] int arrival_kind;
  vector[n_arrival] arrival_lead;
  // rows of all pseudo-observations in the order of their cells (week after week), as compressed sparse rows
  vector[n_entry] entry_shift;
  array[n_entry] int entry_group;
  array[n_week * n_factor + 1] int entry_start;
  // pairs of counted indicator and count
  array[n_pair] int pair_indicator;
  vector[n_pair] pair_count, pair_repeats;
  // continuous rows of several weeks
  array[n_several] int several;
}
transformed data {
  int n_cell = n_factor * n_week;
  int n_all = n_group + n_count_group;
  vector[n_entry] ones = ones_vector(n_entry);
  vector[n_group] rows_of = zeros_vector(n_group);
  array[n_row] int row_indicator = group_indicator[row_group];
  vector[n_row] row_bent = bent[row_indicator];
  vector[n_group] share = 1 - 2 / (noise_tails + 3) * bent[group_indicator];
  array[n_row] int last_cell, middle_cell;
  array[n_count_row] int count_cell;
  array[n_count_row] int count_row_indicator = count_indicator[count_group];
  vector[n_count_row] count_of_row = count[count_group];
  matrix[n_condition * n_regressor, n_effect] placing;
  array[n_factor] int with_level = zeros_int_array(n_factor);
  for (l in 1 : n_level) {
    with_level[level_factor[l]] = 1;
  }
  for (j in 1 : n_row) {
    int k = indicator_factor[row_indicator[j]];
    rows_of[row_group[j]] += 1;
    last_cell[j] = (last[j] - 1) * n_factor + k;
    middle_cell[j] = (middle[j] - 1) * n_factor + k;
  }
  for (j in 1 : n_count_row) {
    count_cell[j] = (count_week[j] - 1) * n_factor + indicator_factor[n_measured + count_row_indicator[j]];
  }
  array[n_factor, n_week] int cell;
  array[n_cell] int factor_of; // of every cell
  array[n_cell] int white; // the place of its white noise in x
  int n_heavy = to_int(sum(heavy)) * (n_week - 1);
  int n_smooth = n_cell - n_factor - n_heavy;
  array[n_smooth] int smooth; // cells after the first week, by the tails of their factor
  array[n_heavy] int shocked;
  int heavy_cells = 0;
  for (k in 1 : n_factor) {
    for (t in 1 : n_week) {
      cell[k, t] = (t - 1) * n_factor + k;
      factor_of[cell[k, t]] = k;
      white[cell[k, t]] = at_white_noise[1] + (k - 1) * n_week + t - 1;
      if (t > 1) {
        if (heavy[k] == 1) {
          heavy_cells += 1;
          shocked[heavy_cells] = cell[k, t];
        } else {
          smooth[n_week * (k - 1) + t - k - heavy_cells] = cell[k, t];
        }
      }
    }
  }
  array[n_smooth] int smooth_before;
  array[n_heavy] int shocked_before;
  for (i in 1 : n_smooth) {
    smooth_before[i] = smooth[i] - n_factor;
  }
  for (i in 1 : n_heavy) {
    shocked_before[i] = shocked[i] - n_factor;
  }
  for (e in 1 : n_effect) {
    for (c in 1 : n_condition) {
      for (k in 1 : n_regressor) {
        placing[(k - 1) * n_condition + c, e] = placement[e, c, k] * leverage[e];
      }
    }
  }
}
parameters {
  vector[n_x] x;
}
model {
  vector[n_factor] phi = exp(-log2() * exp(-x[at_half_life[1] : at_half_life[2]]));
  vector[n_factor] scale = ones_vector(n_factor);
  vector[n_indicator] loading;
  vector[n_indicator] intercept = zeros_vector(n_indicator);
  vector[n_measured] spread = floor + exp(x[at_noise[1] : at_noise[2]]);
  vector[n_counted] alpha = exp(x[at_dispersion[1] : at_dispersion[2]]);
  vector[n_counted] slope;
  vector[n_group] variance = group_widening .* square(spread[group_indicator]) + group_sampling;
  vector[n_count_group] count_at_zero;
  vector[n_cell] level = zeros_vector(n_cell);
  vector[n_cell] path;

  x[1 : at_white_noise[1] - 1] ~ normal(mean[1 : at_white_noise[1] - 1], sd[1 : at_white_noise[1] - 1]);
  x[at_white_noise[2] + 1 : n_x] ~ normal(mean[at_white_noise[2] + 1 : n_x], sd[at_white_noise[2] + 1 : n_x]);
  scale[scaled] = exp(x[at_factor_scale[1] : at_factor_scale[2]]);
  loading = scale[indicator_factor];
  loading[relative] = loading[relative] .* exp(x[at_loading[1] : at_loading[2]]);
  intercept[relative] = x[at_intercept[1] : at_intercept[2]];
  slope = count_scale .* loading[n_measured + 1 : n_indicator];
  for (l in 1 : n_level) {
    int first_move = at_level_moves[1] + (l - 1) * n_knot;
    vector[n_knot] moves = append_row(0, cumulative_sum(x[first_move + 1 : first_move + n_knot - 1]));
    level[cell[level_factor[l]]] = level_basis' * (x[at_level_start[1] + l - 1] + exp(x[at_level[1] + l - 1]) * moves) / scale[level_factor[l]];
  }

  // pseudo-observations and the whitening map
  {
    vector[n_all] weight, base, own;
    vector[n_cell] precision, information;
    vector[n_group] group_loading = loading[group_indicator];
    vector[n_counted] fixed = count_log_centre + count_scale .* intercept[n_measured + 1 : n_indicator];
    vector[n_count_group] slopes = slope[count_indicator];
    count_at_zero = fixed[count_indicator] + append_row(log_inv_logit(x[at_capture[1] : at_capture[2]]), 0)[count_era];
    weight = append_row(share .* group_loading ./ variance,
                        slopes ./ (count_inverse_mean + inv(alpha)[count_indicator]));
    own = weight .* append_row(group_loading, slopes);
    base = append_row(-intercept[group_indicator], count_response - count_at_zero);
    precision = csr_matrix_times_vector(n_cell, n_all, ones, entry_group, entry_start, own);
    information = csr_matrix_times_vector(n_cell, n_all, entry_shift, entry_group, entry_start, weight)
                  + csr_matrix_times_vector(n_cell, n_all, ones, entry_group, entry_start, weight .* base);
    // a slow level takes the same part of the precision in every week, but where a row's last week is not its middle one
    for (l in 1 : n_level) {
      information[cell[level_factor[l]]] -= precision[cell[level_factor[l]]] .* level[cell[level_factor[l]]];
    }
    for (i in 1 : n_several) {
      int j = several[i];
      if (with_level[indicator_factor[row_indicator[j]]] == 1) {
        information[middle_cell[j]] -= own[row_group[j]] * (level[last_cell[j]] - level[middle_cell[j]]);
      }
    }
    {
      vector[n_factor] tight = inv(1 - square(phi));
      vector[n_factor] pull = phi .* tight;
      vector[n_factor] pull_squared = square(pull);
      vector[n_factor] inner = tight .* (1 + square(phi));
      vector[n_factor] spread_of_shocks = inv_sqrt(tight);
      vector[n_cell] d = precision + append_row(tight, append_row(inner[factor_of[n_factor + 1 : n_cell - n_factor]], tight));
      vector[n_cell] w, v, c, y, u; // w = pull² v
      int last_week = n_cell - n_factor;
      w[1 : n_factor] = pull_squared ./ d[1 : n_factor];
      for (t in 2 : n_week) {
        int at = (t - 1) * n_factor;
        w[at + 1 : at + n_factor] = pull_squared ./ (d[at + 1 : at + n_factor] - w[at - n_factor + 1 : at]);
      }
      v = w ./ pull_squared[factor_of];
      c = w ./ pull[factor_of];
      y[1 : n_factor] = information[1 : n_factor];
      for (t in 2 : n_week) {
        int at = (t - 1) * n_factor;
        y[at + 1 : at + n_factor] = fma(c[at - n_factor + 1 : at], y[at - n_factor + 1 : at], information[at + 1 : at + n_factor]);
      }
      u = v .* y + sqrt(v) .* x[white];
      path[last_week + 1 : n_cell] = u[last_week + 1 : n_cell];
      for (t in 1 : n_week - 1) {
        int at = last_week - t * n_factor;
        path[at + 1 : at + n_factor] = fma(c[at + 1 : at + n_factor], path[at + n_factor + 1 : at + 2 * n_factor], u[at + 1 : at + n_factor]);
      }
      target += -0.5 * normal_lupdf(zeros_vector(n_cell) | 0, v); // ½ Σ log v
      path[1 : n_factor] ~ std_normal();
      path[smooth] ~ normal(phi[factor_of[smooth]] .* path[smooth_before], spread_of_shocks[factor_of[smooth]]);
      path[shocked] ~ student_t(factor_tails, phi[factor_of[shocked]] .* path[shocked_before],
                                sqrt((factor_tails - 2) / factor_tails) * spread_of_shocks[factor_of[shocked]]);
    }
  }

  // rows
  {
    vector[n_cell] strength = path + level;
    vector[n_row] known = strength[last_cell];
    for (i in 1 : n_several) {
      int j = several[i];
      known[j] = mean(path[cell[indicator_factor[row_indicator[j]], first[j] : last[j]]]) + level[last_cell[j]];
    }
    vector[n_row] square_off = square(value - intercept[row_indicator] - loading[row_indicator] .* known) ./ variance[row_group];
    target += -0.5 * ((noise_tails + 1) * dot_product(row_bent, log1p(square_off / noise_tails)) + dot_product(1 - row_bent, square_off));
    target += -0.5 * dot_product(rows_of, log(variance));
    if (n_count_row > 0) {
      vector[n_count_row] eta = count_at_zero[count_group] + slope[count_row_indicator] .* strength[count_cell] + log_exposure;
      vector[n_counted] log_alpha = log(alpha);
      vector[n_pair] a = alpha[pair_indicator];
      // the gamma functions cost most: once for each pair of indicator and count
      target += dot_product(pair_repeats, lgamma(pair_count + a) - lgamma(a) - pair_count .* log_alpha[pair_indicator]);
      target += dot_product(count_of_row, eta);
      target += -dot_product(count_of_row + alpha[count_row_indicator], log1p_exp(eta - log_alpha[count_row_indicator]));
    }
  }

  // the inside view and the record of rounds
  {
    vector[n_condition] intercept_open = x[at_intercept_open[1] : at_intercept_open[2]];
    vector[n_effect] effect = exp(x[at_log_best_to_worst[1]]) * x[at_effect_size[1] : at_effect_size[2]];
    matrix[n_condition, n_regressor] weight = to_matrix(placing * effect, n_condition, n_regressor);
    matrix[n_regressor, n_risk] regressor;
    matrix[n_condition, n_risk] moved;
    matrix[n_condition, n_point] at_points = weight * points;
    row_vector[n_risk] inside = zeros_row_vector(n_risk);
    row_vector[n_point] score = zeros_row_vector(n_point);
    for (k in 1 : n_factor) {
      regressor[k] = path[cell[k, start - 1 : start + n_risk - 2]]';
    }
    for (i in 1 : n_pulse) {
      int k = pulse_factor[i];
      real size = exp(x[at_pulse[1] + i - 1]);
      for (t in 1 : n_risk) {
        real since = pulse_since[i, start - 2 + t];
        if (since >= 0) {
          regressor[k, t] += size * phi[k] ^ since;
        }
      }
    }
    for (l in 1 : n_level) {
      if (cumulative[l] > 0) {
        int k = level_factor[l];
        regressor[k] += level[cell[k, start - 1 : start + n_risk - 2]]';
        regressor[k] /= sqrt(1 + 8 * square(exp(x[at_level[1] + l - 1]) / scale[k]));
      }
    }
    for (i in 1 : n_sided) {
      row_vector[n_risk] four = 4 * regressor[sided[i]];
      row_vector[n_risk] plus = log1p_exp(four);
      regressor[n_factor + 2 * i - 1] = 0.25 * (plus - log2());
      regressor[n_factor + 2 * i] = 0.25 * (plus - four - log2()); // softplus(-x) = softplus(x) - x
    }
    moved = weight * regressor;
    for (c in 1 : n_condition) {
      inside += log_inv_logit(intercept_open[c] + moved[c]);
      score += log_inv_logit(intercept_open[c] + at_points[c]);
    }
    inside -= log_sum_exp(score) - log(n_point);

    vector[n_curve] knots = append_row(x[at_log_rhythm[1] : at_log_rhythm[2]], class_log_rate + x[at_log_war_level[1]] + x[at_deviation[1] : at_deviation[2]]);
    vector[n_dormancy] log_average = outside_basis * knots;
    vector[n_dormancy] log_curve;
    vector[n_dormancy] curve;
    row_vector[n_risk] added = log1p_exp(x[at_kept[1] : at_kept[2]])' * announced;
    row_vector[n_risk] log_lift = inside + log_share';
    row_vector[n_risk] lift = exp(log_lift);
    // of each class the share of rounds that are announced on record, and meetings announced anew for each round
    int n_tied = at_recorded[2] - at_recorded[1] + 1;
    vector[n_tied] recorded = inv_logit(x[at_share_announced[1]]) * inv_logit(x[at_recorded[1] : at_recorded[2]]);
    vector[n_tied] arriving;
    {
      vector[n_tied - 1] split = inv_logit(x[at_class_split[1] : at_class_split[2]]);
      real rest = 1;
      for (k in 1 : n_tied - 1) {
        recorded[k] *= rest * split[k];
        rest *= 1 - split[k];
      }
      recorded[n_tied] *= rest;
    }
    arriving = recorded ./ inv_logit(x[at_kept[1] : at_kept[1] + n_tied - 1]);
    real on_record = sum(recorded);
    real rate = sum(arriving);
    real log_rate = log(rate);
    target += log(arriving[arrival_kind]) - log_rate;
    for (j in 1 : n_arrival) {
      real spread_of_lead = exp(x[at_lead_spread[1]]);
      real late = (log(arrival_lead[j]) - x[at_lead_median[1]]) / spread_of_lead;
      if (arrival_lead[j] == 1) {
        target += std_normal_lcdf(late);
      } else {
        real early = (log(arrival_lead[j] - 1) - x[at_lead_median[1]]) / spread_of_lead;
        // of the tail that loses no digits
        target += late < 0 ? log_diff_exp(std_normal_lcdf(late), std_normal_lcdf(early)) : log_diff_exp(std_normal_lcdf(-early), std_normal_lcdf(-late));
      }
    }
    vector[at_sensitivity[2] - at_sensitivity[1] + 3] ends = append_row(inv_logit(x[at_sensitivity[1] : at_sensitivity[2]]), [0, 1]');
    // of each dormancy the log probability that the silence began then and that nothing was heard since, up to what all share
    vector[n_dormancy + 1] log_silent;
    real shared = 0;
    real log_total = 0;
    int states = 1;
    log_silent[1] = 0;
    for (t in 1 : n_risk) {
      real q = ends[place[t]];
      real unannounced = 1;
      if (states == 1) { // the track record changes after a round alone
        log_curve = log_average + x[at_track_record[1]] * log_months[t] * dormant_share;
        curve = -exp(log_curve);
      }
      if (searched[t] == 1) {
        real seen;
        unannounced -= on_record;
        log_silent[1 : states] += arrived[t] * (log_curve[1 : states] + log_lift[t] + log_rate) + rate * lift[t] * curve[1 : states];
        seen = log_sum_exp(log_silent[1 : states]) + shared;
        target += seen - log_total;
        log_total = seen;
      }
      vector[states] still = unannounced * lift[t] * curve[1 : states] + log_silent[1 : states];
      real held;
      shared -= added[t];
      held = 1 - exp(log_sum_exp(still) + shared - log_total);
      if (found[t] == 1) {
        target += log(q * held);
        states = 1;
        log_silent[1] = 0;
        shared = 0;
        log_total = 0;
      } else {
        real likelihood = log1m(q * held);
        target += likelihood;
        log_silent[1] = log_total + log((1 - q) * held) - shared;
        log_silent[2 : states + 1] = still;
        log_total += likelihood;
        states += 1;
      }
    }
  }
}

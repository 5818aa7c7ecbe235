// A Stan model for ctypes: its log density with gradient, and Stan's own NUTS, draws kept in memory. MODEL is the C++ that stanc has made.
#include MODEL

#include <chrono>
#include <cstring>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include <stan/callbacks/interrupt.hpp>
#include <stan/callbacks/stream_logger.hpp>
#include <stan/callbacks/writer.hpp>
#include <stan/io/array_var_context.hpp>
#include <stan/io/json/json_data.hpp>
#include <stan/model/gradient.hpp>
#include <stan/services/sample/hmc_nuts_diag_e_adapt.hpp>

namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

struct Capped {};  // no std::exception: Stan would take it for a failure

struct UntilCap : stan::callbacks::interrupt {
  double until;
  explicit UntilCap(double seconds) : until(now() + seconds) {}
  void operator()() override {
    if (now() > until) throw Capped();
  }
};

// Keeps leapfrog steps and divergence of every iteration, warm-up included, and x and the time of those after it.
struct Kept : stan::callbacks::writer {
  static constexpr int steps = 4, divergent = 5, first = 7;  // lp, acceptance, step size, depth, steps, divergent, energy, x
  int tune, size, rows = 0;
  double *x, *stats, tuned_at = 0;
  Kept(int tune, int size, double *x, double *stats) : tune(tune), size(size), x(x), stats(stats) {}
  using stan::callbacks::writer::operator();
  void operator()(const std::vector<double> &state) override {
    stats[2 * rows] = state[steps];
    stats[2 * rows + 1] = state[divergent];
    if (rows >= tune) std::memcpy(x + static_cast<size_t>(rows - tune) * size, state.data() + first, size * sizeof(double));
    if (++rows == tune) tuned_at = now();
  }
};

}  // namespace

extern "C" {

void *open_model(const char *json_file) {
  try {
    std::ifstream file(json_file);
    stan::json::json_data data(file);
    return &new_model(data, 0, &std::cerr);
  } catch (const std::exception &error) {
    std::cerr << error.what() << std::endl;
    return nullptr;
  }
}

int density(void *model, const double *x, int size, double *value, double *gradient) {
  try {
    auto &own = *static_cast<stan::model::model_base *>(model);
    Eigen::VectorXd at = Eigen::Map<const Eigen::VectorXd>(x, size), slope;
    stan::model::gradient(own, at, *value, slope, static_cast<std::ostream *>(nullptr));
    std::memcpy(gradient, slope.data(), size * sizeof(double));
    return 0;
  } catch (const std::exception &error) {
    std::cerr << error.what() << std::endl;
    return 1;
  }
}

// Returns the number of iterations done, warm-up included; -1 after an error. `times`: start, end of warm-up, end.
int sample(void *model, const double *start, int size, unsigned int seed, unsigned int chain, int tune, int draws, double delta, double cap,
           double *x, double *stats, double *times) {
  auto &own = *static_cast<stan::model::model_base *>(model);
  stan::io::array_var_context init({"x"}, std::vector<double>(start, start + size), {{static_cast<size_t>(size)}});
  stan::callbacks::stream_logger logger(std::cerr, std::cerr, std::cerr, std::cerr, std::cerr);
  stan::callbacks::logger silent;
  stan::callbacks::writer nowhere;
  UntilCap until(cap);
  Kept kept(tune, size, x, stats);
  times[0] = now();
  try {
    const int code = stan::services::sample::hmc_nuts_diag_e_adapt(own, init, seed, chain, 0.0, tune, draws, 1, true, 0, 1.0, 0.0, 10,
        delta, 0.05, 0.75, 10.0, 75, 50, 25, until, silent, nowhere, kept, nowhere);
    if (code != 0) return -1;
  } catch (const Capped &) {
  } catch (const std::exception &error) {
    std::cerr << error.what() << std::endl;
    return -1;
  }
  times[1] = kept.rows >= tune ? kept.tuned_at : now();
  times[2] = now();
  return kept.rows;
}
}

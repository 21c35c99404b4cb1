#include <regrad/algorithms/experiment/experiment.h>
#include <regrad/algorithms/experiment/report.h>
#include <regrad/engine/parallel.h>
#include <regrad/engine/profile.h>
#include <regrad/engine/version.h>

#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <new>

namespace regrad::experiment {
namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

int64_t peak_resident_bytes() {
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  return static_cast<int64_t>(use.ru_maxrss) * 1024;
}

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

std::string command_of(int argc, const char* const* argv) {
  std::string out;
  for (int i = 0; i < argc; ++i) {
    const std::string word = argv[i];
    const std::string shown = i == 0 ? word.substr(word.rfind('/') == std::string::npos ? 0 : word.rfind('/') + 1) : word;
    out += (i ? " " : "") + (shown.find_first_of(" '\"$&|;<>()*?") == std::string::npos && !shown.empty() ? shown : "'" + shown + "'");
  }
  return out;
}

void run_table(Experiment& experiment, const Options& o, const std::string& command) {
  std::unique_ptr<OutFolder> out;
  std::unique_ptr<JsonLines> log;
  const std::string config = to_json(experiment.fields());
  if (!o.out.empty()) {
    out = std::make_unique<OutFolder>(o.out, o.force);
    out->write("config.json", config);
    log = std::make_unique<JsonLines>(out->path("metrics.jsonl"));
  }
  const std::vector<Job> jobs = jobs_of(experiment, o);
  Progress progress(terminal_style(o.quiet));
  int64_t steps = 0;
  for (const Job& j : jobs) steps += experiment.trial(j)->steps();
  progress.start(steps, "steps");
  const double start = now();
  std::unique_ptr<Profile> profile = o.profile ? std::make_unique<Profile>() : nullptr;
  const std::vector<Finished> finished = run_jobs(experiment, jobs, progress, log.get());
  progress.finish();
  Result result = gather(experiment, o, finished);
  result.regrad = version();
  result.seconds = now() - start;
  result.peak_bytes = peak_resident_bytes();
  check(result);
  if (out) {
    const Card card = experiment.card();
    if (profile) out->write("profile.trace.json", profile->trace());
    int number = 0;
    for (const Chart& c : learning_curves(finished)) out->write("curve-" + std::to_string(++number) + ".svg", to_svg(c));
    out->write("report.html", to_html({card, result, finished, config, command}));
    out->write("result.json", to_json(result));  // last: it marks the folder as finished
  }
  print(table(result, locale_is_utf8()));
  if (profile) print("\n" + profile->table());
  if (out) print("\nreport: " + out->path("report.html") + "\n");
}

void act(Experiment& experiment, int argc, const char* const* argv) {
  const Options o = parse_options(experiment, argc, argv);
  switch (o.action) {
    case Options::help: return print(help_text(experiment));
    case Options::version: return print(version_text());
    case Options::print_config: return print(to_json(experiment.fields()));
    case Options::estimate: set_num_threads(1); return print(estimate(experiment, o));
    case Options::run: break;
  }
  set_num_threads(o.threads);
  run_table(experiment, o, command_of(argc, argv));
}

int failed(int code, const std::string& message) {
  std::fprintf(stderr, "regrad: %s\n", message.c_str());
  return code;
}

}  // namespace

int main(Experiment& experiment, int argc, const char* const* argv) {
  try {
    act(experiment, argc, argv);
    return std::fflush(stdout) == 0 ? 0 : failed(5, "cannot write to standard output");
  } catch (const ConfigError& e) {
    return failed(2, e.what());
  } catch (const DiskError& e) {
    return failed(5, e.what());
  } catch (const IOError& e) {
    return failed(3, e.what());
  } catch (const NumericError& e) {
    return failed(4, e.what());
  } catch (const OutOfMemory& e) {
    return failed(5, e.what());
  } catch (const std::bad_alloc&) {
    return failed(5, "out of memory");
  } catch (const std::exception& e) {
    return failed(1, e.what());
  }
}

}  // namespace regrad::experiment

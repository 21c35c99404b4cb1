#include <regrad/algorithms/experiment/experiment.h>
#include <regrad/algorithms/experiment/run.h>
#include <regrad/algorithms/experiment/signals.h>
#include <regrad/algorithms/experiment/table.h>
#include <regrad/engine/parallel.h>
#include <regrad/engine/version.h>

#include <cstdio>
#include <new>

namespace regrad::experiment {
namespace {

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

// The words as a shell takes them, without those that say what to do about an older run.
std::string command_of(int argc, const char* const* argv) {
  std::string out;
  for (int i = 0; i < argc; ++i) {
    std::string word = argv[i];
    if (i == 0) word = word.substr(word.rfind('/') == std::string::npos ? 0 : word.rfind('/') + 1);
    if (word == "--force" || word == "--resume") continue;
    const bool plain =
        !word.empty() && word.find_first_of(" \t\n'\"\\$&|;<>()*?[]{}~#!`") == std::string::npos;
    std::string quoted = "'";
    for (char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    out += (out.empty() ? "" : " ") + (plain ? word : quoted + "'");
  }
  return out;
}

void act(Experiment& experiment, int argc, const char* const* argv) {
  const Options o = parse_options(experiment, argc, argv);
  switch (o.action) {
    case Options::help: return print(help_text(experiment, o));
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
  return exit_code_of([&] { act(experiment, argc, argv); });
}

void each_file(const std::vector<std::string>& files,
               const std::function<void(const std::string&)>& f) {
  size_t bad = 0;
  for (const std::string& file : files) {
    try {
      f(file);
    } catch (const IOError& e) {
      if (files.size() == 1 || dynamic_cast<const DiskError*>(&e)) throw;
      ++bad;
      failed(3, e.what());
    }
  }
  if (bad > 0)
    throw IOError(std::to_string(bad) + " of " + std::to_string(files.size()) +
                  " files could not be read");
}

int exit_code_of(const std::function<void()>& program) {
  try {
    program();
    // a write that failed before leaves nothing to flush
    const bool flushed = std::fflush(stdout) == 0;
    return flushed && !std::ferror(stdout) ? 0 : failed(5, "cannot write to standard output");
  } catch (const Interrupted& e) {
    return failed(128 + e.signal, e.what());
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

#include <regrad/algorithms/experiment/data_files.h>
#include <regrad/algorithms/experiment/estimate.h>
#include <regrad/algorithms/experiment/experiment.h>
#include <regrad/algorithms/experiment/help.h>
#include <regrad/algorithms/experiment/left_out.h>
#include <regrad/algorithms/experiment/report.h>
#include <regrad/algorithms/experiment/run_config.h>
#include <regrad/algorithms/experiment/signals.h>
#include <regrad/algorithms/experiment/table.h>
#include <regrad/engine/parallel.h>
#include <regrad/engine/profile.h>
#include <regrad/engine/version.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <new>

namespace regrad::experiment {
namespace {

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

// A word as a shell takes it.
std::string quoted(std::string word) {
  if (!word.empty() && word.find_first_of(" \t\n'\"\\$&|;<>()*?[]{}~#!`") == std::string::npos)
    return word;
  for (size_t at = 0; (at = word.find('\'', at)) != std::string::npos; at += 4)
    word.replace(at, 1, "'\\''");
  return "'" + word + "'";
}

// Of a command two words: the program's and its own.
std::string program_of(const char* const* argv) {
  const std::string word = argv[0];
  return word.substr(word.rfind('/') + 1);  // npos + 1 is 0
}

// The words without those that decide what to do about an older run.
std::string command_of(int argc, const char* const* argv) {
  std::string out = program_of(argv);
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word != "--force" && word != "--resume") out += " " + quoted(word);
  }
  return out;
}

// The folder's earlier part of this run, or a new one.
Checkpoint begin(const Settings& settings, const Options& o, const OutFolder& out,
                 const std::string& command, Progress& progress) {
  const std::string data = from_root(o.data), files = files_below(data);
  if (o.resume && has_checkpoint(out)) {
    Checkpoint c =
        load_checkpoint(out, [&](const std::string& why) { progress.say("regrad: " + why); });
    check_same_settings(c.settings, settings, o.out);
    if (const std::string why = check_same_data(c, data, files, o.out); !why.empty())
      progress.say("regrad: " + why);
    if (c.build != version_text())
      progress.say("regrad: begun on\n" + c.build + "and going on with\n" + version_text() +
                   "so last digits may differ");
    return c;
  }
  need(!out.finished(),
       "--resume: " + o.out + " is finished, and its checkpoint is gone; --force starts over");
  return {settings, command, version_text(), data, files};
}

void run_all(const Experiment& experiment, Ledger& ledger, Progress& progress,
             const std::string& again) {
  int64_t steps = 0, done = 0;
  for (size_t r = 0; r < ledger.size(); ++r) {
    steps += experiment.steps(ledger.row(r).job);
    done += ledger.row(r).step;
  }
  progress.start(steps, "steps", done);
  run_rows(experiment, ledger, progress, again);
  progress.finish();
}

Result result_of(const Experiment& experiment, const Options& o, const std::vector<Row>& rows,
                 double seconds) {
  Result result = gather(experiment, o, rows);
  result.regrad = version();
  result.seconds = seconds;
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  result.peak_bytes = static_cast<int64_t>(use.ru_maxrss) * 1024;
  check(result);
  return result;
}

// The table, and what it leaves out.
std::string told(const Result& result) {
  return table(result, screen_of_stdout()) + left_out_text(result);
}

void run_in_memory(Experiment& experiment, const Options& o, Progress& progress) {
  Ledger ledger(jobs_of(experiment, o));
  run_all(experiment, ledger, progress, "nothing is kept without --out DIR");
  print(told(result_of(experiment, o, ledger.rows(), ledger.seconds())));
}

void run_in_folder(Experiment& experiment, const Options& o, Progress& progress,
                   const std::string& program, const std::string& command, const Profile* profile) {
  const OutFolder out(o.out, o.mode());
  Checkpoint from = begin(settings_of(experiment, o), o, out, command, progress);
  const bool ended = !from.rows.empty() && std::all_of(from.rows.begin(), from.rows.end(),
                                                       [](const Row& row) { return row.finished; });
  if (out.finished() && ended) {
    print(told(result_of(experiment, o, from.rows, from.seconds)) +
          "\nfinished before: nothing was run or written\n");
    return;
  }
  const std::string config = config_json(experiment, o), begun = from.command;
  // the folder says so to a resume, from the first file on
  if (o.tensorboard) out.make_folder_of(std::string(kTensorBoard) + "/");
  out.write("config.json", config);
  const bool tensorboard = out.has(kTensorBoard);
  Ledger ledger(jobs_of(experiment, o), out, o.checkpoint_every, std::move(from), tensorboard);
  run_all(experiment, ledger, progress, "go on with: " + program + " --resume " + quoted(o.out));
  ledger.save();
  ledger.close();
  const std::vector<Row> rows = ledger.rows();
  const Result result = result_of(experiment, o, rows, ledger.seconds());
  int number = 0;
  for (const Chart& c : learning_curves(rows, epochs_of(experiment)))
    out.write("curve-" + std::to_string(++number) + ".svg", to_svg(c));
  out.write("report.html", to_html({experiment.card(), result, with_left_out(rows, result), config,
                                    begun, experiment.figures(result), epochs_of(experiment)}));
  if (profile) out.write("profile.trace.json", profile->trace());
  out.write("result.json", to_json(result));  // last: it marks the folder as finished
  print(told(result) + "\nreport: " + out.path("report.html") + "\n");
}

// Rows, log, checkpoints, and what a run leaves in --out and on stdout. `command`: how to run it
// again.
void run_table(Experiment& experiment, const Options& o, const std::string& program,
               const std::string& command) {
  Progress progress(terminal_style(o.quiet));
  for (const std::string& note : o.notes) progress.say("regrad: " + note);
  for (const std::string& note : experiment.notes())
    if (!note.empty()) progress.say("regrad: " + note);
  const std::unique_ptr<Profile> profile = o.profile ? std::make_unique<Profile>() : nullptr;
  if (o.out.empty()) {
    run_in_memory(experiment, o, progress);
  } else {
    run_in_folder(experiment, o, progress, program, command, profile.get());
  }
  if (profile) print("\n" + profile->table());
}

void print_estimate(const Experiment& experiment, const Options& o) {
  Progress progress(terminal_style(o.quiet));
  set_num_threads(1);
  print(
      estimate(experiment, o, [&](const std::string& line) { progress.say("estimate: " + line); }));
}

void act(Experiment& experiment, int argc, const char* const* argv) {
  const Options o = parse_options(experiment, argc, argv);
  switch (o.action) {
    case Options::help: return print(help_text(experiment, o));
    case Options::list: return print(list_text(experiment, o));
    case Options::version: return print(version_text());
    case Options::print_config: return print(config_json(experiment, o));
    case Options::estimate: return print_estimate(experiment, o);
    case Options::run: break;
  }
  set_num_threads(o.threads);
  run_table(experiment, o, program_of(argv), command_of(argc, argv));
}

int failed(int code, const std::string& message) {
  std::fprintf(stderr, "regrad: %s\n", message.c_str());
  return code;
}

}  // namespace

int main(Experiment& experiment, int argc, const char* const* argv) {
  return exit_code_of([&] { act(experiment, argc, argv); });
}

int main(Experiment& experiment, int argc, const char* const* argv, Command command,
         const char* help) {
  bool ran = false;
  const int code = exit_code_of([&] { ran = command(argc, argv, print); });
  if (ran || code != 0) return code;
  const int of_table = main(experiment, argc, argv);
  const bool asked = std::any_of(argv + 1, argv + argc, [](const std::string& word) {
    return word == "--help" || word == "-h";
  });
  if (of_table == 0 && asked) print(wrapped(help));
  return of_table;
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

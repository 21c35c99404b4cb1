// regrad-report: looks at the runs that lie in folders.
#include <regrad/algorithms/experiment/experiment.h>
#include <regrad/algorithms/experiment/progress.h>
#include <regrad/algorithms/experiment/run_compare.h>
#include <regrad/engine/version.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>

using namespace regrad;
using namespace regrad::experiment;

namespace {

constexpr const char* kHelp = R"(regrad-report: the runs that lie in folders

regrad-report list [DIR...]
  Every run in and below the folders (here, where none is given), newest first:
  finished, interrupted or running; experiment, task and preset; the time it
  took; its headline with the 95% interval, or how far it is.

regrad-report compare DIR DIR... [--html FILE]
  Settings that differ, tables side by side and learning curves on one scale.
  --html FILE  write them, with the curves drawn over each other, to one page
               that needs no other file

--version  versions of regrad, OpenBLAS and the instruction set in use
--help     this page

Exit codes: 0 done; 2 command line; 3 a run cannot be read; 5 disk.
)";

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

TextStyle style() {
  winsize size{};
  const bool terminal = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return {terminal ? size.ws_col : 80, locale_is_utf8()};
}

void list(std::vector<std::string> folders) {
  for (const std::string& word : folders)
    need(!word.starts_with("-"), word + ": no such flag of list; --help says what there is");
  if (folders.empty()) folders = {"."};
  const std::vector<RunFolder> runs = find_runs(folders);
  print(runs.empty() ? "no runs below " + joined(folders, ", ") + "\n" : list_text(runs, style()));
}

void compare(const std::vector<std::string>& words) {
  std::vector<RunFolder> runs;
  std::string html;
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--html" && i + 1 < words.size()) {
      html = words[++i];
    } else {
      need(words[i] != "--html", "--html: needs a value; write --html FILE");
      need(!words[i].starts_with("-"),
           words[i] + ": no such flag of compare; --help says what there is");
      need(is_run(words[i]),
           words[i] + ": holds no run; regrad-report list finds the runs below it");
      runs.push_back(read_run(words[i]));
      if (runs.back().state == RunFolder::damaged) throw IOError(runs.back().problem);
    }
  }
  need(runs.size() > 1, "compare: give two runs or more; write regrad-report compare DIR DIR");
  const std::string text = compare_text(runs, style());
  if (!html.empty()) write_file(html, compare_html(runs));
  print(text + (html.empty() ? "" : "\nreport: " + html + "\n"));
}

void act(const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    if (word == "--help" || word == "-h") return print(kHelp);
    if (word == "--version") return print(version_text());
  }
  const std::string command = words.empty() ? "" : words[0];
  const std::vector<std::string> rest(words.begin() + (words.empty() ? 0 : 1), words.end());
  if (command == "list") return list(rest);
  if (command == "compare") return compare(rest);
  throw ConfigError(
      command.empty()
          ? "regrad-report: say what to do: list or compare; --help says more"
          : "'" + command + "': no command of regrad-report" +
                did_you_mean(command, {"list", "compare"}, "", "; there are list and compare"));
}

}  // namespace

int main(int argc, char** argv) {
  return exit_code_of([&] { act({argv + 1, argv + argc}); });
}

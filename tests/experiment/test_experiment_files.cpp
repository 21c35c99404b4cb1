// The --out folder, its log, and the progress line.
#include <doctest/doctest.h>
#include <regrad/algorithms/experiment/checkpoint.h>
#include <regrad/algorithms/experiment/progress.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "../temp_folder.h"

using namespace regrad;
using namespace regrad::experiment;
using regrad::test::complaint;
using regrad::test::TempFolder;

namespace {

std::string refuses(const std::string& folder, OutFolder::Mode mode, const char* words) {
  return complaint<ConfigError>([&] { OutFolder(folder, mode); }, words);
}

// What a progress with a clock of our own has written.
struct Shown {
  std::string text = {};
  double time = 0;
  int width = 80;
  Progress progress;
  explicit Shown(ProgressStyle style)
      : progress(
            style, [this](const std::string& t) { text += t; }, [this] { return time; },
            [this] { return width; }) {}
};

}  // namespace

TEST_CASE("an --out folder is made, with its parents, and locked") {
  const TempFolder at;
  const OutFolder out(at / "a/b", OutFolder::fresh);
  CHECK(refuses(at / "a/b", OutFolder::fresh,
                ("is in use by process " + std::to_string(::getpid()) +
                 "; wait for it, or give another folder")
                    .c_str()) == "");
  CHECK(refuses(at / "a/b", OutFolder::force, "is in use by process") == "");
  CHECK(refuses(at / "a/b", OutFolder::resume, "is in use by process") == "");
  out.write("models/x.txt", "hello");
  CHECK(read_file(at / "a/b/models/x.txt") == "hello");
}

TEST_CASE("the lock ends with the process that holds it") {
  const TempFolder at;
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const OutFolder out(at / "a", OutFolder::fresh);
    const char byte = 1;
    if (::write(ready[1], &byte, 1) != 1) ::_exit(1);
    ::pause();
    ::_exit(0);
  }
  char byte;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  CHECK(refuses(at / "a", OutFolder::fresh,
                ("is in use by process " + std::to_string(child)).c_str()) == "");
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  CHECK_NOTHROW(OutFolder(at / "a", OutFolder::fresh));
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_CASE("what an --out folder holds is not lost by accident") {
  const TempFolder at;
  { OutFolder(at / "a", OutFolder::fresh).write("checkpoint.safetensors", "half way"); }
  CHECK(refuses(at / "a", OutFolder::fresh,
                "holds an interrupted run; --resume goes on with it, --force starts over") == "");
  { OutFolder(at / "a", OutFolder::resume).write("result.json", "{}"); }
  CHECK(
      refuses(
          at / "a", OutFolder::fresh,
          "holds a finished result (result.json); give another folder, or --force to replace it") ==
      "");
  { OutFolder(at / "a", OutFolder::resume).write("models/net.safetensors", "old"); }
  write_file(at / "a/curve-1.svg", "old");
  write_file(at / "a/notes.txt", "mine");
  {
    const OutFolder out(at / "a", OutFolder::force);
    for (const char* name :
         {"checkpoint.safetensors", "result.json", "curve-1.svg", "models/net.safetensors"})
      CHECK_MESSAGE(!out.has(name), name);
    CHECK(out.has("notes.txt"));
  }
  write_file(at / "foreign.txt", "mine");
  CHECK(refuses(at.name(), OutFolder::fresh, "has files that no experiment wrote") == "");
  CHECK(refuses(at.name(), OutFolder::resume, "has files that no experiment wrote") == "");
  CHECK(refuses(at / "foreign.txt", OutFolder::fresh, "cannot create the folder") == "");
  { OutFolder(at.name(), OutFolder::force); }
  CHECK(read_file(at / "foreign.txt") == "mine");
}

TEST_CASE("lines of JSON, cut to what a checkpoint knew") {
  const TempFolder at;
  const Line line{2, {{"loss", 0.1}, {"nan", std::nan("")}}};
  const std::string file = at / "metrics.jsonl", first = to_json({"a\"b", "", 1}, line);
  CHECK(first == "{\"method\":\"a\\\"b\",\"seed\":1,\"step\":2,\"loss\":0.1,\"nan\":null}\n");
  CHECK(to_json({"a", "K=5", 1}, {3, {}}) ==
        "{\"method\":\"a\",\"seed\":1,\"variant\":\"K=5\",\"step\":3}\n");
  {
    LogFile log(file);
    log.write(first);
    log.write("{}\n");
    log.sync();
    log.close();
  }
  CHECK(read_file(file) == first + "{}\n");
  {
    LogFile log(file, static_cast<int64_t>(first.size()));
    log.write("{\"later\":1}\n");
  }
  CHECK(read_file(file) == first + "{\"later\":1}\n");
  CHECK(complaint<IOError>([&] { LogFile(file, 1000); },
                           "but the checkpoint was written after byte 1000") == "");
  { LogFile log(file); }
  CHECK(read_file(file) == "");
  CHECK(complaint<DiskError>([&] { LogFile("/no/such/folder/x"); },
                             "/no/such/folder/x: cannot create the file") == "");
  LogFile full("/dev/full");
  CHECK(complaint<DiskError>([&] { full.write("{}\n"); }, "3 bytes are needed") == "");
}

TEST_CASE("durations") {
  CHECK(duration(3.21) == "3.2s");
  CHECK(duration(59.4) == "59s");
  CHECK(duration(130) == "2m10s");
  CHECK(duration(4 * 3600 + 300) == "4h05m");
  CHECK(duration(-1) == "?");
  CHECK(duration(std::nan("")) == "?");
}

TEST_CASE("progress as lines: rate, time left, metric, every ten seconds") {
  Shown s({ProgressStyle::lines, false});
  s.progress.start(1000, "steps");
  s.progress.phase("maml, seed 0");
  for (int i = 0; i < 99; ++i) s.progress.tick();
  CHECK(s.text == "");
  s.progress.metric("mse", 0.5);
  s.time = 10;
  s.progress.tick();
  CHECK(s.text == "maml, seed 0:  10%  10 steps/s  1m30s left  mse 0.5\n");
  s.time = 19;
  s.progress.tick();
  CHECK(s.text.size() == 52);
}

TEST_CASE("progress of a resumed run starts where it stands") {
  Shown s({ProgressStyle::lines, false});
  s.progress.start(1000, "steps", 900);
  s.time = 10;
  s.progress.tick(50);
  CHECK(s.text == " 95%  5.0 steps/s  10s left\n");
}

TEST_CASE("progress as a bar is drawn over itself and goes away") {
  Shown s({ProgressStyle::bar, false});
  s.progress.start(100, "steps");
  s.time = 1;
  s.progress.tick(50);
  CHECK(s.text.find("\x1b") == std::string::npos);
  CHECK(s.text.find("###") != std::string::npos);
  CHECK(s.text.find(" 50%") != std::string::npos);
  CHECK(s.text.find('\n') == std::string::npos);
  s.text.clear();
  s.progress.say("a line");
  CHECK(s.text == "\r\x1b[2Ka line\n");
  s.progress.tick(1);
  s.time = 2;
  s.progress.tick(1);
  s.text.clear();
  s.progress.finish();
  CHECK(s.text == "\r\x1b[2K");
}

TEST_CASE("a bar without colour is a bar, and one with UTF-8 fills the same columns") {
  for (const bool color : {false, true}) {
    Shown s({ProgressStyle::bar, true, color});
    s.progress.start(100, "steps");
    s.time = 1;
    s.progress.tick(50);
    CHECK(s.text.find("━━━") != std::string::npos);
    CHECK((s.text.find("\x1b[2m") != std::string::npos) == color);
    CHECK((s.text.find("\x1b[0m") != std::string::npos) == color);
  }
}

TEST_CASE("a bar fits a narrow terminal: numbers stay longest, and names of phases are cut") {
  for (const int width : {40, 24, 12, 3}) {
    Shown s({ProgressStyle::bar, false});
    s.width = width;
    s.progress.start(100000, "steps");
    s.progress.phase("a method of a long name, 90%, seed 3 of 8");
    s.progress.metric("validation accuracy", 0.5);
    s.time = 1;
    s.progress.tick(50);
    CAPTURE(s.text);
    CHECK(s.text.size() < static_cast<size_t>(width));
    if (width >= 24) CHECK(s.text.find("  0%  33m19s left") != std::string::npos);
    if (width == 40) CHECK(s.text.find("a method") == 0);
  }
}

TEST_CASE("a terminal made narrower has broken the bar; all of its lines go") {
  Shown s({ProgressStyle::bar, false});
  s.progress.start(100, "steps");
  s.progress.phase("maml, seed 0");
  s.time = 1;
  s.progress.tick(50);
  REQUIRE(s.text.size() > 60);
  REQUIRE(s.text.size() < 80);
  const auto text = [&](int width) {
    s.text.clear();
    s.width = width, s.time += 1;
    s.progress.tick(1);
    return s.text;
  };
  const std::string narrow = text(30);
  CHECK(narrow.find("\r\x1b[2A\x1b[J") == 0);
  CHECK(text(30).find("\r\x1b[2K") == 0);
  CHECK(text(120).find("\r\x1b[2K") == 0);
}

TEST_CASE("quiet progress prints nothing") {
  Shown s({ProgressStyle::off, false});
  s.progress.start(100, "steps");
  s.time = 100;
  s.progress.tick(50);
  s.progress.say("a line");
  s.progress.finish();
  CHECK(s.text == "");
}

TEST_CASE("the style follows the terminal and the environment") {
  ::setenv("LC_ALL", "de_DE.UTF-8", 1);
  CHECK(locale_is_utf8());
  ::setenv("LC_ALL", "C", 1);
  CHECK(!locale_is_utf8());
  ::unsetenv("LC_ALL");
  CHECK(terminal_style(true).kind == ProgressStyle::off);
}

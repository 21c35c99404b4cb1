// Every setting of every binary: what it may not be is refused before any data is read, and so is
// what no memory holds.
#include <doctest/doctest.h>

#include <regrad/algorithms/asc/experiment/table.h>
#include <regrad/algorithms/cml/experiment/tasks.h>
#include <regrad/algorithms/experiment/help.h>
#include <regrad/algorithms/experiment/options.h>
#include <regrad/algorithms/ppp/experiment/table.h>
#include <regrad/algorithms/pqk/experiment/table.h>
#include <regrad/algorithms/pruning/experiment/table.h>
#include <regrad/algorithms/rfn/experiment/table.h>
#include <regrad/engine/error.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <set>
#include <sstream>

#include <sys/resource.h>
#include <unistd.h>

#include "../temp_folder.h"

using namespace regrad;
using namespace regrad::experiment;
using regrad::test::complaint;

namespace {

struct DataRead : Error {
  using Error::Error;
};

// A binary's tasks, whose data must not be read.
class WithoutData : public TaskList {
 public:
  explicit WithoutData(TaskList tasks) : TaskList(std::move(tasks)) {}
  void data(const std::string&) override { throw DataRead("data are read"); }
};

struct Binary {
  const char* name;
  std::function<TaskList()> tasks;
};
const std::vector<Binary>& binaries() {
  static const std::vector<Binary> all{{"cml", cml::cml_tasks},
                                       {"map",
                                        [] {
                                          return pruning::tasks({"map", "", {}});
                                        }},
                                       {"dcil",
                                        [] {
                                          return pruning::tasks({"dcil", "", {}});
                                        }},
                                       {"rfn", relaxed_norm::rfn_tasks},
                                       {"asc", asc::asc_tasks},
                                       {"pqk", pqk::tasks},
                                       {"ppp", ppp::ppp_tasks}};
  return all;
}

// "read" where the flags are good until the data are read, else what is thrown: "ConfigError: ..".
std::string answer(const Binary& binary, std::vector<std::string> words) {
  WithoutData tasks(binary.tasks());
  std::vector<const char*> flags{"regrad-x"};
  for (const std::string& word : words) flags.push_back(word.c_str());
  try {
    parse_options(tasks, static_cast<int>(flags.size()), flags.data());
    return "no data asked for";
  } catch (const DataRead&) {
    return "read";
  } catch (const ConfigError& e) {
    return std::string("ConfigError: ") + e.what();
  } catch (const OutOfMemory& e) {
    return std::string("OutOfMemory: ") + e.what();
  } catch (const std::exception& e) {
    return std::string("another error: ") + e.what();
  }
}
// While one lives, this process may take so many bytes more.
class Room {
 public:
  explicit Room(double bytes) {
    std::ifstream in("/proc/self/statm");
    double pages = 0;
    in >> pages;
    getrlimit(RLIMIT_AS, &before_);
    rlimit now = before_;
    now.rlim_cur = static_cast<rlim_t>(pages * static_cast<double>(sysconf(_SC_PAGESIZE)) + bytes);
    setrlimit(RLIMIT_AS, &now);
  }
  ~Room() { setrlimit(RLIMIT_AS, &before_); }
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;

 private:
  rlimit before_{};
};

bool starts(const std::string& text, const char* with) {
  return text.compare(0, std::strlen(with), with) == 0;
}

template <class F>
void each_task(F&& f) {
  for (const Binary& binary : binaries())
    for (const std::string& task : binary.tasks().card().tasks) f(binary, task);
}
std::vector<Field> fields_of(TaskList& tasks, const std::string& task, const std::string& preset) {
  tasks.choose(task, preset);
  return tasks.fields();
}
bool is_number(const Field& f) {
  return type_name(f) != "" && type_name(f) != "TEXT" && type_name(f) != "NAME,...";
}

std::set<std::string> words_of(const std::string& text) {
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), {}};
}
// Written down by hand, beside the ranges where the settings are listed: what may be 0, and what
// may be below.
const std::set<std::string> may_be_0 = words_of(
    "head_convs patience weight_decay test_classes plus_plus.lr_min inner_steps "
    "alpha "
    "gamma chunk last plus_plus.multi_step_epochs "
    "plus_plus.first_order_epochs "
    "sharp.inner_steps"
    " sharp.alpha_low sharp.alpha_up size cohead_convs dropout sparsities momentum weight_decay "
    "warmup warmup_from milestones"
    " padding target exploit distill kd_floor z rigl_share str_initial str_decay mels roll seconds "
    "source "
    "noise mix_p freq_mix_p cross_step clipped_step"
    " cross_share lambda mixup mask_mels mask_frames translation.crop translation.rate "
    "compression.ratio compression.share held generated.validation corner restart_milestone "
    "range_momentum hinton_share rate prototype tune_epochs");
const std::set<std::string> may_be_negative{"noise", "lambda", "str_initial"};

}  // namespace

TEST_CASE("numbers that a setting may not be are refused before data are read, in every binary") {
  each_task([](const Binary& binary, const std::string& task) {
    TaskList tasks = binary.tasks();
    for (const Field& field : fields_of(tasks, task, "small")) {
      if (!is_number(field)) continue;
      for (const char* value : {"0", "-1", "nan", "1e300", "inf"}) {
        CAPTURE(binary.name);
        CAPTURE(task);
        CAPTURE(field.name);
        CAPTURE(value);
        const std::string said =
            answer(binary, {"--task", task, "--preset", "small", "--" + field.name + "=" + value});
        const bool may = value[0] == '0' ? may_be_0.count(field.name) > 0
                                         : std::strcmp(value, "-1") == 0 &&
                                               may_be_negative.count(field.name) > 0;
        // A value of its range may still contradict others, which is refused as early.
        CHECK_MESSAGE((starts(said, "ConfigError: ") || (may && said == "read")), said);
        if (!may) CHECK_MESSAGE(said.find("--" + field.name) != std::string::npos, said);
      }
    }
  });
}

TEST_CASE("every preset of every task is good") {
  each_task([](const Binary& binary, const std::string& task) {
    for (const std::string& preset : preset_names(binary.tasks().card())) {
      CAPTURE(binary.name);
      CAPTURE(task);
      CAPTURE(preset);
      CHECK(answer(binary, {"--task", task, "--preset", preset}) == "read");
    }
  });
}

TEST_CASE(
    "the largest whole number is refused within a second, with the bytes that it needs, or is no "
    "size") {
  // Counts of what is done one after the other, shares of what there is, and what only later turns
  // out too large for the data.
  const std::set<std::string> no_size = words_of(
      "patience batch steps log_every last last_tasks rigl_period validation_tasks test_tasks "
      "plus_plus.epochs "
      "plus_plus.multi_step_epochs"
      " plus_plus.first_order_epochs test_chunk chunk epochs curve test train refresh "
      "mask_mels mask_frames"
      " translation.steps translation.crop compression.epochs");
  const Room room(8e9);
  each_task([&](const Binary& binary, const std::string& task) {
    TaskList tasks = binary.tasks();
    for (const Field& field : fields_of(tasks, task, "small")) {
      if (type_name(field) != "INT" && type_name(field) != "INT,...") continue;
      CAPTURE(binary.name);
      CAPTURE(task);
      CAPTURE(field.name);
      std::vector<std::string> words{"--task",          task,        "--preset", "small",
                                     "--" + field.name, "2147483647"};
      if (field.name == "cohead_hidden" || field.name == "hidden")
        words.insert(words.end(), {"--cohead-hidden", "2147483647"});
      if (task != "sinusoid" && !starts(task, "nodes") &&
          (field.name == "cohead_hidden" || field.name == "hidden"))
        words.insert(words.end(), {"--net", "mlp"});
      const std::string said = answer(binary, words);
      const bool sized =
          starts(said, "ConfigError: ") ||
          (starts(said, "OutOfMemory: ") && said.find(" bytes (") != std::string::npos);
      const bool generated = starts(field.name, "generated.");
      if (generated ? task == "scenes" : no_size.count(field.name) == 0) CHECK_MESSAGE(sized, said);
      CHECK_MESSAGE((sized || said == "read"), said);
    }
  });
}

TEST_CASE("masks that would never have the final sparsity are refused before the data are read") {
  const Binary& map = binaries()[1];
  const auto with = [&](const char* methods, const char* refresh) {
    return answer(map, {"--net", "mlp", "--methods", methods, "--epochs", "4", "--train", "50",
                        "--refresh", refresh});
  };
  CHECK(with("gmp", "16") ==
        "ConfigError: refresh: the masks of gmp are made every 16 steps, for the last time at step "
        "0 of 4, before the final sparsity is due; a smaller refresh, more epochs or more training "
        "images");
  CHECK(starts(with("dpf", "2"), "ConfigError: refresh: "));
  CHECK(with("gmp", "3") == "read");
  CHECK(with("dense,one-shot,ste,map,snip,rigl,str,acdc", "16") == "read");
}

TEST_CASE("a setting that changes nothing is refused where the user gave it, with the reason") {
  const Binary &cml = binaries()[0], &map = binaries()[1], &rfn = binaries()[3],
               &asc = binaries()[4];
  const auto refused = [](const Binary& binary, std::vector<std::string> words) {
    const std::string said = answer(binary, std::move(words));
    const size_t at = said.find(" changes nothing here: ");
    return at == std::string::npos ? said : said.substr(13, at - 13);
  };
  CHECK(answer(map, {"--methods", "dpf", "--warmup-from", "0.2"}) ==
        "ConfigError: --warmup_from changes nothing here: lr does not climb (warmup)");
  CHECK(refused(map, {"--net", "mlp", "--init", "fan_out"}) == "--init");
  CHECK(refused(map, {"--methods", "dpf", "--str-decay", "0.1"}) == "--str_decay");
  CHECK(refused(map, {"--size", "32"}) == "--size");
  for (const char* task : {"folder", "imagenet"})
    CHECK(refused(map, {"--task", task, "--size", "32"}) == "read");
  CHECK(refused(rfn, {"--net", "pooled", "--dropout", "0.1"}) == "--dropout");
  CHECK(refused(asc, {"--compression.share=0.5"}) == "--compression.share");
  CHECK(refused(asc, {"--set", "compression.share=0.5"}) == "--compression.share");
  CHECK(refused(asc, {"--compression.share=0.5", "--compress"}) == "read");
  CHECK(refused(cml, {"--methods", "maml", "--gamma", "1"}) == "--gamma");
  CHECK(refused(cml, {"--methods", "dagger", "--gamma", "1"}) == "read");
  for (const char* never : {"--temperature", "--kd-floor"}) {
    CHECK(refused(map, {"--methods", "dcil", "--distill", "0.96", never, "0.5"}) ==
          (never[2] == 't' ? "--temperature" : "--kd_floor"));  // of ten epochs none is left
    CHECK(refused(map, {"--methods", "dcil", "--distill", "0.94", never, "0.5"}) == "read");
  }
  for (const char* curve : {"--last=3", "--validation-tasks=3", "--no-mechanism"}) {
    CHECK(refused(cml, {"--steps=20", "--log-every=21", curve}).find("--") == 0);
    CHECK(refused(cml, {"--steps=20", "--log-every=20", curve}) == "read");
  }
  for (const char* sharp : {"--sharp.alpha-low=0.2", "--no-sharp.through"}) {
    CHECK(refused(cml, {"--methods", "sharp", "--sharp.inner-steps=0", sharp}).find("--sharp.") ==
          0);
    CHECK(refused(cml, {"--methods", "sharp", sharp}) == "read");
  }
  for (const Binary* sounds : {&rfn, &asc})
    for (const char* own : {"--source=0.5", "--noise=-60", "--generated.train=3"})
      CHECK_MESSAGE(refused(*sounds, {"--task", "tau", own}) ==
                        std::string(own, static_cast<size_t>(std::strchr(own, '=') - own)),
                    own);
  CHECK(answer(asc, {"--task", "tau", "--devices", "simulated"}) ==
        "ConfigError: devices: the clips of tau were recorded by devices of their own");
  CHECK(refused(asc, {"--task", "digits", "--generated.test=10"}) == "--generated.test");
}

TEST_CASE("what a config file has of a preset is not refused, what it has of its own is") {
  const test::TempFolder at;
  const Binary& asc = binaries()[4];
  const auto with = [&](const std::string& config, std::vector<std::string> more = {}) {
    write_file(at / "c.json", config);
    more.insert(more.end(), {"--config", at / "c.json"});
    return answer(asc, more);
  };
  TaskList tasks = asc.tasks();
  tasks.choose("scenes", "paper");
  CHECK(with(to_json(tasks.fields())) == "read");
  CHECK(with(R"({"compression": {"epochs": 50}})") == "read");  // paper's, without effect
  CHECK(with(R"({"compression": {"epochs": 7}})").find("--compression.epochs changes nothing") !=
        std::string::npos);
  CHECK(with(R"({"compress": true, "compression": {"epochs": 7}})") == "read");
  CHECK(with(R"({"compression": {"epochs": 7}})", {"--compress"}) == "read");
}

TEST_CASE("what is kept until the end counts too") {
  const Room room(8e9);
  CHECK(answer(binaries()[0], {"--last", "2000000000", "--steps", "2000000000", "--log-every", "1"})
            .find("the last points of the learning curve") != std::string::npos);
  CHECK(answer(binaries()[1], {"--epochs", "2000000000"}).find("the accuracy after each epoch") !=
        std::string::npos);
  CHECK(answer(binaries()[0], {"--hidden", "10000,10000", "--test-chunk", "1"}) == "read");  // 4 GB
}

TEST_CASE("values given twice, or empty, in every binary") {
  each_task([](const Binary& binary, const std::string& task) {
    CAPTURE(binary.name);
    CAPTURE(task);
    TaskList tasks = binary.tasks();
    const std::vector<Field> fields = fields_of(tasks, task, "small");
    const Card card = tasks.card();
    const std::string method = card.methods[0].name;
    CHECK(answer(binary, {"--task", task, "--methods", method + "," + method}) ==
          "ConfigError: --methods: " + method + " stands there twice");
    for (const char* key : {"shots", "sparsities", "devices"}) {
      std::vector<Field> own = fields;
      const Field* list = find(own, key);
      if (!list || !is_list(*list) || starts(task, "tau")) continue;
      const std::string value = text(*list).substr(0, text(*list).find(','));
      const std::string said = answer(binary, {"--task", task, "--preset", "small",
                                               "--" + std::string(key), value + "," + value});
      CHECK_MESSAGE(starts(said, ("ConfigError: " + std::string(key) + " is " + value + "," +
                                  value + ": two parts of the table would be called ")
                                     .c_str()),
                    said);
    }
    for (const char* flag : {"--data", "--out", "--config", "--methods", "--task", "--preset",
                             "--seeds", "--threads", "--set"})
      CHECK_MESSAGE(starts(answer(binary, {flag, ""}), "ConfigError: --"), flag);
    for (const Field& field : fields)
      if (type_name(field) != "")
        CHECK_MESSAGE(
            starts(answer(binary, {"--task", task, "--" + field.name, ""}), "ConfigError: --"),
            field.name);
    for (const Field& field : fields)
      CHECK_MESSAGE(starts(answer(binary, {"--task", task, "--set", field.name + "="}),
                           "ConfigError: --set "),
                    field.name);
  });
}

TEST_CASE("texts that name nothing are refused before data are read") {
  each_task([](const Binary& binary, const std::string& task) {
    TaskList tasks = binary.tasks();
    for (const Field& field : fields_of(tasks, task, "small")) {
      if (type_name(field) != "TEXT" && type_name(field) != "NAME,...") continue;
      CAPTURE(binary.name);
      CAPTURE(task);
      CAPTURE(field.name);
      CHECK(starts(answer(binary, {"--task", task, "--" + field.name, "nothing-of-that-name"}),
                   "ConfigError: "));
    }
  });
  const Binary &cml_binary = binaries()[0], &asc_binary = binaries()[4],
               &rfn_binary = binaries()[3];
  CHECK(answer(asc_binary, {"--preset", "small", "--tau", "0.33"}).find("tau gives a stage of ") !=
        std::string::npos);
  CHECK(answer(rfn_binary, {"--tau", "0.33"}).find("tau gives a stage of ") != std::string::npos);
  CHECK(answer(rfn_binary, {"--net", "pooled", "--mels", "258"})
            .find("258 bands of a spectrum of 257 bins") != std::string::npos);
  CHECK(answer(asc_binary, {"--source", "1", "--methods", "baseline-g"})
            .find("no clip was recorded by the source and by another") != std::string::npos);
  CHECK(answer(asc_binary, {"--batch", "241"}) ==
        "ConfigError: batch: 241 clips a step of 240 training clips");
  CHECK(answer(asc_binary, {"--batch", "240"}) == "read");
  CHECK(answer(rfn_binary, {"--batch", "401"}) ==
        "ConfigError: batch: 401 clips a step of 400 training clips");
  CHECK(answer(rfn_binary, {"--batch", "400"}) == "read");
  CHECK(answer(cml_binary, {"--task", "omniglot", "--size", "106"}).find("105 pixels") !=
        std::string::npos);
}

TEST_CASE("an --out that will be refused is refused before data are read") {
  const test::TempFolder at;
  write_file(at / "file", "x");
  std::filesystem::create_directories(at / "full"), write_file(at / "full/notes.txt", "x");
  std::filesystem::create_directories(at / "done"), write_file(at / "done/result.json", "{}"),
      write_file(at / "done/.regrad-lock", "");
  std::filesystem::create_directories(at / "part"),
      write_file(at / "part/checkpoint.safetensors", "x");
  const auto out = [&](const std::string& folder, std::vector<std::string> more = {}) {
    more.insert(more.end(), {"--out", at / folder});
    return answer(binaries()[4], more);
  };
  CHECK(out("file").find("cannot create the folder") != std::string::npos);
  CHECK(out("file/below").find("is in the way") != std::string::npos);
  CHECK(out("full").find("files that no experiment wrote") != std::string::npos);
  CHECK(out("done").find("holds a finished result") != std::string::npos);
  CHECK(out("part").find("holds an interrupted run") != std::string::npos);
  for (const char* folder : {"full", "done", "part", "new/deep"})
    CHECK(out(folder, {"--force"}) == "read");
  CHECK(out("part", {"--resume"}) == "read");
  CHECK(out("new") == "read");
  CHECK_FALSE(std::filesystem::exists(at / "new"));
}

TEST_CASE("memory that a run cannot have is refused with its bytes") {
  CHECK_NOTHROW(check_memory({{1e6, "little"}}, "x"));
  CHECK(free_bytes() > 1e6);
  const std::string words =
      "out of memory: x needs at least 3000000000000000000 bytes (2793967723.8 GiB), most of them "
      "for what is large; ";
  CHECK(complaint<OutOfMemory>(
            [] {
              check_memory({{1e18, "what is less"}, {2e18, "what is large"}}, "x");
            },
            words) == "");
  CHECK(complaint<OutOfMemory>(
            [] {
              check_memory({{1e300, "what is large"}, {1e300, "what is less"}}, "x");
            },
            "most of them for what is large") == "");
  const Need need = trained(1000, 2, "Adam's averages");
  CHECK(need.bytes == 16000);  // f32: the parameter, its gradient, two averages
  CHECK(need.of == "1000 parameters with their gradients and Adam's averages");
}

TEST_CASE("what a control group keeps of files counts as free") {
  const test::TempFolder at;
  const auto group = [&](const std::string& folder,
                         const std::vector<std::pair<const char*, const char*>>& files) {
    std::filesystem::create_directories(at / folder);
    for (const auto& [name, text] : files) write_file(at / (folder + "/" + name), text);
  };
  write_file(at / "second", "0::/job/step\n");
  group("two", {});
  CHECK(group_bytes(at / "second", at / "two") == std::numeric_limits<double>::infinity());
  group("two/job", {{"memory.max", "1000\n"},
                    {"memory.current", "990\n"},
                    {"memory.stat", "anon 100\ninactive_file 600\nactive_file 200\n"}});
  group("two/job/step", {{"memory.max", "max\n"}, {"memory.current", "990\n"}});
  CHECK(group_bytes(at / "second", at / "two") == 810);
  group("two/job/step", {{"memory.max", "995\n"}});
  CHECK(group_bytes(at / "second", at / "two") == 5);
  // Version 1 has its own sums and those of the groups inside.
  write_file(at / "first", "9:name=systemd:/\n4:memory:/job\n0::/\n");
  group("one/memory/job",
        {{"memory.limit_in_bytes", "1000\n"},
         {"memory.usage_in_bytes", "990\n"},
         {"memory.stat",
          "inactive_file 1\nactive_file 2\ntotal_inactive_file 500\ntotal_active_file 100\n"}});
  CHECK(group_bytes(at / "first", at / "one") == 610);
  CHECK(group_bytes(at / "nothing", at / "one") == std::numeric_limits<double>::infinity());
}

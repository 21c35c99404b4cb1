// Preset paper of every binary and task: what the papers state of their protocol, field by field
// (written down from the specification, ../shared/methods; regrad-map and -dcil:
// ../algorithms/test_pruning_settings.cpp), and what a run of it would cost, on made-up data.
#include <doctest/doctest.h>

#include <regrad/algorithms/asc/experiment/keywords.h>
#include <regrad/algorithms/asc/experiment/table.h>
#include <regrad/algorithms/cml/experiment/tasks.h>
#include <regrad/algorithms/experiment/estimate.h>
#include <regrad/algorithms/experiment/options.h>
#include <regrad/algorithms/experiment/run.h>
#include <regrad/algorithms/ppp/experiment/table.h>
#include <regrad/algorithms/pqk/experiment/table.h>
#include <regrad/algorithms/pruning/experiment/table.h>
#include <regrad/algorithms/rfn/experiment/table.h>
#include <regrad/algorithms/sdssl/experiment/table.h>

#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <sstream>

#include "../temp_folder.h"
#include "made_up.h"

using namespace regrad;
using namespace regrad::experiment;

namespace {

using Words = std::vector<std::string>;

Words words_of(const std::string& text) {
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), {}};
}

Options parsed(Experiment& tasks, const std::string& line) {
  const Words words = words_of("regrad-x " + line);
  std::vector<const char*> flags;
  for (const std::string& word : words) flags.push_back(word.c_str());
  return parse_options(tasks, static_cast<int>(flags.size()), flags.data());
}

// "key value" a line; what --print-config would not have so, line by line.
std::string differs(TaskList tasks, const std::string& task, int seeds, const char* stated) {
  const Options o = parsed(tasks, "--task " + task + " --preset paper --print-config");
  std::vector<Field> fields = tasks.fields();
  std::istringstream lines(stated);
  std::string out;
  for (std::string key, value; lines >> key >> value;) {
    const Field* field = find(fields, key);
    const std::string now = field ? text(*field) : "not there";
    if (now != value) out += key + " is " + now + ", not " + value + "\n";
  }
  if (static_cast<int>(o.seeds.size()) != seeds)
    out += "seeds are " + std::to_string(o.seeds.size()) + ", not " + std::to_string(seeds) + "\n";
  return out;
}

// What 2b states of all images; MAML's rows of Table 1 are of gamma 1 (note b).
const char* const images = R"(
  net conv4  channels 64  head_convs 0  cohead_convs 2  ways 5  shots 1,5  query 15  test_query 15
  alpha 0.5  inner_steps 1  plus_plus.inner_steps 5  sharp.inner_steps 5  first_order false
  lr 0.001  weight_decay 0  tasks 4  steps 30000  log_every 100  validation_tasks 100
  test_tasks 10000  gamma 1  select best  dagger_by theta  size 0  precision f32)";
// 2c: as the paper and the code that it reuses have it.
const char* const gcn_nodes = R"(
  graph citeseer  ways 2  test_classes 2  validation_classes 2  shots 1,5  hidden 16
  cohead_hidden 16  dropout 0.5  gamma 0.2  lr 0.001  inner_steps 20  alpha 0.05  first_order true
  tasks 1  weight_decay 0.0005  query 5  test_query 10  log_every 10  validation_tasks 20
  patience 10  steps 1000  test_tasks 100  select best)";

}  // namespace

TEST_CASE("preset paper of regrad-cml is what cml.md section 2 states") {
  // 2a; what the paper is silent on is Finn's
  CHECK(differs(cml::cml_tasks(), "sinusoid", 8, R"(
    hidden 40,40  cohead_hidden 40  shots 5,10,20  tasks 4  inner_steps 1  alpha 0.01  gamma 0.2
    lr 0.001  steps 70000  test_tasks 600  first_order false  weight_decay 0)") == "");
  for (const char* task : {"images", "folder", "omniglot"})
    CHECK_MESSAGE(differs(cml::cml_tasks(), task, 3, images) == "", task);
  for (const char* task : {"nodes-gmeta", "nodes-amm"})
    CHECK_MESSAGE(differs(cml::cml_tasks(), task, 5, gcn_nodes) == "", task);
  // Meta-GNN's own code: every pair of Cora's seven classes once
  CHECK(differs(cml::cml_tasks(), "nodes", 21, R"(
    graph cora  ways 2  test_classes 0  shots 1,5  hidden 16
    cohead_hidden 16  gamma 0.2  lr 0.003  inner_steps 10  alpha 0.5  first_order true  tasks 5
    query 12  steps 1000)") == "");
}

TEST_CASE("regrad-pqk: what pruning.md section 4.2 has for us, and section 4.1 of both phases") {
  // data sets, nets, bits and ratios of the paper were not found
  for (const char* task : {"digits", "commands", "fmnist"})
    CHECK_MESSAGE(differs(pqk::tasks(), task, 5, R"(
      net r8  sparsities 0.9,0.95  bits 8,4,3  edge_bits 8  range_momentum 0.1  target 0.75
      refresh 16  restart 0.2  restart_milestone 0.5  temperature 2  hinton_share 0.9
      hinton_temperature 4  second 0.5  corner 0.98)") == "",
                  task);
}

TEST_CASE("preset paper of regrad-asc and regrad-rfn is what audio.md section 1 states") {
  const char* const recipe = R"(
    tau 8  dropout 0.1  epochs 100  batch 64  lr 0.06  momentum 0.9  weight_decay 0.001
    warmup 0.05  roll 1.5  mixup 0.3  mask_mels 40  wide true  mels 0  seconds 0)";
  CHECK(differs(asc::asc_tasks(), "tau", 1, recipe) == "");
  CHECK(differs(asc::asc_tasks(), "tau", 1, R"(
    lambda 0.1  mask_frames 80  translation.rate 0.5  devices recorded
    compression.ratio 0.89  compression.share 0.5  compression.temperature 2
    compression.quantized true)") == "");
  for (const char* task : {"scenes", "digits", "folder"})
    CHECK_MESSAGE(differs(asc::asc_tasks(), task, 1, recipe) == "", task);
  CHECK(differs(asc::asc_tasks(), "esc10", 5, recipe) == "");
  CHECK(differs(relaxed_norm::rfn_tasks(), "tau", 3, recipe) == "");
  CHECK(differs(relaxed_norm::rfn_tasks(), "tau", 3, R"(
    mask_frames 80  mix_p 0.5  mix_alpha 0.1  freq_mix_p 0.4  freq_mix_alpha 0.3
    net bcresnet  devices recorded)") == "");
  CHECK(differs(asc::asc_tasks(), "keywords", 5, R"(
    corpus commands  epochs 200  batch 100  lr 0.1  momentum 0.9  weight_decay 0.001  warmup 0.025
    dropout 0.1  mask true)") == "");
}

TEST_CASE("front ends: 16 kHz, 256 bands, 128 ms every 30; 40 bands, 30 ms every 10 for keywords") {
  const FrontEnd scenes = front_end("tau", true), words = asc::keyword_front();
  CHECK(scenes.mel.rate == 16000);
  CHECK(scenes.mel.n_fft == 2048);
  CHECK(scenes.mel.hop == 480);
  CHECK(scenes.mel.mels == 256);
  CHECK(scenes.mel.frames(scenes.samples) == 334);  // ten seconds
  CHECK(words.mel.n_fft == 512);
  CHECK(words.mel.window == 480);
  CHECK(words.mel.hop == 160);
  CHECK(words.mel.mels == 40);
}

namespace {

struct Estimated {
  const char *binary, *task, *data;
  const char* small;  // what makes three steps of it a matter of moments
};
const std::map<std::string, std::function<TaskList()>> binaries{
    {"cml", cml::cml_tasks},
    {"map",
     [] {
       return pruning::tasks({"map", "", {}});
     }},
    {"dcil",
     [] {
       return pruning::tasks({"dcil", "", {}});
     }},
    {"pqk", pqk::tasks},
    {"ppp", ppp::ppp_tasks},
    {"sdssl", sdssl::sdssl_tasks},
    {"rfn", relaxed_norm::rfn_tasks},
    {"asc", asc::asc_tasks}};
const char *const
    few_shot = "--channels 4 --size 16 --shots 1 --test-tasks 4 --validation-tasks 4",
    *const nodes = "--test-tasks 4 --validation-tasks 4", *const pruned = "--net tiny --batch 4",
    *const ppp_small =
        "--width 2 --depth 8 --samples 2 --people 4 --train 4 "
        "--validation 2 --test 2 --methods full,aig,ppp",
    *const sdssl_small = "--batch 4 --k 3 --width 8 --heads 2 --depth 2",
    *const rfn_sound = "--tau 1 --batch 4 --devices simulated --methods none,crossgrad",
    *const rfn_scenes =
        "--tau 1 --batch 4 --devices simulated --methods none,crossgrad --generated.train 2 "
        "--generated.test 1 --generated.validation 1",
    *const asc_sound =
        "--tau 1 --batch 4 --methods baseline,resnorm-g --translation.batch 2 --translation.width "
        "2",
    *const asc_scenes =
        "--tau 1 --batch 4 --methods baseline,resnorm-g --translation.batch 2 --translation.width "
        "2 --generated.train 2 --generated.test 1 --generated.validation 1",
    *const asc_tau =
        "--tau 1 --batch 4 --methods baseline,resnorm-g --translation.batch 2 --translation.width "
        "2 --partial";
const Estimated all[] = {
    {"cml", "sinusoid", "", ""},
    {"cml", "omniglot", "omniglot", few_shot},
    {"cml", "images", "images", few_shot},
    {"cml", "folder", "images", few_shot},
    {"cml", "nodes", "nodes", nodes},
    {"cml", "nodes-gmeta", "nodes", nodes},
    {"cml", "nodes-amm", "nodes", nodes},
    {"map", "glyphs", "", pruned},
    {"map", "fmnist", "fmnist", pruned},
    {"map", "cifar10", "cifar10", pruned},
    {"map", "cifar100", "cifar100", pruned},
    {"map", "folder", "pictures", pruned},
    {"map", "imagenet", "imagenet", "--net tiny --batch 4 --size 32"},
    {"dcil", "cifar10", "cifar10", pruned},
    {"pqk", "glyphs", "", pruned},
    {"pqk", "digits", "digits", pruned},
    {"pqk", "commands", "commands", pruned},
    {"pqk", "sounds", "sounds", pruned},
    {"pqk", "fmnist", "fmnist", pruned},
    {"pqk", "cifar10", "cifar10", pruned},
    {"pqk", "folder", "pictures", pruned},
    {"ppp", "glyphs", "", ppp_small},
    {"sdssl", "glyphs", "", sdssl_small},
    {"sdssl", "cifar10", "cifar10", sdssl_small},
    {"rfn", "scenes", "", rfn_scenes},
    {"rfn", "digits", "digits", rfn_sound},
    {"rfn", "esc10", "esc10", rfn_sound},
    {"rfn", "tau", "tau", "--tau 1 --batch 4 --methods none,crossgrad --partial"},
    {"rfn", "folder", "sounds", rfn_sound},
    {"asc", "scenes", "", asc_scenes},
    {"asc", "digits", "digits", asc_sound},
    {"asc", "esc10", "esc10", asc_sound},
    {"asc", "tau", "tau", asc_tau},
    {"asc", "tau2022", "tau2022", asc_tau},
    {"asc", "folder", "sounds", asc_sound},
    {"asc", "keywords", "commands", "--batch 4"}};

}  // namespace

TEST_CASE("--estimate of preset paper, on data of the right layout") {
  for (const Estimated& e : all) {
    CAPTURE(e.binary);
    CAPTURE(e.task);
    const test::TempFolder at;
    test::make_up(e.data, at.name());
    TaskList tasks = binaries.at(e.binary)();
    std::string line =
        std::string("--task ") + e.task + " --preset paper --estimate --quiet --seed 0 " + e.small;
    if (*e.data) line += " --data " + at.name();
    const Options o = parsed(tasks, line);
    for (const Job& job : jobs_of(tasks, o)) {
      int64_t in_phases = 0;
      for (const Phase& phase : tasks.phases(job)) in_phases += phase.steps;
      CHECK_MESSAGE(in_phases == tasks.steps(job), job.method);
    }
    const std::string cost = estimate(tasks, o, {}, 0);
    CHECK(cost.find("of CPU time") != std::string::npos);
    for (const std::string& method : o.methods)
      CHECK_MESSAGE((cost.find(trainer(tasks.card(), method)) != std::string::npos), method);
  }
}

#include "made_up.h"

#include <regrad/algorithms/experiment/picture.h>
#include <regrad/datasets/audio/scenes.h>
#include <regrad/datasets/audio/sound.h>
#include <regrad/datasets/audio/speech_commands.h>
#include <regrad/datasets/audio/tau.h>
#include <regrad/engine/io/files.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/random.h>

#include <filesystem>
#include <functional>
#include <map>

#include "../datasets/forge.h"

namespace regrad::test {
namespace {

void put(const std::string& path, const std::string& bytes) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  write_file(path, bytes);
}

// Bytes around a value of the class's own.
std::string noise(int64_t size, int of_class, uint64_t key) {
  std::string out;
  const Random r = Random(key) / "made up";
  for (int64_t i = 0; i < size; ++i)
    out += static_cast<char>(20 * (of_class % 10) + r.integer(static_cast<uint64_t>(i), 40));
  return out;
}
void picture(const std::string& path, int side, int channels, int of_class, uint64_t key) {
  put(path,
      experiment::to_png({side, side, channels, noise(side * side * channels, of_class, key)}));
}
// parts/classes/pictures.
void pictures(const std::string& folder, const std::vector<std::string>& parts, int classes,
              int each, int side) {
  uint64_t key = 0;
  for (const std::string& part : parts)
    for (int c = 0; c < classes; ++c)
      for (int i = 0; i < each; ++i, ++key)
        picture(folder + "/" + part + "/" + part + "-class" + std::to_string(c) + "/" +
                    std::to_string(i) + ".png",
                side, 3, c, key);
}

std::string padded(int64_t i, size_t digits) {
  const std::string s = std::to_string(i);
  return std::string(digits - std::min(digits, s.size()), '0') + s;
}
void omniglot(const std::string& folder) {
  // five alphabets for validation, two for training
  for (const auto& [part, alphabets] :
       {std::pair{"images_background", 7}, {"images_evaluation", 5}})
    for (int a = 0; a < alphabets; ++a)
      for (int drawer = 1; drawer <= 20; ++drawer)
        picture(folder + "/" + part + "/" + part + padded(a, 2) + "/character01/" + padded(a, 4) +
                    "_" + padded(drawer, 2) + ".png",
                105, 1, a, static_cast<uint64_t>(100 * a + drawer));
}

void idx(const std::string& folder) {
  for (const auto& [part, n] : {std::pair{"train", 40}, {"t10k", 20}}) {
    std::string images, labels;
    for (int i = 0; i < n; ++i) {
      images += noise(28 * 28, i % 10, static_cast<uint64_t>(i));
      labels += static_cast<char>(i % 10);
    }
    put(folder + "/" + part + "-images-idx3-ubyte",
        be(0x803, 4) + be(static_cast<uint64_t>(n), 4) + be(28, 4) + be(28, 4) + images);
    put(folder + "/" + part + "-labels-idx1-ubyte",
        be(0x801, 4) + be(static_cast<uint64_t>(n), 4) + labels);
  }
}
// labels: bytes before the pixels, the last of them the class.
void cifar(const std::string& folder, const std::vector<std::string>& files, int labels) {
  uint64_t key = 0;
  for (const std::string& file : files) {
    std::string bytes;
    for (int i = 0; i < 20; ++i)
      bytes += std::string(static_cast<size_t>(labels - 1), '\0') + static_cast<char>(i % 10) +
               noise(3072, i % 10, key++);
    put(folder + "/" + file, bytes);
  }
}

void citations(const std::string& folder, const std::string& name, int classes) {
  std::string content, cites;
  const Random r = Random(1) / name;
  const int n = 30 * classes;
  for (int i = 0; i < n; ++i) {
    content += "p" + std::to_string(i);
    for (uint64_t w = 0; w < 20; ++w)
      content += (r / i).uniform(w) < (static_cast<int>(w) % classes == i % classes ? 0.7 : 0.2)
                     ? "\t1"
                     : "\t0";
    content += "\tclass" + std::to_string(i % classes) + "\n";
    for (uint64_t k = 0; k < 3; ++k)
      cites += "p" + std::to_string(i) + "\tp" +
               std::to_string((i + classes * (1 + (r / i).integer(100 + k, 20))) % n) + "\n";
  }
  put(folder + "/" + name + ".content", content);
  put(folder + "/" + name + ".cites", cites);
}

void sound(const std::string& path, int64_t of_class, uint64_t key, int rate, double seconds) {
  const auto frames = static_cast<int64_t>(rate * seconds);
  const Random r = Random(key) / "sound";
  const Tensor tone = sin(arange(0, static_cast<double>(frames)).to(DType::f32) *
                          (0.05 * static_cast<double>(of_class + 1)));
  put(path, to_wav({reshape(0.2 * tone + normal(r, {frames}, 0, 0.05), {1, frames}), rate}));
}

void digits(const std::string& folder) {
  for (int digit = 0; digit < 10; ++digit)
    for (int take = 0; take < 9; ++take)
      sound(folder + "/free-spoken-digit-dataset/recordings/" + std::to_string(digit) + "_ann_" +
                std::to_string(take) + ".wav",
            digit, static_cast<uint64_t>(10 * digit + take), 8000, 0.5);
}

void esc(const std::string& folder) {
  const std::string at = folder + "/ESC-50-master";
  std::string list = "filename,fold,target,category,esc10,src_file,take\n";
  int c = 0;
  for (int target : {0, 10, 11, 20, 38, 21, 40, 41, 1, 12}) {
    for (int fold = 1; fold <= 5; ++fold)
      for (int take = 0; take < 1; ++take) {
        const std::string source = std::to_string(1000 * fold + 10 * c + take);
        const std::string file =
            std::to_string(fold) + "-" + source + "-A-" + std::to_string(target) + ".wav";
        list += file + "," + std::to_string(fold) + "," + std::to_string(target) + ",class" +
                std::to_string(c) + ",True," + source + ",A\n";
        sound(at + "/audio/" + file, c, static_cast<uint64_t>(100 * c + 10 * fold + take), 16000,
              1);
      }
    ++c;
  }
  put(at + "/meta/esc50.csv", list);
}

// Of each scene two places to train in with the seen devices, one to test in with all.
void tau(const std::string& folder, const std::string& year) {
  const std::string at = folder + "/TAU-urban-acoustic-scenes-" + year + "-mobile-development",
                    second = year == "2022" ? "-0" : "";
  std::string meta = "filename\tscene_label\tidentifier\tsource_label\n",
              train = "filename\tscene_label\n", test = "filename\n", evaluate = train;
  uint64_t key = 0;
  for (const std::string& scene : tau_scenes())
    for (const char* place : {"lisbon-100", "oslo-300", "lyon-200"})
      for (const std::string& device : tau_devices()) {
        const bool tests = place == std::string("lyon-200");
        if (!tests && device >= "s4") continue;
        const std::string file =
            "audio/" + scene + "-" + place + "-1" + second + "-" + device + ".wav";
        meta += file + "\t" + scene + "\t" + place + "\t" + device + "\n";
        (tests ? evaluate : train) += file + "\t" + scene + "\n";
        if (tests) test += file + "\n";
        sound(at + "/" + file, static_cast<int64_t>(key / 24), key, 16000, 1);
        ++key;
      }
  put(at + "/meta.csv", meta);
  put(at + "/evaluation_setup/fold1_train.csv", train);
  put(at + "/evaluation_setup/fold1_test.csv", test);
  put(at + "/evaluation_setup/fold1_evaluate.csv", evaluate);
}

void commands(const std::string& folder) {
  const std::string at = folder + "/speech_commands_v0.02/";
  std::string lists[3];
  std::vector<std::string> words = SpeechCommandsOptions{}.words;
  words.push_back("bed");
  for (size_t w = 0; w < words.size(); ++w)
    for (size_t k = 0; k < 6; ++k) {  // train, validation, test, train, ..
      const std::string file =
          words[w] + "/" + padded(static_cast<int64_t>(k), 8) + "_nohash_0.wav";
      sound(at + file, static_cast<int64_t>(w), 10 * w + k, 16000, 1);
      lists[k % 3] += file + "\n";
    }
  put(at + "validation_list.txt", lists[1]);
  put(at + "testing_list.txt", lists[2]);
  sound(at + "_background_noise_/hum.wav", 0, 999, 16000, 2);
}

void sounds(const std::string& folder) {
  for (const auto& [part, count] : {std::pair<std::string, int>{"train", 8}, {"test", 3}})
    for (int c = 0; c < 2; ++c)
      for (int i = 0; i < count; ++i)
        sound(folder + "/" + part + "/class" + std::to_string(c) + "/" + part + std::to_string(i) +
                  ".wav",
              c, static_cast<uint64_t>(100 * c + i), 16000, 1);
}

}  // namespace

void make_up(const std::string& set, const std::string& at) {
  const std::map<std::string, std::function<void()>> makers{
      {"omniglot", [&] { omniglot(at); }},
      {"images",
       [&] {
         pictures(at, {"train", "val", "test"}, 5, 20, 84);
       }},
      {"nodes", [&] { citations(at, "cora", 7), citations(at, "citeseer", 6); }},
      {"fmnist", [&] { idx(at); }},
      {"cifar10",
       [&] {
         cifar(at,
               {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
                "data_batch_5.bin", "test_batch.bin"},
               1);
       }},
      {"cifar100",
       [&] {
         cifar(at, {"train.bin", "test.bin"}, 2);
       }},
      {"pictures",
       [&] {
         for (const char* part : {"train", "test"})
           for (int c = 0; c < 2; ++c)
             for (int i = 0; i < 10; ++i)
               picture(at + "/" + part + "/class" + std::to_string(c) + "/" + std::to_string(i) +
                           ".png",
                       32, 3, c, static_cast<uint64_t>(i));
       }},
      {"imagenet",
       [&] {
         for (const char* part : {"train", "val"})
           for (int c = 0; c < 2; ++c)
             for (int i = 0; i < 10; ++i)
               picture(
                   at + "/" + part + "/n0" + std::to_string(c) + "/" + std::to_string(i) + ".png",
                   40, 3, c, static_cast<uint64_t>(i));
       }},
      {"digits", [&] { digits(at); }},
      {"esc10", [&] { esc(at); }},
      {"tau", [&] { tau(at, "2020"); }},
      {"tau2022", [&] { tau(at, "2022"); }},
      {"commands", [&] { commands(at); }},
      {"sounds", [&] { sounds(at); }}};
  if (const auto found = makers.find(set); found != makers.end()) found->second();
}

}  // namespace regrad::test

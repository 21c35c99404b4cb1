#include <regrad/datasets/cifar.h>
#include <regrad/datasets/internal/adopt.h>
#include <regrad/datasets/internal/files.h>
#include <regrad/datasets/internal/unpack.h>

#include <algorithm>
#include <map>

namespace regrad {
namespace {

constexpr int64_t pixels = 3 * 32 * 32;

// Where a record's label stands and how many classes it may name.
struct Kind {
  const char* name;
  int64_t label_bytes;  // in front of the pixels
  int64_t most[2];      // classes of each label byte
  int64_t wanted;       // the label byte that is read
  std::vector<std::string> classes;
};

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> out;
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find(' ', start), text.size());
    out.emplace_back(text.substr(start, end - start));
    start = end + 1;
  }
  return out;
}

Kind cifar10() {
  return {"CIFAR-10",
          1,
          {10, 0},
          0,
          words("airplane automobile bird cat deer dog frog horse ship truck")};
}

Kind cifar100(Cifar100Labels labels) {
  if (labels == Cifar100Labels::coarse) {
    return {
        "CIFAR-100",
        2,
        {20, 100},
        0,
        words(
            "aquatic_mammals fish flowers food_containers fruit_and_vegetables "
            "household_electrical_devices household_furniture insects "
            "large_carnivores large_man-made_outdoor_things large_natural_outdoor_scenes "
            "large_omnivores_and_herbivores medium_mammals "
            "non-insect_invertebrates people reptiles small_mammals trees vehicles_1 vehicles_2")};
  }
  return {"CIFAR-100",
          2,
          {20, 100},
          1,
          words("apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy "
                "bridge bus butterfly camel can castle caterpillar cattle "
                "chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin "
                "elephant flatfish forest fox girl hamster house "
                "kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree "
                "motorcycle mountain mouse mushroom oak_tree orange "
                "orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine "
                "possum rabbit raccoon ray road rocket rose sea seal "
                "shark shrew skunk skyscraper snail snake spider squirrel streetcar sunflower "
                "sweet_pepper table tank telephone television tiger "
                "tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm")};
}

// What has been read so far.
struct Records {
  std::vector<uint8_t> images;
  std::vector<int64_t> labels;
};

void append(std::string_view bytes, const Kind& kind, const std::string& where, Records& records) {
  const int64_t record = kind.label_bytes + pixels, total = static_cast<int64_t>(bytes.size()),
                n = total / record;
  if (total == 0 || total % record)
    throw IOError(where + ": record " + std::to_string(n) + ": ends at byte " +
                  std::to_string(total) + "; a record of " + kind.name + " has " +
                  std::to_string(record) + " bytes");
  for (int64_t i = 0; i < n; ++i) {
    const std::string_view one =
        bytes.substr(static_cast<size_t>(i * record), static_cast<size_t>(record));
    for (int64_t k = 0; k < kind.label_bytes; ++k) {
      const int64_t label = static_cast<unsigned char>(one[static_cast<size_t>(k)]);
      if (label >= kind.most[k])
        throw IOError(where + ": record " + std::to_string(i) + ", byte " +
                      std::to_string(i * record + k) + ": label " + std::to_string(label) + "; " +
                      kind.name + " has 0 to " + std::to_string(kind.most[k] - 1));
      if (k == kind.wanted) records.labels.push_back(label);
    }
    records.images.insert(records.images.end(), one.begin() + kind.label_bytes, one.end());
  }
}

ImageSet finish(Records records, Kind kind) {
  const auto n = static_cast<int64_t>(records.labels.size());
  return {detail::adopt(std::move(records.images), {n, 3, 32, 32}),
          detail::adopt(std::move(records.labels), {n}), std::move(kind.classes)};
}

ImageSet from_files(const std::vector<std::string>& paths, Kind kind) {
  Records records;
  for (const std::string& path : paths) append(detail::read_unpacked(path), kind, path, records);
  return finish(std::move(records), std::move(kind));
}

// The last part of a path, without .gz or .xz.
std::string last_part(const std::string& name) {
  std::string part = name.substr(name.rfind('/') + 1);
  if (part.size() > 3 &&
      (part.substr(part.size() - 3) == ".gz" || part.substr(part.size() - 3) == ".xz"))
    part.resize(part.size() - 3);
  return part;
}

ImageSet from_set(const std::string& path, const std::vector<std::string>& names, Kind kind) {
  std::map<std::string, Records> found;  // archives have their own order
  const detail::Files files(path);
  files.each([&](const detail::FileOf& f) {
    const std::string part = last_part(f.name);
    if (std::find(names.begin(), names.end(), part) == names.end() || detail::is_clutter(f.name))
      return;
    Records& records = found[part];
    if (!records.labels.empty()) throw IOError(f.where + ": '" + part + "' stands there twice");
    append(detail::unpack(f.read(), f.where), kind, f.where, records);
  });
  Records all;
  for (const std::string& name : names) {
    const auto one = found.find(name);
    if (one == found.end()) throw IOError(path + ": holds no " + name);
    all.images.insert(all.images.end(), one->second.images.begin(), one->second.images.end());
    all.labels.insert(all.labels.end(), one->second.labels.begin(), one->second.labels.end());
    one->second = {};
  }
  return finish(std::move(all), std::move(kind));
}

}  // namespace

ImageSet load_cifar10(const std::string& path, Split split) {
  return typed_memory([&] {
    if (split == Split::test) return from_set(path, {"test_batch.bin"}, cifar10());
    return from_set(path,
                    {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin",
                     "data_batch_5.bin"},
                    cifar10());
  });
}
ImageSet load_cifar100(const std::string& path, Split split, Cifar100Labels labels) {
  return typed_memory([&] {
    return from_set(path, {split == Split::train ? "train.bin" : "test.bin"}, cifar100(labels));
  });
}
ImageSet load_cifar10_files(const std::vector<std::string>& paths) {
  return typed_memory([&] { return from_files(paths, cifar10()); });
}
ImageSet load_cifar100_files(const std::vector<std::string>& paths, Cifar100Labels labels) {
  return typed_memory([&] { return from_files(paths, cifar100(labels)); });
}
ImageSet parse_cifar10(std::string_view bytes, const std::string& where) {
  return typed_memory([&] {
    Records records;
    append(bytes, cifar10(), where, records);
    return finish(std::move(records), cifar10());
  });
}
ImageSet parse_cifar100(std::string_view bytes, Cifar100Labels labels, const std::string& where) {
  return typed_memory([&] {
    Records records;
    append(bytes, cifar100(labels), where, records);
    return finish(std::move(records), cifar100(labels));
  });
}

}  // namespace regrad

#include <regrad/algorithms/experiment/config.h>
#include <regrad/algorithms/rde/experiment/model_file.h>
#include <regrad/algorithms/rde/experiment/pretrained.h>
#include <regrad/engine/error.h>
#include <regrad/engine/internal/split.h>
#include <regrad/engine/io/files.h>
#include <regrad/layers/serialize.h>

#include <filesystem>
#include <set>

namespace regrad::rde {
namespace {

namespace fs = std::filesystem;
using experiment::joined;

constexpr int64_t largest = 4096;  // width and most, as settings bound them

// FNV-1a of 64 bits.
std::string number_of_bytes(const std::string& bytes) {
  uint64_t h = 0xcbf29ce484222325;
  for (const char c : bytes) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return std::to_string(h);
}

std::string file_of(const std::string& path) {
  if (!fs::is_directory(path)) return path;
  std::vector<std::string> found;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(path + "/models", none))
    if (entry.path().extension() == ".safetensors") found.push_back(entry.path().string());
  if (found.size() == 1) return found[0];
  throw IOError(path + (found.empty()
                            ? ": holds no model in models/; regrad-rde train leaves one"
                            : ": holds several models in models/; give one of the files"));
}

class Reader {
 public:
  explicit Reader(const std::string& path)
      : bytes_(read_file(path)), file_(parse_safetensors(bytes_, path)) {}

  Model model() const {
    Model out;
    out.net = value("net");
    const bool pretrained = out.net == pretrained_name;
    if (!pretrained && !experiment::among(out.net, net_names()))
      fail("its net is '" + out.net + "', not one of " + joined(net_names()) + ", " +
           pretrained_name);
    out.classes = split(value("class_names"), '\n');
    if (out.classes.size() < 2) fail("its metadata name fewer than two classes");
    out.classifier.vocabulary = vocabulary();
    out.classifier.most = number("most", 2);
    if (pretrained) {
      read_pretrained(out);
    } else {
      read_scratch(out);
    }
    if (const auto at = file_.metadata.find("without"); at != file_.metadata.end())
      out.without = at->second;
    out.bytes = number_of_bytes(bytes_);
    return out;
  }

 private:
  void read_pretrained(Model& out) const {
    Pretrained p = pretrained_of(file_, static_cast<int64_t>(out.classes.size()));
    if (out.classifier.most > most_tokens(p.net.config))
      fail("its metadata's most is " + std::to_string(out.classifier.most) +
           "; its net has positions for " + std::to_string(most_tokens(p.net.config)));
    out.classifier.net = TextNet(std::move(p.net));
    out.classifier.tokenizer = std::move(p.tokenizer);
  }
  void read_scratch(Model& out) const {
    const TextOptions o{.words = out.classifier.vocabulary->size(),
                        .width = number("width", 1),
                        .classes = static_cast<int64_t>(out.classes.size())};
    check_sizes(o);
    try {
      out.classifier.net = with_tensors(TextNet(out.net, Random(0), o, out.classifier.most), file_);
    } catch (const ShapeError& e) {
      fail(e.what());
    } catch (const DTypeError& e) {
      fail(e.what());
    } catch (const ConfigError& e) {
      fail(e.what());
    }
  }
  [[noreturn]] void fail(const std::string& why) const {
    throw IOError(why.rfind(file_.where, 0) == 0 ? why : file_.where + ": " + why);
  }
  const std::string& value(const std::string& key) const {
    const auto at = file_.metadata.find(key);
    if (at == file_.metadata.end())
      fail("its metadata lack '" + key + "': no classifier that regrad-rde trained");
    return at->second;
  }
  int64_t number(const std::string& key, int64_t least) const {
    const auto v = experiment::number<int64_t>(value(key));
    if (!v || *v < least || *v > largest)
      fail("its metadata's " + key + " is '" + value(key) + "', not a whole number from " +
           std::to_string(least) + " to " + std::to_string(largest));
    return *v;
  }
  std::shared_ptr<const Vocabulary> vocabulary() const {
    std::vector<std::string> tokens = split(value("vocabulary"), '\n');
    std::set<std::string> seen;
    for (const std::string& t : tokens) {
      if (t.empty()) fail("its vocabulary has an empty word");
      if (!seen.insert(t).second) fail("its vocabulary has '" + t + "' twice");
    }
    std::vector<int64_t> counts(tokens.size(), 0);  // which only training texts give
    return std::make_shared<const Vocabulary>(std::move(tokens), std::move(counts));
  }
  // Before a net of these sizes is made.
  void check_sizes(const TextOptions& o) const {
    const Tensor& e = file_["embedding.weight"];
    if (e.shape() != Shape{o.words, o.width})
      fail("tensor 'embedding.weight' is " + str(e.shape()) + ", its metadata have " +
           std::to_string(o.words) + " words of width " + std::to_string(o.width));
  }

  std::string bytes_;
  TensorFile file_;
};

}  // namespace

Model load_model(const std::string& path) { return Reader(file_of(path)).model(); }

void check_classes(const Model& model, const std::vector<std::string>& classes,
                   const std::string& where) {
  if (classes != model.classes)
    throw IOError(where + ": its classes are " + joined(classes) + ", the model's " +
                  joined(model.classes));
}

}  // namespace regrad::rde

#include <regrad/algorithms/rde/experiment/pretrained.h>
#include <regrad/datasets/text/byte_pair.h>
#include <regrad/datasets/text/word_piece.h>
#include <regrad/engine/error.h>
#include <regrad/engine/io/files.h>
#include <regrad/engine/io/json_fields.h>

#include <filesystem>

namespace regrad::rde {
namespace {

namespace fs = std::filesystem;

using Files = std::map<std::string, std::string>;

const std::string& file(const Files& files, const std::string& name, const std::string& where) {
  const auto at = files.find(name);
  if (at == files.end()) throw IOError(where + ": has no " + name);
  return at->second;
}

// Without tokenizer_config.json: small letters, as the library does.
WordPieceOptions word_piece_options(const Files& files, const std::string& where) {
  const auto at = files.find("tokenizer_config.json");
  if (at == files.end()) return {};
  const JsonFields f(at->second, where + "/tokenizer_config.json");
  const bool lower = f.flag("do_lower_case", true);
  if (f.flag("strip_accents", lower) != lower || !f.flag("tokenize_chinese_chars", true))
    throw IOError(f.where() +
                  ": accents are stripped where letters are made small, and CJK "
                  "ideographs split; another way is not known");
  return {.lower = lower};
}

// Whether the net has a row for each piece, and takes the same one for padding.
template <class Pieces>
Tokenizer fitting(std::shared_ptr<const Pieces> pieces, const std::string& path,
                  const std::string& pad, const BertConfig& c) {
  if (pieces->size() > c.vocabulary)
    throw IOError(path + ": " + std::to_string(pieces->size()) + " pieces; config.json's net has " +
                  std::to_string(c.vocabulary) + " (vocab_size)");
  if (pieces->padding() != c.pad)
    throw IOError(path + ": " + pad + " has the id " + std::to_string(pieces->padding()) +
                  ", config.json says " + std::to_string(c.pad) + " (pad_token_id)");
  return [pieces](const std::string& text, int64_t most) { return pieces->ids(text, most); };
}

// The one place where a tokenizer is chosen.
Tokenizer tokenizer_of(const Files& files, const std::string& where, const BertConfig& c) {
  const JsonFields config(file(files, "config.json", where), where + "/config.json");
  const std::string type = config.text("model_type");
  if (type == "bert") {
    const std::string path = where + "/vocab.txt";
    return fitting(std::make_shared<const WordPiece>(file(files, "vocab.txt", where), path,
                                                     word_piece_options(files, where)),
                   path, "[PAD]", c);
  }
  if (type == "roberta")
    return fitting(std::make_shared<const BytePair>(file(files, "vocab.json", where),
                                                    file(files, "merges.txt", where), where),
                   where + "/vocab.json", "<pad>", c);
  throw IOError(config.where() + ": model_type \"" + type +
                "\", whose tokenizer is not known; bert's and roberta's are");
}

// config.json and the tokenizer; `weights` makes the net.
template <class F>
Pretrained with_net(Files files, const std::string& where, F&& weights) {
  try {
    Pretrained out;
    const BertConfig c =
        read_bert_config(JsonFields(file(files, "config.json", where), where + "/config.json"));
    out.tokenizer = std::make_shared<const Tokenizer>(tokenizer_of(files, where, c));
    out.files = std::move(files);
    out.net = weights(c);
    return out;
  } catch (const ConfigError& e) {
    throw IOError(where + ": " + e.what());
  }
}

}  // namespace

Pretrained load_pretrained(const std::string& folder, int64_t classes) {
  if (!fs::is_directory(folder)) throw IOError(folder + ": no such folder");
  Files files;
  for (const char* name :
       {"config.json", "tokenizer_config.json", "vocab.txt", "vocab.json", "merges.txt"})
    if (const std::string path = folder + "/" + name; fs::exists(path))
      files[name] = read_file(path);
  return with_net(std::move(files), folder,
                  [&](const BertConfig&) { return read_bert(folder, {.classes = classes}); });
}

Pretrained pretrained_of(Files files, const std::string& where, int64_t classes) {
  return with_net(std::move(files), where,
                  [&](const BertConfig& c) { return Bert(Random(0), c, classes); });
}

int64_t most_tokens(const BertConfig& c) {
  return c.positions - (c.family == BertConfig::roberta ? c.pad + 1 : 0);
}

}  // namespace regrad::rde

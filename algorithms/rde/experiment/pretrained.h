// A pretrained net as a victim: BERT from a Hugging Face folder (config.json, model.safetensors,
// vocab.txt), with its own word pieces.
//
//   const Pretrained p = load_pretrained("all-MiniLM-L6-v2", 2);
//   (*p.tokenizer)("a good film", 64);        // [CLS] a good film [SEP]
//
// A head that the folder lacks is new, N(0, 0.02^2): BERT's, a pooler and a linear layer. Features
// are taken before it: the first token's last hidden vector, as the authors' code does
// (text-and-ssl.md 1.2).
#pragma once

#include <regrad/algorithms/rde/experiment/pattern.h>
#include <regrad/engine/io/serialize.h>
#include <regrad/layers/nets/bert.h>

#include <map>
#include <memory>
#include <string>

namespace regrad::rde {

inline const std::string pretrained_name = "pretrained";  // among a table's nets

struct Pretrained {
  Bert net;
  std::shared_ptr<const Tokenizer> tokenizer;
  // What a net needs beside its weights: the folder's other files (config.json, vocab.txt,
  // tokenizer_config.json) by name.
  std::map<std::string, std::string> files;
};

// IOError naming file and reason: one that is missing or broken, weights that do not fit
// config.json (read_bert), a head of another number of classes, a vocabulary of more pieces than
// the net has words or with another [PAD] than config.json's, a tokenizer that is not known.
Pretrained load_pretrained(const std::string& folder, int64_t classes);
// The same from a trained net's own file, whose metadata hold those files (RdeTrial::about). What
// is allocated follows the tensors that are there.
Pretrained pretrained_of(const TensorFile& file, int64_t classes);
// Tokens of a text that it has positions for.
int64_t most_tokens(const BertConfig& config);

}  // namespace regrad::rde

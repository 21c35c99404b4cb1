// Which texts of an attack's log are training texts, whatever their case and spaces.
#pragma once

#include <regrad/datasets/text/attack_log.h>
#include <regrad/datasets/text/texts.h>

#include <set>
#include <string>
#include <vector>

namespace regrad::rde {

// Letters and numbers alone, small: "It's GOOD." and "it 's good ." are the same.
std::string plain(const std::string& text);

// plain() of the original texts of these logs.
std::set<std::string> originals_of(const std::vector<Attacked>& log);

// The set less the texts whose plain() is among these; less the originals of the logs in these
// files (IOError as load_attack_log). ConfigError where fewer than two are left.
TextSet without_texts(TextSet set, const std::set<std::string>& plain_texts);
TextSet without_texts_of(TextSet set, const std::vector<std::string>& logs);

}  // namespace regrad::rde

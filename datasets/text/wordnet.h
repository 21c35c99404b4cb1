// WordNet 3.0's database files (Debian's wordnet-base; the same that NLTK uses): synonyms with
// morphological reduction.
//
//   const WordNet net = WordNet::load("/usr/share/wordnet");
//   net.synonyms("movie");         // "film", "flick", "pic", "picture"
//   net.synonyms("hopelessly");    // "dispiritedly"
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace regrad {

enum class PartOfSpeech : uint8_t { noun, verb, adjective, adverb };

class WordNet {
 public:
  // index.*, data.* and *.exc of noun, verb, adj and adv, plain or packed. IOError naming file and
  // line, or file and byte of a synset: a file that is missing, a count that is none, an offset at
  // which no synset begins.
  static WordNet load(const std::string& folder);
  // Where Debian's package puts it, if it is there; else IOError naming the package.
  static WordNet installed();
  // The same from memory, files by part of speech: `where` begins messages.
  struct Files {
    std::string index[4], data[4], exceptions[4];
  };
  static WordNet parse(Files files, const std::string& where);

  int64_t lemmas(PartOfSpeech p) const;
  // Base forms of a word in small letters that the index has (NLTK's morphy, all of them): of an
  // exception the word and its bases; else of the form itself and one pass of suffix rules, and
  // where none is there the rules again on what they gave, until one is. Of a word of more than 256
  // bytes there are none.
  std::vector<std::string> base_forms(const std::string& word, PartOfSpeech p) const;

  struct Synset {
    PartOfSpeech part;
    int64_t offset;
    std::vector<std::string> lemmas;  // as they are written, "_" between words
  };
  // Over nouns, verbs, adjectives, adverbs, in that order; the word in any case. IOError as load's:
  // a synset is read when it is asked for.
  std::vector<Synset> synsets(std::string_view word) const;

  // TextAttack's candidates: all lemmas of all synsets but the word itself, those of several words
  // ("_") and those that are not one word; their own case is kept. Sorted, each once.
  std::vector<std::string> synonyms(std::string_view word) const;

 private:
  struct Database;
  std::shared_ptr<const Database> data_;
};

}  // namespace regrad

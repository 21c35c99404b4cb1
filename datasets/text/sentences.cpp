#include <regrad/datasets/text/sentences.h>
#include <regrad/engine/error.h>

#include <cmath>

namespace regrad {
namespace {

using Group = std::vector<std::string>;

struct Lexicon {
  std::vector<Group> nouns, degrees, good, bad, liked, loathed;
};

const Lexicon& lexicon() {
  static const Lexicon words = {
      .nouns = {{"film", "movie", "picture", "flick", "feature"},
                {"plot", "story", "tale", "narrative", "storyline"},
                {"cast", "actors", "performers", "players", "ensemble"},
                {"music", "score", "soundtrack", "songs", "melodies"},
                {"ending", "finale", "conclusion", "close", "denouement"},
                {"dialogue", "script", "writing", "screenplay", "lines"}},
      .degrees = {{"very", "really", "truly", "utterly", "thoroughly"},
                  {"rather", "quite", "fairly", "somewhat", "mildly"}},
      .good = {{"good", "fine", "great", "superb", "splendid", "stellar"},
               {"funny", "witty", "amusing", "hilarious", "droll", "jocular"},
               {"charming", "lovely", "delightful", "enchanting", "winsome", "beguiling"},
               {"clever", "smart", "inventive", "ingenious", "astute", "canny"},
               {"moving", "touching", "stirring", "poignant", "affecting", "heartfelt"}},
      .bad = {{"bad", "poor", "awful", "dreadful", "abysmal", "lousy"},
              {"dull", "boring", "tedious", "dreary", "plodding", "soporific"},
              {"silly", "stupid", "foolish", "inane", "asinine", "fatuous"},
              {"messy", "clumsy", "muddled", "sloppy", "shambolic", "ungainly"},
              {"cold", "hollow", "lifeless", "bland", "insipid", "vapid"}},
      .liked = {{"liked", "enjoyed", "loved", "adored", "relished", "savored"},
                {"praised", "applauded", "admired", "cheered", "lauded", "extolled"}},
      .loathed = {{"disliked", "hated", "loathed", "detested", "despised", "abhorred"},
                  {"mocked", "panned", "derided", "scorned", "ridiculed", "disparaged"}}};
  return words;
}

// Numbers of one text's stream, one after the other.
class Draw {
 public:
  Draw(const Random& r, double rare) : random_(r), rare_(rare) {}

  double share() { return random_.uniform(at_++); }
  const std::string& word(const std::vector<Group>& groups) {
    const Group& g =
        groups[static_cast<size_t>(random_.integer(at_++, static_cast<int64_t>(groups.size())))];
    double all = 0;
    for (size_t i = 0; i < g.size(); ++i) all += weight(i);
    double left = share() * all;
    for (size_t i = 0; i + 1 < g.size(); ++i)
      if ((left -= weight(i)) < 0) return g[i];
    return g.back();
  }

 private:
  double weight(size_t i) const { return std::pow(static_cast<double>(i + 1), -rare_); }
  Random random_;
  double rare_;
  uint64_t at_ = 0;
};

std::string clause(Draw& draw, bool positive, double negated) {
  const Lexicon& words = lexicon();
  const bool turned = draw.share() < negated;
  const bool as = positive != turned;  // the sense of the word that judges
  const std::string noun = draw.word(words.nouns);
  if (draw.share() < 0.3) {
    const std::string verb = draw.word(as ? words.liked : words.loathed);
    return (turned ? "nobody " : "i ") + verb + " the " + noun;
  }
  std::string out = "the " + noun + (turned ? " is not " : " is ");
  if (draw.share() < 0.5) out += draw.word(words.degrees) + " ";
  return out + draw.word(as ? words.good : words.bad);
}

}  // namespace

TextSet Sentences::sample(const Random& r, int64_t count) const {
  if (count < 1 || !(rare >= 0) || !(turned >= 0 && turned <= 1) || !(negated >= 0 && negated <= 1))
    throw ConfigError("Sentences: " + std::to_string(count) +
                      " texts; counts are at least 1, rare at least 0, shares from 0 to 1");
  TextSet out;
  out.classes = {"negative", "positive"};
  for (int64_t i = 0; i < count; ++i) {
    Draw draw(r / i, rare);
    const bool positive = i % 2 == 1;
    const auto clauses = 1 + static_cast<int>(draw.share() * 3);
    const bool turns = clauses > 1 && draw.share() < turned;
    std::string text;
    for (int c = 0; c < clauses; ++c) {
      const bool last = c + 1 == clauses;
      if (c > 0) text += turns && last ? " , but " : " , and ";
      text += clause(draw, turns && !last ? !positive : positive, negated);
    }
    out.texts.push_back(text + " .");
    out.labels.push_back(positive ? 1 : 0);
  }
  return out;
}

const std::vector<std::vector<std::string>>& Sentences::synonyms() {
  static const std::vector<Group> all = [] {
    const Lexicon& w = lexicon();
    std::vector<Group> out;
    for (const auto* groups : {&w.nouns, &w.degrees, &w.good, &w.bad, &w.liked, &w.loathed})
      out.insert(out.end(), groups->begin(), groups->end());
    return out;
  }();
  return all;
}

}  // namespace regrad

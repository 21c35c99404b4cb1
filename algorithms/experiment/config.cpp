#include <fmt/format.h>
#include <regrad/algorithms/experiment/config.h>
#include <regrad/engine/error.h>
#include <regrad/engine/internal/split.h>

#include <algorithm>
#include <numeric>

namespace regrad::experiment {
namespace {

template <class T>
constexpr bool is_vector = false;
template <class T>
constexpr bool is_vector<std::vector<T>> = true;

// The alternatives of Slot, in its order.
struct Kind {
  const char *name, *expected;
  bool list = false;
};
constexpr Kind kKinds[] = {
    {"", "true or false"},
    {"INT", "a whole number"},
    {"INT", "a whole number"},
    {"INT", "a whole number of at least 0"},
    {"NUMBER", "a finite number"},
    {"TEXT", "a text"},
    {"INT,...", "a list of whole numbers, such as 40,40", true},
    {"INT,...", "a list of whole numbers of at least 0, such as 0,1,2", true},
    {"NUMBER,...", "a list of finite numbers, such as 0.1,0.2", true},
    {"NAME,...", "a list of names, such as a,b", true}};
static_assert(std::size(kKinds) == std::variant_size_v<Slot>);

template <class T>
bool read(const std::string& text, T& value) {
  const std::optional<T> parsed = number<T>(text);
  if (parsed) value = *parsed;
  return parsed.has_value();
}
bool read(const std::string& text, bool& value) {
  const bool yes = text == "true" || text == "1" || text == "yes" || text == "on";
  const bool no = text == "false" || text == "0" || text == "no" || text == "off";
  if (yes || no) value = yes;
  return yes || no;
}
bool read(const std::string& text, std::string& value) {
  value = text;
  return true;
}
template <class T>
bool read(const std::string& text, std::vector<T>& value) {
  std::vector<T> parsed;
  for (const std::string& part : split(text, ','))
    if (part.empty() || !read(part, parsed.emplace_back())) return false;
  value = std::move(parsed);
  return true;
}

std::string same_dashes(std::string key) {
  std::replace(key.begin(), key.end(), '-', '_');
  return key;
}

// Damerau-Levenshtein distance in its restricted form (optimal string alignment): stpes -> steps is
// one swap.
size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  std::iota(above.begin(), above.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] =
          std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(above);
    above.swap(row);
  }
  return above[b.size()];
}

std::string outside(const Range&, bool) { return ""; }
std::string outside(const Range&, const std::string&) { return ""; }
// " must be at most 3, not 4"; empty for a number in the range.
template <class T>
std::string outside(const Range& r, T value) {
  const auto v = static_cast<double>(value);
  constexpr double most = Range::f32_most;
  if (r.holds(v)) return "";
  if (r.most < most && r.least > -most)
    return fmt::format(" must lie in {}{}, {}{}, not {}", r.above ? "(" : "[", r.least, r.most,
                       r.below ? ")" : "]", value);
  if (v > r.most && r.most < most) return fmt::format(" must be at most {}, not {}", r.most, value);
  if (v > most || v < -most) return fmt::format(" must be at most {} in size, not {}", most, value);
  return fmt::format(" must be {} {}, not {}", r.above ? "above" : "at least", r.least, value);
}
template <class T>
std::string outside(const Range& r, const std::vector<T>& list) {
  for (const T& item : list)
    if (const std::string found = outside(r, item); !found.empty()) return found;
  return "";
}

}  // namespace

std::string text(const Field& field) {
  return std::visit(
      [](const auto* value) {
        if constexpr (is_vector<std::decay_t<decltype(*value)>>)
          return fmt::format("{}", fmt::join(*value, ","));
        else  // of a real number the shortest text that reads back as the same
          return fmt::format("{}", *value);
      },
      field.slot);
}

std::string expected(const Field& field) { return kKinds[field.slot.index()].expected; }
std::string type_name(const Field& field) { return kKinds[field.slot.index()].name; }
bool is_list(const Field& field) { return kKinds[field.slot.index()].list; }

Field* find(std::vector<Field>& fields, const std::string& key) {
  const auto found = std::find_if(fields.begin(), fields.end(), [&](const Field& field) {
    return same_dashes(field.name) == same_dashes(key);
  });
  return found == fields.end() ? nullptr : &*found;
}

bool parse(Field& field, const std::string& value) {
  return std::visit([&](auto* slot) { return read(value, *slot); }, field.slot);
}

bool parse_element(Field& field, const std::string& value) {
  return std::visit(
      [&](auto* slot) {
        if constexpr (is_vector<std::decay_t<decltype(*slot)>>) {
          if (read(value, slot->emplace_back())) return true;
          slot->pop_back();
        }
        return false;
      },
      field.slot);
}

std::string out_of_range(const Field& field) {
  const std::string what =
      std::visit([&](const auto* slot) { return outside(field.range, *slot); }, field.slot);
  return what.empty() ? "" : field.name + what;
}

void assign(std::vector<Field>& fields, const std::string& key, const std::string& value,
            const std::string& where) {
  Field* field = find(fields, key);
  if (field == nullptr)
    throw ConfigError(where + ": no such key" +
                      did_you_mean(key, names(fields), "", "; --print-config lists them"));
  const std::string before = text(*field);
  if (value.empty() || !parse(*field, value))
    throw ConfigError(fmt::format("{}: '{}' is not {}{} (it is now {})", where, value,
                                  expected(*field), value.empty() ? ": no value is given" : "",
                                  before));
  if (const std::string what = out_of_range(*field); !what.empty()) {
    parse(*field, before);
    throw ConfigError(where + ": " + what);
  }
}

std::string nearest(const std::string& name, const std::vector<std::string>& candidates) {
  const std::string wanted = same_dashes(name), last_part = "." + wanted;
  std::string best;
  // a third of the letters may be wrong
  size_t best_distance = std::max<size_t>(1, wanted.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const std::string other = same_dashes(candidate);
    const bool ends = other.size() > last_part.size() &&
                      other.substr(other.size() - last_part.size()) == last_part;
    const size_t distance = ends ? 1 : edit_distance(wanted, other);
    if (distance >= best_distance) continue;
    best_distance = distance;
    best = candidate;
  }
  return best;
}

std::string did_you_mean(const std::string& name, const std::vector<std::string>& candidates,
                         const std::string& prefix, const std::string& otherwise) {
  const std::string near = nearest(name, candidates);
  return near.empty() ? otherwise : "; did you mean " + prefix + near + "?";
}

bool among(const std::string& word, const std::vector<std::string>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}
std::string joined(const std::vector<std::string>& words, const std::string& between) {
  return fmt::format("{}", fmt::join(words, between));
}

void need(bool holds, const std::string& what) {
  if (!holds) throw ConfigError(what);
}

std::vector<std::string> names(const std::vector<Field>& fields) {
  std::vector<std::string> out;
  for (const Field& field : fields) out.push_back(field.name);
  return out;
}

}  // namespace regrad::experiment

#include <fmt/format.h>
#include <regrad/algorithms/experiment/config.h>
#include <regrad/engine/error.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace regrad::experiment {
namespace {

template <class... Fs>
struct Overload : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
Overload(Fs...) -> Overload<Fs...>;

template <class T>
struct is_vector : std::false_type {};
template <class T>
struct is_vector<std::vector<T>> : std::true_type {};

std::string show(bool value) { return value ? "true" : "false"; }
// the shortest text that reads back as the same number
std::string show(double value) { return fmt::format("{}", value); }
std::string show(const std::string& value) { return value; }
template <class T>
std::string show(T value) {
  return std::to_string(value);
}
template <class T>
std::string show(const std::vector<T>& list) {
  std::string out;
  for (const T& item : list) out += (&item == list.data() ? "" : ",") + show(item);
  return out;
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
bool read(const std::string& text, T& value) {
  T parsed{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, parsed);
  if (error != std::errc() || stop != end || text.empty()) return false;
  if constexpr (std::is_same_v<T, double>) {
    if (!std::isfinite(parsed)) return false;
  }
  value = parsed;
  return true;
}
template <class T>
bool read(const std::string& text, std::vector<T>& value) {
  std::vector<T> parsed;
  for (size_t begin = 0; !text.empty() && begin <= text.size();) {
    const size_t comma = std::min(text.find(',', begin), text.size());
    T item{};
    if (comma == begin || !read(text.substr(begin, comma - begin), item)) return false;
    parsed.push_back(std::move(item));
    begin = comma + 1;
  }
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
  for (size_t j = 0; j <= b.size(); ++j) above[j] = j;
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

}  // namespace

std::string text(const Field& field) {
  return std::visit([](const auto* value) { return show(*value); }, field.slot);
}

std::string expected(const Field& field) {
  return std::visit(
      Overload{
          [](const bool*) { return "true or false"; }, [](const int*) { return "a whole number"; },
          [](const int64_t*) { return "a whole number"; },
          [](const uint64_t*) { return "a whole number of at least 0"; },
          [](const double*) { return "a finite number"; },
          [](const std::string*) { return "a text"; },
          [](const std::vector<int>*) { return "a list of whole numbers, such as 40,40"; },
          [](const std::vector<uint64_t>*) {
            return "a list of whole numbers of at least 0, such as 0,1,2";
          },
          [](const std::vector<double>*) { return "a list of finite numbers, such as 0.1,0.2"; },
          [](const std::vector<std::string>*) { return "a list of names, such as a,b"; }},
      field.slot);
}

std::string type_name(const Field& field) {
  return std::visit(
      Overload{[](const bool*) { return ""; }, [](const int*) { return "INT"; },
               [](const int64_t*) { return "INT"; }, [](const uint64_t*) { return "INT"; },
               [](const double*) { return "NUMBER"; }, [](const std::string*) { return "TEXT"; },
               [](const std::vector<int>*) { return "INT,..."; },
               [](const std::vector<uint64_t>*) { return "INT,..."; },
               [](const std::vector<double>*) { return "NUMBER,..."; },
               [](const std::vector<std::string>*) { return "NAME,..."; }},
      field.slot);
}

bool is_list(const Field& field) {
  return std::visit(
      [](const auto* value) {
        return is_vector<std::remove_cv_t<std::remove_pointer_t<decltype(value)>>>::value;
      },
      field.slot);
}

Field* find(std::vector<Field>& fields, const std::string& key) {
  const std::string wanted = same_dashes(key);
  for (Field& field : fields) {
    if (same_dashes(field.name) == wanted) return &field;
  }
  return nullptr;
}

bool parse(Field& field, const std::string& value) {
  return std::visit([&](auto* slot) { return read(value, *slot); }, field.slot);
}

bool parse_element(Field& field, const std::string& value) {
  return std::visit(
      [&](auto* slot) {
        using List = std::remove_pointer_t<decltype(slot)>;
        if constexpr (is_vector<List>::value) {
          typename List::value_type item{};
          if (!read(value, item)) return false;
          slot->push_back(std::move(item));
          return true;
        } else {
          return false;
        }
      },
      field.slot);
}

void clear_list(Field& field) {
  std::visit(
      [](auto* slot) {
        if constexpr (is_vector<std::remove_pointer_t<decltype(slot)>>::value) slot->clear();
      },
      field.slot);
}

std::string out_of_range(const Field& field) {
  const Range& r = field.range;
  const auto number = [&](auto value) -> std::string {
    const auto v = static_cast<double>(value);
    if (r.holds(v)) return "";
    if (r.most < Range::f32_most && r.least > -Range::f32_most)
      return " must lie in " + std::string(r.above ? "(" : "[") + show(r.least) + ", " +
             show(r.most) + (r.below ? ")" : "]") + ", not " + show(value);
    if (v > r.most && r.most < Range::f32_most)
      return " must be at most " + show(r.most) + ", not " + show(value);
    if (v > Range::f32_most || v < -Range::f32_most)
      return " must be at most " + show(Range::f32_most) + " in size, not " + show(value);
    return (r.above ? " must be above " : " must be at least ") + show(r.least) + ", not " +
           show(value);
  };
  const std::string what = std::visit(
      [&](const auto* slot) -> std::string {
        using Value = std::remove_cv_t<std::remove_pointer_t<decltype(slot)>>;
        if constexpr (is_vector<Value>::value) {
          if constexpr (std::is_arithmetic_v<typename Value::value_type>)
            for (const auto& item : *slot)
              if (const std::string found = number(item); !found.empty()) return found;
        } else if constexpr (std::is_arithmetic_v<Value> && !std::is_same_v<Value, bool>) {
          return number(*slot);
        }
        return "";
      },
      field.slot);
  return what.empty() ? "" : field.name + what;
}

void assign(std::vector<Field>& fields, const std::string& key, const std::string& value,
            const std::string& where) {
  Field* field = find(fields, key);
  if (field == nullptr)
    throw ConfigError(where + ": no such key" +
                      did_you_mean(key, names(fields), "", "; --print-config lists them"));
  if (value.empty())
    throw ConfigError(where + ": '' is not " + expected(*field) +
                      ": no value is given (it is now " + text(*field) + ")");
  const std::string before = text(*field);
  if (!parse(*field, value))
    throw ConfigError(where + ": '" + value + "' is not " + expected(*field) + " (it is now " +
                      before + ")");
  if (const std::string what = out_of_range(*field); !what.empty()) {
    parse(*field, before);
    throw ConfigError(where + ": " + what);
  }
}

std::string nearest(const std::string& name, const std::vector<std::string>& candidates) {
  const std::string wanted = same_dashes(name);
  std::string best;
  // a third of the letters may be wrong
  size_t best_distance = std::max<size_t>(1, wanted.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const std::string other = same_dashes(candidate);
    const bool last_part =
        other.size() > wanted.size() + 1 &&
        other.compare(other.size() - wanted.size() - 1, std::string::npos, "." + wanted) == 0;
    const size_t distance = last_part ? 1 : edit_distance(wanted, other);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::string did_you_mean(const std::string& name, const std::vector<std::string>& candidates,
                         const std::string& prefix, const std::string& otherwise) {
  const std::string near = nearest(name, candidates);
  return near.empty() ? otherwise : "; did you mean " + prefix + near + "?";
}

std::string joined(const std::vector<std::string>& words, const std::string& between) {
  std::string out;
  for (const std::string& word : words) out += (&word == words.data() ? "" : between) + word;
  return out;
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

// A configuration is a plain struct that lists its parts once; its flags, its JSON and its --help
// all come from that list.
//
//   struct Config {
//     double lr = 0.001;  int steps = 1;  Inner inner;
//     static void parts(auto& self, auto&& part) {
//       part("lr", self.lr, "outer step size (Adam)");
//       part("steps", self.steps, "inner steps", at_least(1));
//       part("inner", self.inner);  // a struct with parts of its own
//     }
//   };
//   Config config;  auto list = fields(config);  assign(list, "inner.lr", "0.02", "--inner.lr");
//   std::string json = to_json(list);
//
// Leaves are bool, int, int64_t, uint64_t, double, std::string, and vectors of int, uint64_t,
// double and std::string; any other member must be a struct with parts of its own, and its keys are
// joined with a dot. Real numbers are finite: JSON has no other. A part may declare what its
// numbers may be (range.h): each way in refuses others.
#pragma once

#include <regrad/algorithms/experiment/range.h>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

namespace regrad::experiment {

using Slot =
    std::variant<bool*, int*, int64_t*, uint64_t*, double*, std::string*, std::vector<int>*,
                 std::vector<uint64_t>*, std::vector<double>*, std::vector<std::string>*>;

// One leaf of a config: its key ("inner.lr"), its line of help, and where its value lives (the
// config must outlive the field).
struct Field {
  std::string name, help;
  Slot slot;
  Range range = {};
};

// The value as the command line would take it: "0.001", "true", "40,40".
std::string text(const Field& field);
// What the field takes, in words: "a whole number", "a list of numbers with commas between". And in
// one word for --help: INT.
std::string expected(const Field& field);
std::string type_name(const Field& field);
bool is_list(const Field& field);

// The field called `key`, where '-' and '_' are the same character; nullptr when there is none.
Field* find(std::vector<Field>& fields, const std::string& key);

// Reads `value` into `field`; false, with the field unchanged, when it is not what the field takes.
// A list is split at commas; "" is the list without elements.
bool parse(Field& field, const std::string& value);
// The same for one more element of a list field.
bool parse_element(Field& field, const std::string& value);

// What keeps the value from being one that the field may have: "lr must be above 0, not -1"; empty
// where it may.
std::string out_of_range(const Field& field);

// Sets `key` from text. `where` opens the message of the ConfigError ("--set inner.lr=x") for no
// value, one of the wrong type or out of the field's range, or an unknown key.
void assign(std::vector<Field>& fields, const std::string& key, const std::string& value,
            const std::string& where);

// The candidate nearest to `name` by edit distance (insert, delete, replace, swap of neighbours),
// or the one whose last part it is ("alpha" for "inner.alpha"); "" when none is near enough to be a
// slip of the fingers.
std::string nearest(const std::string& name, const std::vector<std::string>& candidates);
// "; did you mean X?" with X = prefix + the nearest candidate, or `otherwise` when none is near.
std::string did_you_mean(const std::string& name, const std::vector<std::string>& candidates,
                         const std::string& prefix, const std::string& otherwise);
std::vector<std::string> names(const std::vector<Field>& fields);

bool among(const std::string& word, const std::vector<std::string>& words);
// "a,b,c"
std::string joined(const std::vector<std::string>& words, const std::string& between = ",");
// The number that the whole text is; none where it is none, or beyond the type, or not finite.
template <class T>
std::optional<T> number(const std::string& text) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || !std::isfinite(static_cast<double>(value))) return {};
  return value;
}

// ConfigError with `what` unless it holds: for settings that contradict each other.
void need(bool holds, const std::string& what);

// The values as one JSON object, nested at the dots, in the order of the list, indented by two;
// ends with a newline.
std::string to_json(const std::vector<Field>& fields);
// Reads a JSON object into the fields; keys that it does not name stay as they are. ConfigError
// with file, line and column for bad syntax, an unknown or repeated key (names the nearest), and a
// value of the wrong type or out of its range.
void from_json(std::vector<Field>& fields, const std::string& json, const std::string& file);

namespace detail {

template <class Config>
void collect(Config& config, const std::string& prefix, std::vector<Field>& out) {
  Config::parts(
      config, [&](const char* name, auto& member, const char* help = "", Range range = {}) {
        using Member = std::remove_reference_t<decltype(member)>;
        if constexpr (std::is_constructible_v<Slot, std::in_place_type_t<Member*>, Member*>)
          out.push_back({prefix + name, help, Slot(std::in_place_type<Member*>, &member), range});
        else  // a struct with parts of its own; anything else has no place in a config
          collect(member, prefix + name + ".", out);
      });
}

}  // namespace detail

// Every leaf of a config in the order of its parts.
template <class Config>
std::vector<Field> fields(Config& config) {
  std::vector<Field> out;
  detail::collect(config, "", out);
  return out;
}

}  // namespace regrad::experiment

// The plain fields of a JSON object: what other programs' config.json say.
//
//   const JsonFields config("minilm/config.json");
//   const int64_t width = config.integer("hidden_size");
//   const double eps = config.number("layer_norm_eps", 1e-12);
//       // that where there is none, or null
//
// Numbers, strings, true, false and null of the outermost object; lists and objects inside it are
// passed over. IOError naming file and byte: no JSON object, a key twice. ConfigError naming file
// and field: a field that is missing, or of another kind.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>

namespace regrad {

class JsonFields {
 public:
  explicit JsonFields(const std::string& path);
  // The same of text; `where` begins messages.
  JsonFields(const std::string& json, const std::string& where);

  bool contains(const std::string& name) const { return fields_.count(name) != 0; }
  int64_t integer(const std::string& name, std::optional<int64_t> otherwise = {}) const;
  double number(const std::string& name, std::optional<double> otherwise = {}) const;
  std::string text(const std::string& name, std::optional<std::string> otherwise = {}) const;
  bool flag(const std::string& name, std::optional<bool> otherwise = {}) const;
  // Every field by name, each a whole number: what a vocabulary is. IOError: one that is not.
  std::map<std::string, int64_t> integers() const;
  const std::string& where() const { return where_; }

 private:
  using Value = std::variant<std::monostate, bool, int64_t, double, std::string>;
  // null for a field that may be missing and is, or that is null
  const Value* find(const std::string& name, bool must) const;

  std::string where_;
  std::map<std::string, Value> fields_;
};

}  // namespace regrad

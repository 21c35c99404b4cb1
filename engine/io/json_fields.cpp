#include <regrad/engine/error.h>
#include <regrad/engine/io/files.h>
#include <regrad/engine/io/json_fields.h>

#include <limits>
#include <nlohmann/json.hpp>

namespace regrad {
namespace {

using Json = nlohmann::json;

// Takes the parser's events one by one: nothing is built of what is passed over.
template <class Fields>
class FieldEvents {
 public:
  using number_integer_t = Json::number_integer_t;
  using number_unsigned_t = Json::number_unsigned_t;
  using number_float_t = Json::number_float_t;
  using string_t = Json::string_t;
  using binary_t = Json::binary_t;

  FieldEvents(Fields& fields, const std::string& where) : fields_(fields), where_(where) {}

  bool null() { return take({}); }
  bool boolean(bool v) { return take(v); }
  bool number_integer(number_integer_t v) { return take(int64_t{v}); }
  bool number_unsigned(number_unsigned_t v) {
    if (v > static_cast<number_unsigned_t>(std::numeric_limits<int64_t>::max()))
      return take(static_cast<double>(v));
    return take(static_cast<int64_t>(v));
  }
  bool number_float(number_float_t v, const string_t&) { return take(v); }
  bool string(string_t& v) { return take(std::move(v)); }
  bool binary(binary_t&) { return take({}); }
  bool start_object(size_t) { return open(); }
  bool start_array(size_t) {
    if (depth_ == 0) no_object();
    return open();
  }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(string_t& name) {
    if (depth_ != 1) return true;
    if (fields_.count(name)) throw IOError(where_ + ": key \"" + name + "\" is there twice");
    key_ = std::move(name);
    return true;
  }
  bool parse_error(size_t at, const std::string&, const nlohmann::detail::exception&) {
    throw IOError(where_ + ": byte " + std::to_string(at > 0 ? at - 1 : 0) + ": not JSON");
  }

 private:
  [[noreturn]] void no_object() const { throw IOError(where_ + ": byte 0: not a JSON object"); }
  bool take(typename Fields::mapped_type v) {
    if (depth_ == 0) no_object();
    if (depth_ == 1) fields_[key_] = std::move(v);
    return true;
  }
  bool open() {
    if (depth_ == 1) fields_[key_] = {};  // a list or an object
    ++depth_;
    return true;
  }
  bool close() {
    --depth_;
    return true;
  }

  Fields& fields_;
  const std::string& where_;
  std::string key_{};
  int64_t depth_ = 0;
};

}  // namespace

JsonFields::JsonFields(const std::string& path) : JsonFields(read_file(path), path) {}
JsonFields::JsonFields(const std::string& json, const std::string& where) : where_(where) {
  typed_memory([&] {
    FieldEvents<std::map<std::string, Value>> events(fields_, where_);
    Json::sax_parse(json, &events);
  });
}

const JsonFields::Value* JsonFields::find(const std::string& name, bool must) const {
  const auto at = fields_.find(name);
  const bool there = at != fields_.end() && !std::holds_alternative<std::monostate>(at->second);
  if (!there && must) throw ConfigError(where_ + ": needs the field \"" + name + "\"");
  return there ? &at->second : nullptr;
}

int64_t JsonFields::integer(const std::string& name, std::optional<int64_t> otherwise) const {
  const Value* v = find(name, !otherwise);
  if (!v) return *otherwise;
  if (const auto* n = std::get_if<int64_t>(v)) return *n;
  throw ConfigError(where_ + ": \"" + name + "\" must be a whole number");
}
double JsonFields::number(const std::string& name, std::optional<double> otherwise) const {
  const Value* v = find(name, !otherwise);
  if (!v) return *otherwise;
  if (const auto* n = std::get_if<int64_t>(v)) return static_cast<double>(*n);
  if (const auto* n = std::get_if<double>(v)) return *n;
  throw ConfigError(where_ + ": \"" + name + "\" must be a number");
}
bool JsonFields::flag(const std::string& name, std::optional<bool> otherwise) const {
  const Value* v = find(name, !otherwise);
  if (!v) return *otherwise;
  if (const auto* b = std::get_if<bool>(v)) return *b;
  throw ConfigError(where_ + ": \"" + name + "\" must be true or false");
}
std::string JsonFields::text(const std::string& name, std::optional<std::string> otherwise) const {
  const Value* v = find(name, !otherwise);
  if (!v) return *otherwise;
  if (const auto* s = std::get_if<std::string>(v)) return *s;
  throw ConfigError(where_ + ": \"" + name + "\" must be a string");
}

std::map<std::string, int64_t> JsonFields::integers() const {
  std::map<std::string, int64_t> out;
  for (const auto& [name, value] : fields_) {
    const auto* n = std::get_if<int64_t>(&value);
    if (!n) throw IOError(where_ + ": key \"" + name + "\": not a whole number");
    out.emplace_hint(out.end(), name, *n);
  }
  return out;
}

}  // namespace regrad

// All of the frame's JSON: configs in and out, result.json, the lines of metrics.jsonl, and the
// rows of a checkpoint.
#include <fmt/format.h>
#include <regrad/algorithms/experiment/checkpoint.h>
#include <regrad/algorithms/experiment/config.h>
#include <regrad/algorithms/experiment/json_text.h>
#include <regrad/algorithms/experiment/out.h>
#include <regrad/algorithms/experiment/result.h>
#include <regrad/algorithms/experiment/run_folder.h>
#include <regrad/algorithms/experiment/table.h>
#include <regrad/engine/error.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

namespace regrad::experiment {
namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

// Takes the parser's events, so that each key and value has its place in the file; fills the fields
// as it goes.
class ConfigReader {
 public:
  ConfigReader(std::vector<Field>& fields, const std::string& json, const std::string& file)
      : fields_(fields), json_(json), file_(file), in_(json) {}

  void read() { nlohmann::json::sax_parse(in_, this); }

  bool null() { return value("null", Kind::other); }
  bool boolean(bool yes) { return value(yes ? "true" : "false", Kind::truth); }
  bool number_integer(int64_t number) { return value(std::to_string(number), Kind::number); }
  bool number_unsigned(uint64_t number) { return value(std::to_string(number), Kind::number); }
  bool number_float(double, const std::string& digits) { return value(digits, Kind::number); }
  bool string(const std::string& text) { return value(text, Kind::text); }
  bool binary(const nlohmann::json::binary_t&) { return value("binary data", Kind::other); }

  bool start_object(size_t) {
    mark();
    if (field_ != nullptr) fail_type("an object");
    open_.push_back(open_.empty() ? "" : key_ + ".");
    return true;
  }
  bool end_object() {
    mark();
    open_.pop_back();
    return true;
  }
  bool start_array(size_t) {
    mark();
    Field& field = target("a list");
    if (in_list_ || !is_list(field)) fail_type("a list");
    parse(field, "");
    return in_list_ = true;
  }
  bool end_array() {
    mark();
    in_list_ = false;
    return true;
  }
  bool key(const std::string& name) {
    mark();
    key_ = open_.back() + name;
    key_start_ = start_;
    if (!seen_.insert(key_).second) fail(start_, "key \"" + key_ + "\" is there twice");
    field_ = find(fields_, key_);
    const bool known =
        field_ != nullptr || std::any_of(fields_.begin(), fields_.end(), [&](const Field& field) {
          return field.name.compare(0, key_.size() + 1, key_ + ".") == 0;
        });
    if (!known)
      fail(start_, "no such key \"" + key_ + "\"" +
                       did_you_mean(key_, names(fields_), "", "; --print-config lists them"));
    return true;
  }
  bool parse_error(size_t position, const std::string& token, const nlohmann::json::exception&) {
    fail(position > 0 ? position - 1 : 0, token.empty() || position > json_.size()
                                              ? "the JSON ends too early"
                                              : "not JSON, at '" + token + "'");
  }

 private:
  enum class Kind { truth, number, text, other };

  [[noreturn]] void fail(size_t at, const std::string& problem) const {
    const std::string before = json_.substr(0, at);
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const size_t column = before.size() - before.rfind('\n');  // npos is one before 0
    throw ConfigError(fmt::format("{}:{}:{}: {}", file_, line, column, problem));
  }
  [[noreturn]] void fail_type(const std::string& found) const {
    fail(start_, key_ + ": " + found + " is not " + expected(*field_));
  }

  // Where the token that was just read begins: after the last one, its blanks and its separator.
  void mark() {
    start_ = std::min(json_.find_first_not_of(" \t\r\n,:", end_), json_.size());
    end_ = static_cast<size_t>(in_.rdbuf()->pubseekoff(0, std::ios::cur, std::ios::in));
  }

  Field& target(const std::string& found) const {
    if (open_.empty()) fail(start_, "expected an object {...} of settings, found " + found);
    if (field_ == nullptr)
      fail(key_start_, key_ + ": expected an object {...}, for it has keys of its own");
    return *field_;
  }

  bool value(const std::string& text, Kind kind) {
    mark();
    Field& field = target(text);
    const std::string type = type_name(field).substr(0, 4);
    const Kind wanted = type.empty()                       ? Kind::truth
                        : type == "TEXT" || type == "NAME" ? Kind::text
                                                           : Kind::number;
    const bool stored = kind == wanted && is_list(field) == in_list_ &&
                        (in_list_ ? parse_element(field, text) : parse(field, text));
    if (!stored) fail_type(kind == Kind::text ? "\"" + text + "\"" : text);
    if (const std::string what = out_of_range(field); !what.empty()) fail(start_, what);
    return true;
  }

  std::vector<Field>& fields_;
  const std::string& json_;
  const std::string& file_;
  std::istringstream in_;
  std::vector<std::string> open_ = {};  // before the keys of each object that is open: "inner."
  std::set<std::string> seen_ = {};
  std::string key_ = {};
  Field* field_ = nullptr;  // of the key; none where it has keys of its own
  bool in_list_ = false;
  size_t start_ = 0, end_ = 0, key_start_ = 0;
};

struct Writer {
  Json& out;
  template <class T, class... More>
  void operator()(const char* name, const T& value, const More&... more) const {
    out[name] = value;
    if constexpr (sizeof...(more) > 0) (*this)(more...);
  }
  void optional(const char* name, const auto& values) const {
    if (!values.empty()) out[name] = values;
  }
  void base64(const char* name, const std::string& bytes) const { out[name] = to_base64(bytes); }
  void array(const auto&... values) const { out = Json::array({values...}); }
};

struct Reader {
  const Json& in;
  template <class T, class... More>
  void operator()(const char* name, T& value, More&... more) const {
    read(in.at(name), value);
    if constexpr (sizeof...(more) > 0) (*this)(more...);
  }
  void optional(const char* name, auto& values) const {
    if (in.contains(name)) (*this)(name, values);
  }
  void base64(const char* name, std::string& bytes) const {
    bytes = from_base64(in.at(name).get<std::string>());
  }
  void array(auto&... values) const {
    size_t i = 0;
    (read(in.at(i++), values), ...);
  }
  static void read(const Json& from, auto& value) { from.get_to(value); }
  // a number that is not finite is null in JSON
  static void read(const Json& from, std::vector<double>& values) {
    for (const Json& value : from)
      values.push_back(value.is_null() ? std::nan("") : value.get<double>());
  }
};

// What a checkpoint keeps of a row, each part listed once for writing and for reading: as an object
// of its parts by name, or as an array.
void list(auto& s, auto part, const Series*) {
  part("name", s.name, "x", s.x, "y", s.y, "style", s.style, "colour", s.colour);
}
void list(auto& c, auto part, const Chart*) {
  part("title", c.title, "x_label", c.x_label, "y_label", c.y_label);
  part("series", c.series, "log_y", c.log_y, "x_names", c.x_names);
}
void list(auto& p, auto part, const Picture*) {
  part("width", p.width, "height", p.height, "channels", p.channels);
  part.base64("pixels", p.pixels);
  part("caption", p.caption, "mark", p.mark);
}
void list(auto& g, auto part, const Gallery*) { part("title", g.title, "pictures", g.pictures); }
void list(auto& l, auto part, const Listing*) {
  part("title", l.title, "columns", l.columns, "rows", l.rows);
}
void list(auto& l, auto part, const Line*) { part.array(l.step, l.moment); }
void list(auto& s, auto part, const Score*) { part.array(s.method, s.metric, s.value); }
void list(auto& i, auto part, const Items*) { part.array(i.method, i.metric, i.values, i.groups); }
void list(auto& n, auto part, const NotMeasured*) { part.array(n.method, n.metric, n.why); }
void list(auto& r, auto part, const Row*) {
  part("method", r.job.method, "variant", r.job.variant, "seed", r.job.seed, "step", r.step);
  part("finished", r.finished, "lines", r.lines, "scores", r.outcome.scores);
  part("parameters", r.outcome.parameters, "items", r.outcome.items);
  part("figures", r.outcome.figures, "galleries", r.outcome.galleries);
  part("listings", r.outcome.listings);
  part.optional("not_measured", r.outcome.not_measured);
}
template <class T>
concept Listed = requires(T& value, Writer writer) {
  list(value, writer, &value);
};

}  // namespace

// nlohmann's hooks, found by the type's namespace.
void to_json(Json& json, const Listed auto& value) { list(value, Writer{json}, &value); }
void from_json(const Json& json, Listed auto& value) { list(value, Reader{json}, &value); }
template <class Enum>
void read_enum(const Json& json, Enum& value, Enum last, const char* what) {
  const int number = json;
  if (number < 0 || number > last) throw IOError(fmt::format("no such {}: {}", what, number));
  value = static_cast<Enum>(number);
}
void from_json(const Json& json, Series::Style& style) {
  read_enum(json, style, Series::points, "style of a line");
}
void from_json(const Json& json, Picture::Mark& mark) {
  read_enum(json, mark, Picture::wrong, "mark of a picture");
}

std::string to_json(const std::vector<Field>& fields) {
  Json out = Json::object();
  for (const Field& field : fields) {
    std::string path = "/" + field.name;
    std::replace(path.begin(), path.end(), '.', '/');
    Json& at = out[Json::json_pointer(path)];
    std::visit([&](const auto* slot) { at = *slot; }, field.slot);
  }
  return dump(out, 2) + "\n";
}

void from_json(std::vector<Field>& fields, const std::string& json, const std::string& file) {
  ConfigReader(fields, json, file).read();
}

std::string text_in(const std::string& json, const std::string& key) {
  const Json all = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  const bool there = all.is_object() && all.contains(key) && all[key].is_string();
  return there ? all[key].get<std::string>() : "";
}
bool has_object(const std::string& json, const std::string& key) {
  const Json all = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (all.is_discarded()) return json.find("\"" + key + "\"") != std::string::npos;
  return all.is_object() && all.contains(key) && all[key].is_object();
}

std::string to_json(const Job& job, const Line& line) {
  Json out = {{"method", job.method}, {"seed", job.seed}};
  if (!job.variant.empty()) out["variant"] = job.variant;
  out["step"] = line.step;
  for (const auto& [name, value] : line.moment) out[name] = value;
  return dump(out, -1) + "\n";
}

std::string to_json(const Result& r) {
  Json out, methods = Json::array(), claims = Json::array();
  for (const MethodResult& method : r.methods) {
    Json metrics = Json::object();
    for (const auto& [metric, list] : method.metrics) {
      const Interval level = over_seeds(r, list);
      Writer{metrics[metric]}("mean", level.mean, "ci95", level.ci95, "values", list);
    }
    Writer{methods.emplace_back()}("name", method.name, "metrics", metrics, "parameters",
                                   method.parameters);
  }
  for (const Claim& c : r.claims)
    Writer{claims.emplace_back()}("text", c.text, "verdict", name(c.verdict), "difference",
                                  c.difference, "ci95", c.ci95, "by", c.by, "late", c.late);
  std::vector<Json> left_out;
  for (const LeftOut& l : r.left_out)
    Writer{left_out.emplace_back()}("method", l.method, "metric", l.metric, "have", l.have, "why",
                                    l.why);
  const Writer part{out};
  part("regrad", r.regrad, "experiment", r.experiment, "task", r.task, "preset", r.preset);
  part("seeds", r.seeds, "threads", r.threads, "seconds", r.seconds, "peak_bytes", r.peak_bytes);
  part("metric", r.metric, "better", r.better == Better::lower ? "lower" : "higher");
  part("baseline", r.baseline, "subject", r.subject, "methods", methods, "claims", claims,
       "sentence", sentence(r));
  part.optional("left_out", left_out);
  return dump(out, 2) + "\n";
}

namespace {

Json parsed(const std::string& json, const std::string& where) {
  try {
    return Json::parse(json);
  } catch (const nlohmann::json::exception& e) {
    throw IOError(where + ": " + e.what());
  }
}

std::string leaf(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return dump(value, -1);
  std::string out;
  for (const Json& item : value) out += (out.empty() ? "" : ",") + leaf(item);
  return out;
}
void add_leaves(const Json& object, const std::string& prefix, Settings& out) {
  for (const auto& [key, value] : object.items())
    if (value.is_object())
      add_leaves(value, prefix + key + ".", out);
    else
      out.emplace_back(prefix + key, leaf(value));
}

double or_nan(const Json& number) { return number.is_number() ? number.get<double>() : NAN; }

}  // namespace

Settings leaves(const std::string& json, const std::string& where) {
  const Json all = parsed(json, where);
  if (!all.is_object()) throw IOError(where + ": no JSON object");
  Settings out;
  add_leaves(all, "", out);
  return out;
}

RunResult run_result(const std::string& json, const std::string& where) {
  const Json all = parsed(json, where);
  RunResult r;
  try {
    const Reader part{all};
    part("experiment", r.experiment, "task", r.task, "preset", r.preset, "metric", r.metric);
    part("baseline", r.baseline, "seconds", r.seconds);
    r.better = all.at("better") == "lower" ? Better::lower : Better::higher;
    for (const Json& m : all.at("methods"))
      for (const auto& [metric, value] : m.at("metrics").items())
        r.values.push_back(
            {m.at("name"), metric, or_nan(value.at("mean")), or_nan(value.at("ci95"))});
  } catch (const nlohmann::json::exception& e) {
    throw IOError(where + ": no result of regrad's: " + e.what());
  }
  return r;
}

std::string to_json(const Row& row) { return dump(row, -1); }

Row row_from_json(const std::string& json, const std::string& where) {
  try {
    return Json::parse(json).get<Row>();
  } catch (const nlohmann::json::exception& e) {
    throw IOError(where + ": " + e.what());
  } catch (const IOError& e) {
    throw IOError(where + ": " + e.what());
  }
}

}  // namespace regrad::experiment

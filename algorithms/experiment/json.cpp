// All of the frame's JSON: configs in and out, result.json, the lines of metrics.jsonl, and the
// rows of a checkpoint.
#include <regrad/algorithms/experiment/checkpoint.h>
#include <regrad/algorithms/experiment/config.h>
#include <regrad/algorithms/experiment/out.h>
#include <regrad/algorithms/experiment/result.h>
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
class Reader {
 public:
  Reader(std::vector<Field>& fields, const std::string& json, const std::string& file)
      : fields_(fields), json_(json), file_(file), in_(json) {}

  void read() {
    if (!nlohmann::json::sax_parse(in_, this)) fail(start_, problem_);
  }

  bool null() { return value("null", Kind::other); }
  bool boolean(bool yes) { return value(yes ? "true" : "false", Kind::truth); }
  bool number_integer(int64_t number) { return value(std::to_string(number), Kind::number); }
  bool number_unsigned(uint64_t number) { return value(std::to_string(number), Kind::number); }
  bool number_float(double, const std::string& digits) { return value(digits, Kind::number); }
  bool string(const std::string& text) { return value(text, Kind::text); }
  bool binary(const nlohmann::json::binary_t&) { return value("binary data", Kind::other); }

  bool start_object(size_t) {
    mark();
    if (list_ != nullptr || (!at_top_ && is_leaf())) fail_type("an object");
    if (!at_top_) path_.push_back(key_);
    at_top_ = false;
    ++depth_;
    return true;
  }
  bool end_object() {
    mark();
    if (--depth_ > 0) path_.pop_back();
    return true;
  }
  bool start_array(size_t) {
    mark();
    if (at_top_) fail(start_, "expected an object {...} of settings, found a list");
    Field& field = target();
    if (list_ != nullptr || !is_list(field)) fail_type("a list");
    clear_list(field);
    list_ = &field;
    return true;
  }
  bool end_array() {
    mark();
    list_ = nullptr;
    return true;
  }
  bool key(const std::string& name) {
    mark();
    key_ = name;
    key_start_ = start_;
    const std::string full = full_key();
    if (!seen_.insert(full).second) fail(start_, "key \"" + full + "\" is there twice");
    const bool known = find(fields_, full) != nullptr ||
                       std::any_of(fields_.begin(), fields_.end(), [&](const Field& field) {
                         return field.name.compare(0, full.size() + 1, full + ".") == 0;
                       });
    if (!known)
      fail(start_, "no such key \"" + full + "\"" +
                       did_you_mean(full, names(fields_), "", "; --print-config lists them"));
    return true;
  }
  bool parse_error(size_t position, const std::string& token, const nlohmann::json::exception&) {
    start_ = position > 0 ? position - 1 : 0;
    problem_ = token.empty() || position > json_.size() ? "the JSON ends too early"
                                                        : "not JSON, at '" + token + "'";
    return false;
  }

 private:
  enum class Kind { truth, number, text, other };

  [[noreturn]] void fail(size_t at, const std::string& problem) const {
    const std::string before = json_.substr(0, std::min(at, json_.size()));
    const size_t newline = before.rfind('\n');
    const size_t line = 1 + static_cast<size_t>(std::count(before.begin(), before.end(), '\n'));
    const size_t column =
        newline == std::string::npos ? before.size() + 1 : before.size() - newline;
    throw ConfigError(file_ + ":" + std::to_string(line) + ":" + std::to_string(column) + ": " +
                      problem);
  }
  [[noreturn]] void fail_type(const std::string& found) {
    fail(start_, full_key() + ": " + found + " is not " + expected(target()));
  }

  // Where the token that was just read begins: after the last one, its blanks and its separator.
  void mark() {
    start_ = std::min(json_.find_first_not_of(" \t\r\n,:", end_), json_.size());
    const auto consumed = in_.rdbuf()->pubseekoff(0, std::ios::cur, std::ios::in);
    end_ = consumed < 0 ? json_.size() : static_cast<size_t>(consumed);
  }

  std::string full_key() const {
    std::string out;
    for (const std::string& part : path_) out += part + ".";
    return out + key_;
  }
  bool is_leaf() { return find(fields_, full_key()) != nullptr; }
  Field& target() {
    Field* field = find(fields_, full_key());
    if (field == nullptr)
      fail(key_start_, full_key() + ": expected an object {...}, for it has keys of its own");
    return *field;
  }

  bool value(const std::string& text, Kind kind) {
    mark();
    if (at_top_) fail(start_, "expected an object {...} of settings, found " + text);
    Field& field = target();
    const bool right_kind = std::visit(
        [&](auto* slot) {
          using Slot = std::remove_pointer_t<decltype(slot)>;
          if constexpr (std::is_same_v<Slot, bool>) return kind == Kind::truth;
          if constexpr (std::is_same_v<Slot, std::string> ||
                        std::is_same_v<Slot, std::vector<std::string>>)
            return kind == Kind::text;
          return kind == Kind::number;
        },
        field.slot);
    const bool stored = right_kind && (list_ != nullptr ? parse_element(field, text)
                                                        : !is_list(field) && parse(field, text));
    if (!stored) fail_type(kind == Kind::text ? "\"" + text + "\"" : text);
    if (const std::string what = out_of_range(field); !what.empty()) fail(start_, what);
    return true;
  }

  std::vector<Field>& fields_;
  const std::string& json_;
  const std::string& file_;
  std::istringstream in_;
  std::vector<std::string> path_;
  std::set<std::string> seen_;
  std::string key_, problem_;
  Field* list_ = nullptr;
  size_t start_ = 0, end_ = 0, key_start_ = 0;
  int depth_ = 0;
  bool at_top_ = true;
};

// Numbers that are not finite are null in JSON.
std::vector<double> numbers(const Json& list) {
  std::vector<double> out;
  for (const Json& value : list)
    out.push_back(value.is_null() ? std::nan("") : value.get<double>());
  return out;
}

Json json_of(const Chart& c) {
  Json series = Json::array();
  for (const Series& s : c.series) {
    series.push_back({{"name", s.name},
                      {"x", s.x},
                      {"y", s.y},
                      {"style", static_cast<int>(s.style)},
                      {"colour", s.colour}});
  }
  return {{"title", c.title},
          {"x_label", c.x_label},
          {"y_label", c.y_label},
          {"series", series},
          {"log_y", c.log_y}};
}

Chart chart_of(const Json& json) {
  Chart c{json.at("title"), json.at("x_label"), json.at("y_label"), {}, json.at("log_y")};
  for (const Json& s : json.at("series")) {
    const int style = s.at("style");
    if (style < Series::line || style > Series::points)
      throw IOError("no such style of a line: " + std::to_string(style));
    c.series.push_back({s.at("name"), numbers(s.at("x")), numbers(s.at("y")),
                        static_cast<Series::Style>(style), s.at("colour")});
  }
  return c;
}

Json json_of(const Gallery& g) {
  Json pictures = Json::array();
  for (const Picture& p : g.pictures) {
    pictures.push_back({{"width", p.width},
                        {"height", p.height},
                        {"channels", p.channels},
                        {"pixels", to_base64(p.pixels)},
                        {"caption", p.caption},
                        {"mark", static_cast<int>(p.mark)}});
  }
  return {{"title", g.title}, {"pictures", pictures}};
}

Gallery gallery_of(const Json& json) {
  Gallery g{json.at("title"), {}};
  for (const Json& p : json.at("pictures")) {
    const int mark = p.at("mark");
    if (mark < Picture::none || mark > Picture::wrong)
      throw IOError("no such mark of a picture: " + std::to_string(mark));
    g.pictures.push_back({p.at("width"), p.at("height"), p.at("channels"),
                          from_base64(p.at("pixels").get<std::string>()), p.at("caption"),
                          static_cast<Picture::Mark>(mark)});
  }
  return g;
}

Row row_of(const Json& json) {
  Row row{{json.at("method"), json.at("variant"), json.at("seed")},
          json.at("step"),
          {},
          json.at("finished"),
          {}};
  for (const Json& line : json.at("lines")) {
    Line out{line.at(0), {}};
    for (const Json& pair : line.at(1)) out.moment.emplace_back(pair.at(0), pair.at(1));
    row.lines.push_back(std::move(out));
  }
  for (const Json& s : json.at("scores")) row.outcome.scores.push_back({s.at(0), s.at(1), s.at(2)});
  for (const Json& p : json.at("parameters")) row.outcome.parameters.emplace_back(p.at(0), p.at(1));
  for (const Json& i : json.at("items"))
    row.outcome.items.push_back({i.at(0), i.at(1), numbers(i.at(2))});
  for (const Json& f : json.at("figures")) row.outcome.figures.push_back(chart_of(f));
  for (const Json& g : json.at("galleries")) row.outcome.galleries.push_back(gallery_of(g));
  return row;
}

}  // namespace

std::string to_json(const std::vector<Field>& fields) {
  Json out = Json::object();
  for (const Field& field : fields) {
    Json* at = &out;
    size_t begin = 0;
    for (size_t dot; (dot = field.name.find('.', begin)) != std::string::npos; begin = dot + 1)
      at = &(*at)[field.name.substr(begin, dot - begin)];
    std::visit([&](const auto* slot) { (*at)[field.name.substr(begin)] = *slot; }, field.slot);
  }
  return dump(out, 2) + "\n";
}

void from_json(std::vector<Field>& fields, const std::string& json, const std::string& file) {
  Reader(fields, json, file).read();
}

std::string to_json(const Record& record) {
  Json out = Json::object();
  for (const auto& [key, value] : record)
    std::visit([&, &name = key](const auto& data) { out[name] = data; }, value.data);
  return dump(out, -1);
}

std::string to_json(const Result& result) {
  Json methods = Json::array(), claims = Json::array();
  for (const MethodResult& method : result.methods) {
    Json metrics = Json::object();
    for (const auto& [metric, list] : method.metrics) {
      const Interval level = mean_interval(list);
      metrics[metric] = {{"mean", level.mean}, {"ci95", level.ci95}, {"values", list}};
    }
    methods.push_back(
        {{"name", method.name}, {"metrics", metrics}, {"parameters", method.parameters}});
  }
  for (const Claim& item : result.claims) {
    claims.push_back({{"text", item.text},
                      {"verdict", name(item.verdict)},
                      {"difference", item.difference},
                      {"ci95", item.ci95}});
  }
  const Json out = {{"regrad", result.regrad},
                    {"experiment", result.experiment},
                    {"task", result.task},
                    {"preset", result.preset},
                    {"seeds", result.seeds},
                    {"threads", result.threads},
                    {"seconds", result.seconds},
                    {"peak_bytes", result.peak_bytes},
                    {"metric", result.metric},
                    {"better", result.better == Better::lower ? "lower" : "higher"},
                    {"baseline", result.baseline},
                    {"methods", methods},
                    {"claims", claims},
                    {"sentence", sentence(result)}};
  return dump(out, 2) + "\n";
}

std::string to_json(const Row& row) {
  Json lines = Json::array(), scores = Json::array(), parameters = Json::array(),
       figures = Json::array(), galleries = Json::array();
  Json items = Json::array();
  for (const Items& i : row.outcome.items)
    items.push_back(Json::array({i.method, i.metric, i.values}));
  for (const Line& line : row.lines) {
    Json moment = Json::array();
    for (const auto& [name, value] : line.moment) moment.push_back(Json::array({name, value}));
    lines.push_back(Json::array({line.step, moment}));
  }
  for (const Score& s : row.outcome.scores)
    scores.push_back(Json::array({s.method, s.metric, s.value}));
  for (const auto& [method, count] : row.outcome.parameters)
    parameters.push_back(Json::array({method, count}));
  for (const Chart& c : row.outcome.figures) figures.push_back(json_of(c));
  for (const Gallery& g : row.outcome.galleries) galleries.push_back(json_of(g));
  return dump({{"method", row.job.method},
               {"variant", row.job.variant},
               {"seed", row.job.seed},
               {"step", row.step},
               {"finished", row.finished},
               {"lines", lines},
               {"scores", scores},
               {"parameters", parameters},
               {"items", items},
               {"figures", figures},
               {"galleries", galleries}},
              -1);
}

Row row_from_json(const std::string& json, const std::string& where) {
  try {
    return row_of(Json::parse(json));
  } catch (const nlohmann::json::exception& e) {
    throw IOError(where + ": " + e.what());
  } catch (const IOError& e) {
    throw IOError(where + ": " + e.what());
  }
}

}  // namespace regrad::experiment

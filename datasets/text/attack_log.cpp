#include <regrad/datasets/internal/table.h>
#include <regrad/datasets/internal/unpack.h>
#include <regrad/datasets/internal/utf8.h>
#include <regrad/datasets/text/attack_log.h>
#include <regrad/engine/error.h>
#include <regrad/engine/internal/decimal.h>

#include <array>
#include <cmath>

namespace regrad {
namespace {

using Row = detail::Table::Row;

constexpr std::array<std::string_view, 9> columns = {
    "ground_truth_output", "num_queries",     "original_output", "original_score", "original_text",
    "perturbed_output",    "perturbed_score", "perturbed_text",  "result_type"};
constexpr std::string_view opens = "[[", closes = "]]";

double real(const Row& row, std::string_view column) {
  const std::optional<double> v = number_of(std::string(row[column]));
  if (!v) row.fail(std::string(column) + " is " + detail::quoted(row[column]) + ", not a number");
  return *v;
}
// Written as floats: "0.0".
int64_t whole(const Row& row, std::string_view column) {
  const double v = real(row, column);
  if (v < 0 || v > 1e9 || v != std::floor(v))
    row.fail(std::string(column) + " is " + detail::quoted(row[column]) +
             ", not a whole number from 0 on");
  return static_cast<int64_t>(v);
}
std::string text(const Row& row, std::string_view column) {
  const std::string_view v = row[column];
  if (const size_t at = detail::bad_utf8(v); at != std::string_view::npos)
    row.fail(std::string(column) + " is no UTF-8 at its byte " + std::to_string(at));
  return std::string(v);
}
AttackResult result(const Row& row) {
  for (const AttackResult r :
       {AttackResult::successful, AttackResult::failed, AttackResult::skipped})
    if (row["result_type"] == name(r)) return r;
  row.fail("result_type is " + detail::quoted(row["result_type"]) +
           ", not Successful, Failed or Skipped");
}

Attacked attacked(const Row& row) {
  Attacked a;
  a.result = result(row);
  a.original_marked = text(row, "original_text"), a.perturbed_marked = text(row, "perturbed_text");
  a.ground_truth = whole(row, "ground_truth_output");
  a.original_output = whole(row, "original_output");
  a.perturbed_output = whole(row, "perturbed_output");
  a.original_score = real(row, "original_score"), a.perturbed_score = real(row, "perturbed_score");
  a.queries = whole(row, "num_queries");
  const size_t from = marked(a.original_marked).size(), to = marked(a.perturbed_marked).size();
  if (a.result == AttackResult::successful && from != to)
    row.fail("original_text marks " + std::to_string(from) + " words, perturbed_text " +
             std::to_string(to));
  return a;
}

std::string quoted_field(const std::string& s) {
  std::string out = "\"";
  for (const char c : s) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

std::string as_float(double v) {
  const std::string s = decimal(v);
  return s.find_first_of(".en") == std::string::npos ? s + ".0" : s;
}

}  // namespace

const char* name(AttackResult r) {
  switch (r) {
    case AttackResult::successful: return "Successful";
    case AttackResult::failed: return "Failed";
    default: return "Skipped";
  }
}

std::string without_marks(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const std::string_view two = text.substr(at, 2);
    if (two == opens || two == closes) {
      at += 2;
    } else {
      out += text[at++];
    }
  }
  return out;
}

std::vector<std::string> marked(std::string_view text) {
  std::vector<std::string> out;
  for (size_t at = text.find(opens); at != std::string_view::npos; at = text.find(opens, at)) {
    at += opens.size();
    while (at < text.size() && text[at] == '[') ++at;  // "[[[a]]" marks a behind a bracket
    const size_t end = text.find(closes, at);
    if (end == std::string_view::npos) break;
    out.emplace_back(text.substr(at, end - at));
    at = end + closes.size();
  }
  return out;
}

std::string Attacked::original() const { return without_marks(original_marked); }
std::string Attacked::perturbed() const { return without_marks(perturbed_marked); }

std::vector<Attacked::Change> Attacked::changes() const {
  const std::vector<std::string> from = marked(original_marked), to = marked(perturbed_marked);
  if (from.size() != to.size())
    throw IOError("the texts mark " + std::to_string(from.size()) + " and " +
                  std::to_string(to.size()) + " words");
  std::vector<Change> out;
  for (size_t i = 0; i < from.size(); ++i) out.push_back({from[i], to[i]});
  return out;
}

std::vector<Attacked> parse_attack_log(std::string_view text, const std::string& where) {
  const detail::Table table(text, where, ',', {columns.begin(), columns.end()});
  std::vector<Attacked> out;
  for (const Row& row : table.rows()) out.push_back(attacked(row));
  return out;
}

std::vector<Attacked> load_attack_log(const std::string& path) {
  return parse_attack_log(detail::read_unpacked(path), path);
}

std::string to_attack_log(const std::vector<Attacked>& rows) {
  std::string out;
  for (const std::string_view c : columns)
    out += (out.empty() ? "" : ",") + quoted_field(std::string(c));
  out += "\n";
  for (const Attacked& a : rows)
    out += as_float(static_cast<double>(a.ground_truth)) + "," +
           as_float(static_cast<double>(a.queries)) + "," +
           as_float(static_cast<double>(a.original_output)) + "," + as_float(a.original_score) +
           "," + quoted_field(a.original_marked) + "," +
           as_float(static_cast<double>(a.perturbed_output)) + "," + as_float(a.perturbed_score) +
           "," + quoted_field(a.perturbed_marked) + "," + quoted_field(name(a.result)) + "\n";
  return out;
}

}  // namespace regrad

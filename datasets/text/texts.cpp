#include <regrad/datasets/internal/class_folders.h>
#include <regrad/datasets/internal/table.h>
#include <regrad/datasets/internal/unpack.h>
#include <regrad/datasets/internal/utf8.h>
#include <regrad/datasets/text/texts.h>
#include <regrad/engine/error.h>

#include <algorithm>
#include <filesystem>

namespace regrad {
namespace {

using detail::check_utf8;

[[noreturn]] void fail(const std::string& where, int64_t line, const std::string& what) {
  throw IOError(where + ": line " + std::to_string(line) + ": " + what);
}

std::string at_line(const std::string& where, int64_t line) {
  return where + ": line " + std::to_string(line);
}

[[noreturn]] void no_part(const char* set, Part part) {
  throw ConfigError(std::string(set) + ": has no part " + name(part));
}

}  // namespace

TextSet some_of(const TextSet& set, const std::vector<int64_t>& at) {
  TextSet out;
  out.classes = set.classes;
  for (const int64_t i : at) {
    if (i < 0 || i >= set.size())
      throw ShapeError("some_of: text " + std::to_string(i) + " of " + std::to_string(set.size()));
    out.texts.push_back(set.texts[static_cast<size_t>(i)]);
    out.labels.push_back(set.labels[static_cast<size_t>(i)]);
  }
  return out;
}

TextSet first_of(const TextSet& set, int64_t count) {
  std::vector<int64_t> at;
  for (int64_t i = 0; i < std::min(count, set.size()); ++i) at.push_back(i);
  return some_of(set, at);
}

TextSet parse_sst2(std::string_view text, const std::string& where) {
  TextSet out;
  out.classes = {"negative", "positive"};
  int64_t line = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view row = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!row.empty() && row.back() == '\r') row.remove_suffix(1);
    ++line;
    if (row.empty()) continue;
    const size_t tab = row.rfind('\t');
    if (tab == std::string_view::npos) fail(where, line, "there is no tab before a label");
    const std::string_view sentence = row.substr(0, tab), label = row.substr(tab + 1);
    if (line == 1 && sentence == "sentence" && label == "label") continue;
    if (line == 1 && sentence == "index")
      fail(where, line, "GLUE's test part has no labels; use its dev.tsv");
    if (sentence.find('\t') != std::string_view::npos)
      fail(where, line, "more than a sentence and a label between tabs");
    if (label != "0" && label != "1")
      fail(where, line, "the label is " + detail::quoted(label) + ", not 0 or 1");
    check_utf8(sentence, at_line(where, line), "the sentence");
    out.texts.emplace_back(sentence);
    out.labels.push_back(label == "1" ? 1 : 0);
  }
  if (out.texts.empty()) throw IOError(where + ": holds no sentences");
  return out;
}

TextSet load_sst2(const std::string& folder, Part part) {
  const auto read = [&](std::initializer_list<std::string_view> names) {
    const std::string path = detail::find_file(folder, names);
    return parse_sst2(detail::read_unpacked(path), path);
  };
  switch (part) {
    case Part::train: return read({"sst2_train.tsv", "train.tsv"});
    case Part::validation: return read({"sst2_dev.tsv", "dev.tsv"});
    case Part::test: return read({"sst2_test.tsv", "test.tsv"});
    default: no_part("SST-2", part);
  }
}

TextSet load_imdb(const std::string& path, Part part) {
  if (part != Part::train && part != Part::test) no_part("IMDB", part);
  const detail::Files files(path);
  struct Found {
    std::string name, text;
    int64_t label;
  };
  std::vector<Found> found;
  files.each([&](const detail::FileOf& f) {
    if (detail::is_clutter(f.name)) return;
    for (const int64_t label : {0, 1}) {
      const std::string under = std::string(name(part)) + (label ? "/pos/" : "/neg/");
      const size_t at = f.name.find(under);
      const bool whole = at == 0 || (at != std::string::npos && f.name[at - 1] == '/');
      if (!whole || f.name.find('/', at + under.size()) != std::string::npos) continue;
      if (f.name.size() < 4 || f.name.compare(f.name.size() - 4, 4, ".txt") != 0) continue;
      std::string text = f.read();
      check_utf8(text, f.where, "the text");
      found.push_back({f.name, std::move(text), label});
    }
  });
  if (found.empty())
    throw IOError(path + ": holds no " + name(part) + "/neg/*.txt and " + name(part) +
                  "/pos/*.txt, as aclImdb does");
  std::sort(found.begin(), found.end(),
            [](const Found& a, const Found& b) { return a.name < b.name; });
  TextSet out;
  out.classes = {"negative", "positive"};
  for (Found& f : found) out.texts.push_back(std::move(f.text)), out.labels.push_back(f.label);
  return out;
}

TextSet parse_news(News which, std::string_view text, const std::string& where) {
  TextSet out;
  if (which == News::ag_news) out.classes = {"World", "Sports", "Business", "Sci/Tech"};
  if (which == News::yelp) out.classes = {"negative", "positive"};
  const size_t texts = which == News::ag_news ? 2 : 1;
  detail::Records records(text, where, ',');
  std::vector<std::string_view> fields;
  while (records.next(fields)) {
    if (fields.size() != texts + 1)
      records.fail(std::to_string(fields.size()) + " fields, not " + std::to_string(texts + 1));
    const auto classes = static_cast<int64_t>(out.classes.size());
    const int64_t label = fields[0].size() == 1 ? fields[0][0] - '1' : -1;
    if (label < 0 || label >= classes)
      records.fail("the class is " + detail::quoted(fields[0]) + ", not 1 to " +
                   std::to_string(classes));
    std::string whole(fields[1]);
    for (size_t i = 2; i < fields.size(); ++i) whole.append(" ").append(fields[i]);
    check_utf8(whole, at_line(where, records.line()), "the text");
    out.texts.push_back(std::move(whole));
    out.labels.push_back(label);
  }
  if (out.texts.empty()) throw IOError(where + ": holds no texts");
  return out;
}

TextSet load_news(News which, const std::string& folder, Part part) {
  const char* set = which == News::ag_news ? "ag_news" : "yelp";
  if (part != Part::train && part != Part::test) no_part(set, part);
  const std::string own = std::string(set) + "_" + name(part) + ".csv",
                    plain = std::string(name(part)) + ".csv";
  const std::string path = detail::find_file(folder, {own, plain});
  return parse_news(which, detail::read_unpacked(path), path);
}

TextSet parse_text_table(std::string_view text, const TextTable& columns,
                         const std::string& where) {
  if (columns.text_column == columns.label_column)
    throw ConfigError("text and label are both the column '" + columns.text_column + "'");
  const detail::Table table(text, where, ',', {columns.text_column, columns.label_column});
  TextSet out;
  std::vector<std::string> labels;
  for (const detail::Table::Row& row : table.rows()) {
    const std::string_view one = row[columns.text_column], label = row[columns.label_column];
    for (const auto& [what, field] : {std::pair{"the text", one}, {"the label", label}})
      if (const size_t at = detail::bad_utf8(field); at != std::string_view::npos)
        row.fail(std::string(what) + " is no UTF-8 at its byte " + std::to_string(at) +
                 "; save the file as UTF-8");
    if (label.empty()) row.fail("column '" + columns.label_column + "' is empty");
    if (!columns.classes.empty() &&
        std::find(columns.classes.begin(), columns.classes.end(), label) == columns.classes.end())
      row.fail(columns.label_column + " is " + detail::quoted(label) +
               ", which is none of the classes");
    out.texts.emplace_back(one);
    labels.emplace_back(label);
  }
  out.classes = columns.classes;
  if (columns.classes.empty()) {
    out.labels = detail::number(labels, out.classes);
    return out;
  }
  for (const std::string& l : labels)
    out.labels.push_back(std::find(out.classes.begin(), out.classes.end(), l) -
                         out.classes.begin());
  return out;
}

TextSet load_text_table(const std::string& path, const TextTable& columns) {
  return parse_text_table(detail::read_unpacked(path), columns, path);
}

}  // namespace regrad

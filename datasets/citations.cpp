#include <regrad/datasets/citations.h>
#include <regrad/datasets/internal/adopt.h>
#include <regrad/datasets/internal/edges.h>
#include <regrad/datasets/internal/unpack.h>

#include <algorithm>
#include <map>
#include <unordered_map>

namespace regrad {
namespace {

// A text's lines, one after the other, with their number for messages.
class Lines {
 public:
  Lines(std::string_view text, const std::string& where) : text_(text), where_(where) {}

  bool next(std::string_view& line) {
    if (text_.empty()) return false;
    const size_t end = text_.find('\n');
    line = text_.substr(0, end);
    text_.remove_prefix(end == std::string_view::npos ? text_.size() : end + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    ++number_;
    return true;
  }
  [[noreturn]] void fail(const std::string& what) const { throw IOError(where_ + ": line " + std::to_string(number_) + ": " + what); }
  int64_t number() const { return number_; }

 private:
  std::string_view text_;
  const std::string& where_;
  int64_t number_ = 0;
};

std::string quoted(std::string_view s) { return "'" + std::string(s.substr(0, 40)) + "'"; }

using Ids = std::unordered_map<std::string_view, int64_t>;

struct Papers {
  std::vector<float> words;
  std::vector<std::string_view> classes, names;
  Ids ids;
  int64_t width = -1;  // words a paper
};

// "id <tab> 0 <tab> 1 <tab> ... <tab> class"
void read_paper(std::string_view line, const Lines& at, Papers& papers) {
  const size_t id_end = line.find('\t'), class_start = line.rfind('\t');
  if (id_end == std::string_view::npos || id_end == 0) at.fail("a paper is an id, words and a class, with tabs between them");
  const std::string_view id = line.substr(0, id_end), words = class_start > id_end ? line.substr(id_end + 1, class_start - id_end - 1) : "";
  if (class_start + 1 == line.size()) at.fail("paper " + quoted(id) + " has no class");
  if (!papers.ids.emplace(id, static_cast<int64_t>(papers.names.size())).second) at.fail("paper " + quoted(id) + " stands there twice");
  const auto width = static_cast<int64_t>((words.size() + 1) / 2);
  if (papers.width < 0) papers.width = width;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i % 2 == 0 ? words[i] == '0' || words[i] == '1' : words[i] == '\t') continue;
    at.fail("word " + std::to_string(i / 2 + 1) + " of paper " + quoted(id) + " is neither 0 nor 1");
  }
  if (width != papers.width || (!words.empty() && words.size() % 2 == 0))
    at.fail("paper " + quoted(id) + " has " + std::to_string(width) + " words, those before it have " + std::to_string(papers.width));
  for (size_t i = 0; i < words.size(); i += 2) papers.words.push_back(words[i] == '1' ? 1.f : 0.f);
  papers.names.push_back(id);
  papers.classes.push_back(line.substr(class_start + 1));
}

Graph read_content(std::string_view text, const std::string& where, Ids& ids) {
  Papers papers;
  Lines lines(text, where);
  for (std::string_view line; lines.next(line);) read_paper(line, lines, papers);
  if (papers.names.empty()) throw IOError(where + ": line 1: no papers");
  const auto n = static_cast<int64_t>(papers.names.size());
  std::map<std::string_view, int64_t> numbers;
  for (const std::string_view c : papers.classes) numbers.emplace(c, 0);
  Graph g;
  for (auto& [name, number] : numbers) {
    number = static_cast<int64_t>(g.classes.size());
    g.classes.emplace_back(name);
  }
  std::vector<int64_t> labels;
  labels.reserve(papers.classes.size());
  for (const std::string_view c : papers.classes) labels.push_back(numbers.at(c));
  g.names.assign(papers.names.begin(), papers.names.end());
  g.features = detail::adopt(std::move(papers.words), {n, papers.width});
  g.labels = detail::adopt(std::move(labels), {n});
  ids = std::move(papers.ids);
  return g;
}

Tensor read_cites(std::string_view text, const std::string& where, const Ids& ids, Dangling dangling, EdgeCounts& counts) {
  std::vector<std::pair<int64_t, int64_t>> links;
  Lines lines(text, where);
  for (std::string_view line; lines.next(line);) {
    const size_t tab = line.find('\t');
    if (tab == std::string_view::npos || tab == 0 || tab + 1 == line.size() || line.find('\t', tab + 1) != std::string_view::npos)
      lines.fail("a link is the cited paper's id, a tab and the citing one's");
    ++counts.links;
    const auto cited = ids.find(line.substr(0, tab)), citing = ids.find(line.substr(tab + 1));
    if (cited != ids.end() && citing != ids.end()) {
      links.emplace_back(cited->second, citing->second);
    } else if (++counts.dangling; dangling == Dangling::refuse) {
      lines.fail("no paper is " + quoted(cited == ids.end() ? line.substr(0, tab) : line.substr(tab + 1)) +
                 "; Dangling::count leaves such links out");
    }
  }
  return detail::undirected(std::move(links), counts);
}

Citations parse(std::string_view content, std::string_view cites, const std::string& content_name, const std::string& cites_name, Dangling dangling) {
  Citations out;
  Ids ids;  // views into `content`
  out.graph = read_content(content, content_name, ids);
  out.graph.edges = read_cites(cites, cites_name, ids, dangling, out.links);
  return out;
}

}  // namespace

Citations parse_citations(std::string_view content, std::string_view cites, Dangling dangling, const std::string& where) {
  return typed_memory([&] { return parse(content, cites, where + ".content", where + ".cites", dangling); });
}

Citations load_citations(const std::string& content, const std::string& cites, Dangling dangling) {
  return typed_memory([&] {
    const std::string papers = detail::read_unpacked(content), links = detail::read_unpacked(cites);
    return parse(papers, links, content, cites, dangling);
  });
}

Citations find_citations(const std::string& folder, const std::string& name, Dangling dangling) {
  return typed_memory([&] {
    const std::string content = detail::find_file(folder, {name + ".content"}), cites = detail::find_file(folder, {name + ".cites"});
    return load_citations(content, cites, dangling);
  });
}

}  // namespace regrad

#include <regrad/datasets/citations.h>
#include <regrad/datasets/internal/adopt.h>
#include <regrad/datasets/internal/edges.h>
#include <regrad/datasets/internal/table.h>
#include <regrad/datasets/internal/unpack.h>

#include <algorithm>
#include <map>
#include <unordered_map>

namespace regrad {
namespace {

using detail::quoted;
using Ids = std::unordered_map<std::string_view, int64_t>;

struct Papers {
  std::vector<float> words;
  std::vector<std::string_view> classes, names;
  Ids ids;
  int64_t width = -1;  // words a paper
};

// "id <tab> 0 <tab> 1 <tab> ... <tab> class"
void read_paper(const std::vector<std::string_view>& fields, const detail::Records& at,
                Papers& papers) {
  if (fields.size() < 2 || fields.front().empty())
    at.fail("a paper is an id, words and a class, with tabs between them");
  const std::string_view id = fields.front();
  if (fields.back().empty()) at.fail("paper " + quoted(id) + " has no class");
  if (!papers.ids.emplace(id, static_cast<int64_t>(papers.names.size())).second)
    at.fail("paper " + quoted(id) + " stands there twice");
  const auto width = static_cast<int64_t>(fields.size()) - 2;
  if (papers.width < 0) papers.width = width;
  for (size_t i = 1; i + 1 < fields.size(); ++i) {
    if (fields[i] != "0" && fields[i] != "1")
      at.fail("word " + std::to_string(i) + " of paper " + quoted(id) + " is neither 0 nor 1");
    papers.words.push_back(fields[i] == "1" ? 1.f : 0.f);
  }
  if (width != papers.width)
    at.fail("paper " + quoted(id) + " has " + std::to_string(width) +
            " words, those before it have " + std::to_string(papers.width));
  papers.names.push_back(id);
  papers.classes.push_back(fields.back());
}

Graph read_content(detail::Records& records, Ids& ids) {
  Papers papers;
  for (std::vector<std::string_view> fields; records.next(fields);)
    read_paper(fields, records, papers);
  if (papers.names.empty()) throw IOError(records.where() + ": line 1: no papers");
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

Tensor read_cites(std::string_view text, const std::string& where, const Ids& ids,
                  Dangling dangling, EdgeCounts& counts) {
  std::vector<std::pair<int64_t, int64_t>> links;
  detail::Records records(text, where, '\t');
  for (std::vector<std::string_view> fields; records.next(fields);) {
    if (fields.size() != 2 || fields[0].empty() || fields[1].empty())
      records.fail("a link is the cited paper's id, a tab and the citing one's");
    ++counts.links;
    const auto cited = ids.find(fields[0]), citing = ids.find(fields[1]);
    if (cited != ids.end() && citing != ids.end()) {
      links.emplace_back(cited->second, citing->second);
    } else if (++counts.dangling; dangling == Dangling::refuse) {
      records.fail("no paper is " + quoted(fields[cited == ids.end() ? 0 : 1]) +
                   "; Dangling::count leaves such links out");
    }
  }
  return detail::undirected(std::move(links), counts);
}

Citations parse(std::string_view content, std::string_view cites, const std::string& content_name,
                const std::string& cites_name, Dangling dangling) {
  Citations out;
  Ids ids;  // views into the records of `content`
  detail::Records papers(content, content_name, '\t');
  out.graph = read_content(papers, ids);
  out.graph.edges = read_cites(cites, cites_name, ids, dangling, out.links);
  return out;
}

}  // namespace

Citations parse_citations(std::string_view content, std::string_view cites, Dangling dangling,
                          const std::string& where) {
  return typed_memory(
      [&] { return parse(content, cites, where + ".content", where + ".cites", dangling); });
}

Citations load_citations(const std::string& content, const std::string& cites, Dangling dangling) {
  return typed_memory([&] {
    const std::string papers = detail::read_unpacked(content), links = detail::read_unpacked(cites);
    return parse(papers, links, content, cites, dangling);
  });
}

Citations find_citations(const std::string& folder, const std::string& name, Dangling dangling) {
  return typed_memory([&] {
    const std::string content = detail::find_file(folder, {name + ".content"}),
                      cites = detail::find_file(folder, {name + ".cites"});
    return load_citations(content, cites, dangling);
  });
}

}  // namespace regrad

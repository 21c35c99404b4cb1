// Graphs: Cora and CiteSeer as published, broken citation files, the stochastic block model.
#include <doctest/doctest.h>

#include <regrad/datasets/block_model.h>
#include <regrad/datasets/citations.h>
#include <regrad/engine/ops.h>

#include <cmath>
#include <map>

#include "../temp_folder.h"
#include "pack.h"
#include "shared_data.h"

using namespace regrad;
using namespace regrad::test;

namespace {

std::vector<int64_t> class_sizes(const Graph& g) {
  std::vector<int64_t> sizes(g.classes.size(), 0);
  for (const int64_t label : g.labels.to_vector<int64_t>()) ++sizes.at(static_cast<size_t>(label));
  return sizes;
}

// Each edge once, from the lower node to the higher, in ascending order, within the graph.
void check_edges(const Graph& g) {
  REQUIRE(g.edges.dtype() == DType::i64);
  REQUIRE(g.edges.size(0) == 2);
  const int64_t e = g.edges.size(1);
  const auto* p = g.edges.data<int64_t>();
  for (int64_t i = 0; i < e; ++i) {
    const bool good = p[i] >= 0 && p[i] < p[e + i] && p[e + i] < g.nodes() &&
                      (i == 0 || std::pair(p[i - 1], p[e + i - 1]) < std::pair(p[i], p[e + i]));
    REQUIRE(good);
  }
}

const std::string content = "a\t0\t1\tx\nb\t1\t1\ty\nc\t0\t0\tx\n",
                  cites = "a\tb\nb\ta\nc\tc\nc\tb\n";

std::string bad_content(const std::string& text, const std::string& words) {
  return complaint<IOError>([&] { parse_citations(text, cites); }, "graph.content: " + words);
}
std::string bad_cites(const std::string& text, const std::string& words) {
  return complaint<IOError>([&] { parse_citations(content, text); }, "graph.cites: " + words);
}

}  // namespace

TEST_CASE("citations: Cora's counts" * doctest::test_suite("shared data")) {
  if (!has_shared_data("cora.content.gz")) return;
  const Citations cora =
      load_citations(shared_data("cora.content.gz"), shared_data("cora.cites.gz"));
  const Graph& g = cora.graph;
  CHECK(g.features.shape() == Shape{2708, 1433});
  CHECK(g.features.dtype() == DType::f32);
  CHECK(sum(g.features.to(DType::f64)).item() == 49216);
  CHECK(g.names.size() == 2708);
  CHECK(g.names[0] == "31336");
  CHECK(g.edges.size(1) == 5278);
  check_edges(g);
  CHECK(cora.links.links == 5429);
  CHECK(cora.links.dangling == 0);
  CHECK(cora.links.loops == 0);
  CHECK(cora.links.repeated == 151);
  const std::vector<std::string> classes{"Case_Based",
                                         "Genetic_Algorithms",
                                         "Neural_Networks",
                                         "Probabilistic_Methods",
                                         "Reinforcement_Learning",
                                         "Rule_Learning",
                                         "Theory"};
  CHECK(g.classes == classes);
  CHECK(class_sizes(g) == std::vector<int64_t>{298, 418, 818, 426, 217, 180, 351});
  CHECK(g.classes[static_cast<size_t>(g.labels.data<int64_t>()[0])] == "Neural_Networks");
}

TEST_CASE("citations: CiteSeer's counts, and its links to nowhere" *
          doctest::test_suite("shared data")) {
  if (!has_shared_data("citeseer.content.gz")) return;
  const Citations citeseer = find_citations(REGRAD_SHARED_DATA, "citeseer", Dangling::count);
  CHECK(citeseer.graph.features.shape() == Shape{3312, 3703});
  CHECK(sum(citeseer.graph.features.to(DType::f64)).item() == 105165);
  CHECK(citeseer.links.links == 4732);
  CHECK(citeseer.links.dangling == 17);
  CHECK(citeseer.links.loops == 124);
  CHECK(citeseer.links.repeated == 55);
  CHECK(citeseer.graph.edges.size(1) == 4536);
  check_edges(citeseer.graph);
  CHECK(class_sizes(citeseer.graph) == std::vector<int64_t>{249, 596, 701, 508, 668, 590});
  CHECK(complaint<IOError>([] { find_citations(REGRAD_SHARED_DATA, "citeseer"); },
                           "citeseer.cites.gz: line ") == "");
}

TEST_CASE("citations: a small graph, plain and packed") {
  const TempFolder folder;
  for (const Pack packing : {Pack::none, Pack::gz, Pack::xz}) {
    write_file(folder / "g.content", pack(packing, content));
    write_file(folder / "g.cites", pack(packing, cites));
    const Citations c = find_citations(folder.name(), "g");
    CHECK(c.graph.features.to_vector() == std::vector<double>{0, 1, 1, 1, 0, 0});
    CHECK(c.graph.labels.to_vector() == std::vector<double>{0, 1, 0});
    CHECK(c.graph.edges.to_vector() == std::vector<double>{0, 1, 1, 2});
    CHECK(c.graph.classes == std::vector<std::string>{"x", "y"});
    CHECK(c.graph.names == std::vector<std::string>{"a", "b", "c"});
    CHECK(c.links.repeated == 1);
    CHECK(c.links.loops == 1);
  }
  const Citations bare = parse_citations("a\t0\tx\r\nb\t1\tx", "");
  CHECK(bare.graph.edges.shape() == Shape{2, 0});
  CHECK(bare.graph.features.shape() == Shape{2, 1});
}

TEST_CASE("citations: broken files are refused by file and line") {
  CHECK(bad_content("", "line 1: no papers") == "");
  CHECK(bad_content("a\t0\t1\tx\n\nb\n", "line 3: a paper is an id, words and a class") == "");
  CHECK(bad_content("a\t0\t1\tx\nb\t0\tx\n",
                    "line 2: paper 'b' has 1 words, those before it have 2") == "");
  CHECK(bad_content("a\t0\t1\tx\nb\t0\t2\tx\n", "line 2: word 2 of paper 'b' is neither 0 nor 1") ==
        "");
  CHECK(bad_content("a\t0\t1\tx\nb\t0\t01\tx\n", "line 2: word 2 of paper 'b'") == "");
  CHECK(bad_content("a\t0\t1\tx\na\t0\t1\tx\n", "line 2: paper 'a' stands there twice") == "");
  CHECK(bad_content("a\t0\t1\tx\nb\t0\t1\t\n", "line 2: paper 'b' has no class") == "");
  CHECK(bad_content("a\t0\t1\tx\n\t0\t1\tx\n", "line 2: a paper is an id") == "");
  CHECK(bad_content("a\t0\t1\t\tx\n", "line 1: ") == "");
  CHECK(bad_content(content.substr(0, content.size() - 4), "line 3: ") == "");
  CHECK(bad_cites("a\tb\na\n", "line 2: a link is the cited paper's id") == "");
  CHECK(bad_cites("a\tb\tc\n", "line 1: a link is") == "");
  CHECK(bad_cites("a\tb\n\tb\n", "line 2: a link is") == "");
  CHECK(bad_cites("a\tb\na\tnobody\n", "line 2: no paper is 'nobody'") == "");
  CHECK(parse_citations(content, "a\tb\na\tnobody\n", Dangling::count).links.dangling == 1);
  const TempFolder folder;
  CHECK(complaint<IOError>([&] { find_citations(folder.name(), "g"); },
                           folder.name() + ": holds none of g.content") == "");
  CHECK(complaint<IOError>([&] { load_citations(folder / "g.content", folder / "g.cites"); },
                           "g.content: cannot open") == "");
  const std::string packed = pack(Pack::gz, content);
  write_file(folder / "g.cites", cites);
  write_file(folder / "g.content", packed.substr(0, packed.size() - 6));
  CHECK(complaint<IOError>([&] { find_citations(folder.name(), "g"); }, "g.content: byte ") == "");
  // A gz bomb: 64 MiB of zeros in 64 kB.
  write_file(folder / "g.content", pack(Pack::gz, std::string(64 << 20, '0')));
  CHECK(complaint<IOError>([&] { find_citations(folder.name(), "g"); },
                           "unpacks to more than the ") == "");
}

TEST_CASE("citations: as a spreadsheet writes them, no link is lost") {
  const Citations plain = parse_citations(content, cites, Dangling::count);
  const std::string mark = "\xef\xbb\xbf",
                    quotes = "\"a\"\t0\t1\tx\r\n\"b\"\t1\t\"1\"\ty\r\n\r\nc\t0\t0\t\"x\"\r\n";
  for (const std::string& papers : {content, mark + content, quotes, mark + quotes})
    for (const std::string& links :
         {cites, mark + cites, std::string("\"a\"\tb\r\nb\ta\r\n\r\nc\t\"c\"\r\nc\tb\r\n")}) {
      const Citations read = parse_citations(papers, links, Dangling::count);
      CHECK(read.links.dangling == 0);
      CHECK(read.links.links == 4);
      CHECK(read.graph.names == plain.graph.names);
      CHECK(read.graph.classes == plain.graph.classes);
      CHECK(read.graph.edges.to_vector() == plain.graph.edges.to_vector());
      CHECK(read.graph.features.to_vector() == plain.graph.features.to_vector());
    }
  CHECK(bad_cites("a\tb\n\"a\tb\n", "line 2: a field begins with a quote and has no end") == "");
  CHECK(bad_cites("\xff\xfe"
                  "a",
                  "byte 0: is UTF-16 text; save it as UTF-8") == "");
}

TEST_CASE("block model: what is drawn is what was asked for") {
  const BlockModel model{.nodes = 600,
                         .classes = 3,
                         .words = 90,
                         .topic = 30,
                         .p_in = 0.05,
                         .p_out = 0.01,
                         .p_topic = 0.3,
                         .p_word = 0.05};
  const Graph g = model.sample(Random(7));
  check_edges(g);
  CHECK(g.nodes() == 600);
  CHECK(class_sizes(g) == std::vector<int64_t>{200, 200, 200});
  const auto labels = g.labels.to_vector<int64_t>(), ends = g.edges.to_vector<int64_t>();
  double within = 0, across = 0;
  for (size_t i = 0; i < ends.size() / 2; ++i)
    ++(labels[static_cast<size_t>(ends[i])] ==
               labels[static_cast<size_t>(ends[ends.size() / 2 + i])]
           ? within
           : across);
  const double pairs_in = 3 * 200 * 199 / 2, pairs_out = 3 * 200 * 200;
  // Binomial counts: within five deviations.
  CHECK(std::abs(within - 0.05 * pairs_in) < 5 * std::sqrt(0.05 * 0.95 * pairs_in));
  CHECK(std::abs(across - 0.01 * pairs_out) < 5 * std::sqrt(0.01 * 0.99 * pairs_out));
  const double held = sum(g.features.to(DType::f64)).item(),
               expected = 600 * (30 * 0.3 + 60 * 0.05);
  CHECK(std::abs(held - expected) < 5 * std::sqrt(expected));
  CHECK(model.sample(Random(7)).features.to_vector() == g.features.to_vector());
  CHECK(model.sample(Random(7)).edges.to_vector() == g.edges.to_vector());
  CHECK(model.sample(Random(8)).edges.to_vector() != g.edges.to_vector());
}

TEST_CASE("block model: edges at the ends of the range, and what is refused") {
  CHECK(BlockModel{.nodes = 20, .classes = 2, .p_in = 1, .p_out = 1}.sample(Random(1)).edges.size(
            1) == 190);
  CHECK(BlockModel{.nodes = 20, .classes = 2, .p_in = 0, .p_out = 0}.sample(Random(1)).edges.size(
            1) == 0);
  CHECK(BlockModel{.nodes = 20, .classes = 2, .p_in = 1, .p_out = 0}.sample(Random(1)).edges.size(
            1) == 90);
  CHECK(BlockModel{.nodes = 1, .classes = 1}.sample(Random(1)).edges.size(1) == 0);
  CHECK(complaint<ConfigError>([] { BlockModel{.nodes = 0}.sample(Random(1)); },
                               "must be at least 1") == "");
  CHECK(complaint<ConfigError>([] { BlockModel{.nodes = 2, .classes = 3}.sample(Random(1)); },
                               "more classes than nodes") == "");
  CHECK(complaint<ConfigError>([] { BlockModel{.p_in = 1.5}.sample(Random(1)); },
                               "outside [0, 1]") == "");
  CHECK(complaint<ConfigError>([] { BlockModel{.words = 10, .topic = 11}.sample(Random(1)); },
                               "topic") == "");
}

// Planetoid: files as NumPy and SciPy make them (golden/planetoid.py), a graph as large as Cora,
// and pickles that are refused.
#include <doctest/doctest.h>

#include <regrad/datasets/internal/pickle.h>
#include <regrad/datasets/planetoid.h>
#include <regrad/engine/random.h>

#include <algorithm>
#include <set>

#include "../engine/alloc_hook.h"
#include "../temp_folder.h"
#include "forge.h"
#include "pack.h"
#include "planetoid_writer.h"

using namespace regrad;
using namespace regrad::detail;
using namespace regrad::test;

namespace {

using Parts = std::map<std::string, std::string>;

Parts tiny() {
  Parts parts;
  for (const char* part : {"x", "y", "tx", "ty", "allx", "ally", "graph", "test.index"})
    parts[part] = read_file(std::string(REGRAD_GOLDEN_PLANETOID) + "/ind.tiny." + part);
  return parts;
}
std::string refused(const std::string& part, const std::string& bytes, const std::string& words) {
  Parts parts = tiny();
  parts[part] = bytes;
  return complaint<IOError>([&] { parse_planetoid(parts); }, words);
}
std::string bad_pickle(const std::string& body, const std::string& words) {
  return complaint<IOError>([&] { read_pickle("\x80\x02" + body, "f"); }, "f: byte " + words);
}
std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("planetoid: what NumPy and SciPy wrote") {
  const Planetoid p = load_planetoid(REGRAD_GOLDEN_PLANETOID, "tiny");
  const std::vector<double> features{1, 0, 0, 1, 0, 1, 0, 0, 0.5, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                     1, 1, 1, 0, 0, 0, 0, 0, 0,   0, 0, 3, 0, 0, 0, 0, 0, 2};
  CHECK(p.graph.features.shape() == Shape{9, 4});
  CHECK(p.graph.features.to_vector() == features);
  CHECK(p.graph.labels.to_vector() == std::vector<double>{0, 1, 2, 0, -1, 1, -1, 0, 2});
  CHECK(p.graph.edges.to_vector() == std::vector<double>{0, 0, 1, 3, 5, 1, 8, 2, 8, 6});
  CHECK(p.graph.classes.size() == 3);
  CHECK(p.graph.names.size() == 9);
  CHECK(p.train.to_vector() == std::vector<double>{0, 1});
  CHECK(p.validation.to_vector() == std::vector<double>{2, 3, 4});
  CHECK(p.test.to_vector() == std::vector<double>{5, 7, 8});
  CHECK(p.links.links == 14);
  CHECK(p.links.loops == 2);
  CHECK(p.links.repeated == 7);
  const TempFolder folder;
  for (const auto& [part, bytes] : tiny())
    write_file(folder / ("ind.g." + part + ".xz"), pack(Pack::xz, bytes));
  CHECK(load_planetoid(folder.name(), "g").graph.features.to_vector() == features);
}

// Cora's numbers: nodes, words, classes, parts and edges; its papers are not at hand.
TEST_CASE("planetoid: a graph of Cora's size, from files as Python 2 pickled them") {
  const std::vector<int64_t> sizes{351, 217, 418, 818, 426, 298, 180};
  constexpr int64_t nodes = 2708, words = 1433, edges = 5278;
  const Random r = Random(3) / "cora";
  PlanetoidGraph g{7, words, 140, nodes - 1000, {}, {}, {}, {}};
  for (int64_t c = 0; c < 7; ++c)
    g.label.insert(g.label.end(), static_cast<size_t>(sizes[static_cast<size_t>(c)]),
                   static_cast<int32_t>(c));
  const std::vector<int64_t> order = randperm(r / "labels", nodes).to_vector<int64_t>();
  std::vector<int32_t> labels(nodes);
  for (size_t i = 0; i < labels.size(); ++i) labels[i] = g.label[static_cast<size_t>(order[i])];
  g.label = labels;
  std::vector<double> features(nodes * words, 0), ends[2];
  for (int64_t i = 0; i < nodes; ++i) {
    std::set<int32_t> own;
    for (uint64_t k = 0; k < 18; ++k)
      own.insert(static_cast<int32_t>((r / "words" / i).integer(k, words)));
    g.words_of.emplace_back(own.begin(), own.end());
    for (int32_t w : own) features[static_cast<size_t>(i * words + w)] = 1;
  }
  std::set<std::pair<int64_t, int64_t>> links;
  for (uint64_t k = 0; static_cast<int64_t>(links.size()) < edges; ++k) {
    const int64_t a = (r / "from").integer(k, nodes), b = (r / "to").integer(k, nodes);
    if (a != b) links.emplace(std::min(a, b), std::max(a, b));
  }
  g.neighbours.resize(nodes);
  for (const auto& [a, b] : links) {
    g.neighbours[static_cast<size_t>(a)].push_back(b);
    g.neighbours[static_cast<size_t>(b)].push_back(a);
    ends[0].push_back(static_cast<double>(a)), ends[1].push_back(static_cast<double>(b));
  }
  for (int64_t i : randperm(r / "test", 1000).to_vector<int64_t>()) g.test.push_back(1708 + i);
  const TempFolder folder;
  for (const auto& [part, bytes] : planetoid_files(g))
    write_file(folder / ("ind.cora." + part + ".gz"), pack(Pack::gz, bytes));
  const Planetoid cora = load_planetoid(folder.name(), "cora");
  CHECK(cora.graph.features.shape() == Shape{nodes, words});
  CHECK(cora.graph.features.to_vector() == features);
  CHECK(cora.graph.labels.to_vector() == std::vector<double>(labels.begin(), labels.end()));
  ends[0].insert(ends[0].end(), ends[1].begin(), ends[1].end());
  CHECK(cora.graph.edges.to_vector() == ends[0]);  // [2, edges], each once, from its smaller end
  CHECK(cora.links.links == 2 * edges);
  CHECK(cora.train.to_vector().back() == 139);
  CHECK(cora.validation.to_vector().front() == 140);
  CHECK(cora.validation.size(0) == 500);
  CHECK(cora.test.to_vector().front() == 1708);
  CHECK(cora.test.size(0) == 1000);
}

TEST_CASE("planetoid: files cut at any byte, or any byte changed") {
  for (const auto& file : tiny()) {
    const std::string &part = file.first, &whole = file.second;
    CAPTURE(part);
    if (part != "test.index")
      for (size_t n = 0; n < whole.size(); ++n) {
        CAPTURE(n);
        CHECK(refused(part, whole.substr(0, n), "ind." + part + ": byte ") == "");
      }
    for (size_t at = 0; at < whole.size(); ++at) {
      for (const int change : {1, 8, 64, 255}) {
        Parts parts = tiny();
        parts[part][at] = static_cast<char>(whole[at] ^ change);
        try {
          const int64_t features = parse_planetoid(parts).graph.features.numel();
          CHECK(features <= 9 * 300);  // changed data are data
        } catch (const IOError& e) {
          CHECK(std::string(e.what()).substr(0, 4) == "ind.");
        }
      }
    }
  }
}

TEST_CASE("planetoid: nothing that a pickle names is called") {
  CHECK(bad_pickle("cos\nsystem\nq\x01U\x02ls\x85R.",
                   "3: opcode 'c' names os.system, which these files do not hold") == "");
  CHECK(bad_pickle("c__builtin__\neval\n.", "3: opcode 'c' names __builtin__.eval") == "");
  CHECK(bad_pickle("cnumpy\nndarra\n.", "3: opcode 'c' names numpy.ndarra") == "");
  CHECK(bad_pickle("cnumpy ndarray\n\n.", "3: opcode 'c' names numpy ndarray.") == "");
  // INST
  CHECK(bad_pickle("i__builtin__\neval\n.", "2: opcode 0x69 is none that these files hold") == "");
  // OBJ
  CHECK(bad_pickle("(o.", "3: opcode 0x6f is none") == "");
  // PERSID
  CHECK(bad_pickle("Pabc\n.", "2: opcode 0x50 is none") == "");
  // EXT1
  CHECK(bad_pickle("\x82\x01.", "2: opcode 0x82 is none") == "");
  // UNICODE
  CHECK(bad_pickle("V\\u0061\n.", "2: opcode 0x56 is none") == "");
  CHECK(bad_pickle("\x8c\x01"
                   "a.",
                   "2: opcode 0x8c is none") == "");  // protocol 4
  CHECK(complaint<IOError>([] { read_pickle("\x80\x04K\x01.", "f"); },
                           "f: byte 0: is no pickle of protocol 2") == "");
  CHECK(complaint<IOError>([] { read_pickle("(lp0\n.", "f"); },
                           "f: byte 0: is no pickle of protocol 2") == "");
}

TEST_CASE("planetoid: broken machines") {
  CHECK(bad_pickle(".", "2: the pickle ends with 0 values") == "");
  CHECK(bad_pickle("K\x01K\x02.", "6: the pickle ends with 2 values") == "");
  CHECK(bad_pickle("K\x01.K", "5: the file goes on") == "");
  CHECK(bad_pickle("K\x01", "4: the file ends where an opcode") == "");
  CHECK(bad_pickle("t.", "2: a mark is missing") == "");
  CHECK(bad_pickle("(\x85.", "3: a value is missing") == "");
  CHECK(bad_pickle("K\x01(a.", "5: a value is missing") == "");
  CHECK(bad_pickle("h\x05.", "2: nothing was remembered as 5") == "");
  CHECK(bad_pickle("q\x05.", "2: a value is missing") == "");
  CHECK(bad_pickle("K\x01K\x02"
                   "a.",
                   "6: items for what is no list") == "");
  CHECK(bad_pickle("]K\x01K\x02s.", "7: keys for what is no dict") == "");
  CHECK(bad_pickle("}(K\x01u.", "6: a key without a value") == "");
  CHECK(bad_pickle("K\x01)R.", "5: a call of what has no name") == "");
  CHECK(bad_pickle("K\x01)b.", "5: state for what is no object") == "");
  CHECK(bad_pickle("cnumpy\ndtype\n)R)b)b.", "20: an object has its state already") == "");
  CHECK(bad_pickle("T\xff\xff\xff\xff.", "7: the file ends where 4294967295 bytes") == "");
  CHECK(bad_pickle("\x8a\x09"
                   "123456789.",
                   "2: a number beyond 63 bits") == "");
  const std::string looped =
      "\x80\x02]q\x01h\x01"
      "a.";
  // a list that holds itself goes away like any other
  CHECK(read_pickle(looped, "f").values.size() == 1);
  CHECK(complaint<IOError>([&] { dense_array(read_pickle(looped, "f")); },
                           "f: byte 2: an object of numpy.core.multiarray") == "");
}

TEST_CASE("planetoid: parts that do not belong together") {
  const Parts parts = tiny();
  const std::string &x = parts.at("x"), &allx = parts.at("allx"), &ally = parts.at("ally"),
                    &graph = parts.at("graph");
  CHECK(refused("x", ally, "ind.x: byte ") == "");
  CHECK(refused("y", ally, "ind.y: byte 0: has other rows than x") == "");
  CHECK(refused("ally", parts.at("y"), "ind.ally: byte 0: has other rows than allx") == "");
  CHECK(refused("tx", allx, "ind.ty: byte 0: has other rows than tx") == "");
  CHECK(refused("graph", allx, "ind.graph: byte ") == "");
  CHECK(refused("x", replaced(x, "_shape", "_shapf"), "the matrix has no '_shape'") == "");
  CHECK(refused("x", replaced(x, "K\x02K\x04\x86", "K\x02K\x03\x86"),
                "an item of the matrix lies outside its columns") == "");
  CHECK(refused("x", replaced(x, "K\x02K\x04\x86", "K\x03K\x04\x86"),
                "the matrix has other row starts than rows") == "");
  CHECK(refused("allx", replaced(allx, "K\x05K\x04\x86", "K\x05J\xff\xff\xff\x7f\x86"),
                "ind.tx: byte 0: has other columns") == "");
  CHECK(refused("ally", replaced(ally, "K\x05K\x03\x86", "K\x05K\x04\x86"),
                "an array's bytes are not as many as its sizes need") == "");
  CHECK(refused("ally", replaced(ally, "K\x05K\x03\x86", "J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86"),
                "an array's ") == "");
  CHECK(refused("ally", replaced(ally, "U\x01<", "U\x01>"), "items are big-endian") == "");
  CHECK(refused("ally", replaced(ally, "U\x02i4", "U\x02O4"), "items of dtype 'O4'") == "");
  CHECK(refused("graph", replaced(graph, "K\x08", "K\x09"), "a link to 9; nodes are 0 to 8") == "");
  CHECK(refused("test.index", "8\n5\n",
                "ind.test.index: byte 0: has other lines than tx has rows") == "");
  CHECK(refused("test.index", "8\n5\n9\n",
                "ind.test.index: line 3: should be a node from 5 to 8") == "");
  CHECK(refused("test.index", "8\n5\n5\n", "ind.test.index: line 3: ") == "");
  CHECK(refused("test.index", "8\n4\n5\n", "ind.test.index: line 2: ") == "");
  CHECK(refused("test.index", "8\nx\n5\n", "ind.test.index: line 2: ") == "");
  const size_t one = ally.find(std::string("\x01\0\0\0", 4), 100);
  std::string two = ally;
  two[one] = 2;
  CHECK(refused("ally", two, "ind.ally: record ") == "");
  Parts fewer = parts;
  fewer.erase("ty");
  CHECK(complaint<IOError>([&] { parse_planetoid(fewer); }, "ind.ty: is not there") == "");
  CHECK(complaint<IOError>([] { load_planetoid(REGRAD_GOLDEN_PLANETOID, "cora"); },
                           "holds none of ind.cora.x") == "");
  // Columns without end in all three matrices.
  Parts wide = parts;
  for (const auto& [part, rows] : {std::pair("x", "\x02"), {"tx", "\x03"}, {"allx", "\x05"}})
    wide[part] = replaced(wide[part], std::string("K") + rows + "K\x04\x86",
                          std::string("K") + rows + "J\xff\xff\xff\x7f\x86");
  CHECK(peak_of([&] {
          CHECK(complaint<IOError>([&] { parse_planetoid(wide); },
                                   "ind.allx: byte 0: features of 9 x 2147483647 take more") == "");
        }) < 200000);
}

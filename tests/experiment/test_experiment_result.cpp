// Statistics, verdicts, tables, sentences, charts and reports.
#include <doctest/doctest.h>
#include <regrad/algorithms/experiment/claims.h>
#include <regrad/algorithms/experiment/figure.h>
#include <regrad/algorithms/experiment/report.h>
#include <regrad/algorithms/experiment/table.h>
#include <regrad/engine/error.h>
#include <regrad/engine/internal/decimal.h>

#include <cmath>
#include <set>

#include "../temp_folder.h"
#include "toy_experiment.h"

using namespace regrad;
using namespace regrad::experiment;
using regrad::test::complaint;

namespace {

Result result_of(std::vector<double> maml, std::vector<double> cml) {
  Result r;
  r.regrad = "0.1.0", r.experiment = "cml", r.task = "sinusoid", r.preset = "tiny", r.threads = 2,
  r.seconds = 1.5, r.peak_bytes = 1000;
  for (size_t s = 0; s < maml.size(); ++s) r.seeds.push_back(s);
  r.metric = "mse", r.baseline = "maml";
  r.methods = {{"maml", {{"mse", maml}}, 1761}, {"cml", {{"mse", cml}}, 12345}};
  Claims c(r);
  c.below("cml below maml", {{cml}}, {{maml}});
  r.claims = c.list;
  return r;
}

// Does every element close, in its order, and is all text escaped? What is wrong, else "".
std::string malformed(const std::string& xml) {
  std::vector<std::string> open;
  for (size_t at = 0; at < xml.size();) {
    if (xml[at] == '>') return "a bare > at byte " + std::to_string(at);
    if (xml[at] == '&') {
      const size_t end = xml.find(';', at);
      const std::string entity = end == std::string::npos ? "" : xml.substr(at, end - at + 1);
      bool known = false;
      for (const char* e : {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"})
        known = known || entity == e;
      if (!known) return "a bare & at byte " + std::to_string(at);
    }
    if (xml[at] != '<') {
      ++at;
      continue;
    }
    size_t end = at;
    for (char quote = 0; end < xml.size() && (quote || xml[end] != '>'); ++end) {
      if (quote ? xml[end] == quote : xml[end] == '"') quote = quote ? 0 : '"';
      if (end > at && xml[end] == '<') return "a bare < at byte " + std::to_string(end);
    }
    if (end == xml.size()) return "a tag without end at byte " + std::to_string(at);
    const std::string tag = xml.substr(at + 1, end - at - 1),
                      word = tag.substr(0, tag.find_first_of(" \n/", 1));
    at = end + 1;
    if (tag[0] == '!' || tag.back() == '/') continue;
    if (tag[0] != '/') {
      open.push_back(word);
      if (word == "style" || word == "script") at = xml.find("</" + word + ">", at);
    } else if (open.empty() || "/" + open.back() != tag) {
      return "</" + tag + "> closes " + (open.empty() ? "nothing" : open.back());
    } else {
      open.pop_back();
    }
  }
  return open.empty() ? "" : open.back() + " stays open";
}

size_t count(const std::string& text, const std::string& part) {
  size_t n = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++n;
  return n;
}

}  // namespace

TEST_CASE("numbers in tables") {
  CHECK(with_interval(0.41234, 0.0234, false) == "0.412 ± 0.023");
  CHECK(with_interval(0.41234, 0.0234, true) == "+0.412 ± 0.023");
  CHECK(with_interval(-12.34, 3.1, true) == "-12.3 ± 3.1");
  CHECK(with_interval(1234, 210, false) == "1234 ± 210");
  CHECK(with_interval(0.41234, std::nan(""), false) == "0.4123");
  CHECK(with_interval(std::nan(""), 1, false) == "not a number");
  CHECK(with_interval(0.6239, 0, true) == "+0.6239");
  CHECK(difference(0.6239, 0) == "+0.6239, without spread");
  CHECK(difference(0.6239, 0.01) == "+0.624 ± 0.010");
  CHECK(grouped(1761) == "1,761");
  CHECK(grouped(-1234567) == "-1,234,567");
  CHECK(grouped(999) == "999");
}

TEST_CASE("the sentence is about the subject, whichever way it went") {
  CHECK(sentence(result_of({0.5, 0.6, 0.7}, {0.4, 0.49, 0.61})) ==
        "Over 3 seeds cml's mean squared error is 0.50 ± 0.26, 0.100 ± 0.025 below maml's; shown: "
        "cml below maml.");
  CHECK(sentence(result_of({0.5, 0.6, 0.7}, {0.6, 0.5, 0.65})) ==
        "Over 3 seeds cml's mean squared error is 0.58 ± 0.19, 0.02 ± 0.26 below maml's, within "
        "the noise of the seeds; not shown: cml below maml.");
  CHECK(sentence(result_of({0.5, 0.6, 0.7}, {0.61, 0.7, 0.8}))
            .find("is 0.70 ± 0.24, 0.103 ± 0.014 above maml's; refuted: cml below maml.") !=
        std::string::npos);
  CHECK(sentence(result_of({0.5}, {0.4})) ==
        "With one seed cml's mean squared error is 0.4, 0.1 below maml's; not testable here: cml "
        "below maml.");
  CHECK(sentence(result_of({0.5, 0.6}, {0.5, 0.6})).find(", the same as maml's") !=
        std::string::npos);
  CHECK(sentence(result_of({0.5}, {std::nan("")})).find("is no finite number") !=
        std::string::npos);
  CHECK(sentence(result_of({std::nan("")}, {0.5})).find("cannot be compared with maml's") !=
        std::string::npos);
}

TEST_CASE("the most accurate method is not what the sentence is about") {
  Result r = result_of({0.5, 0.6, 0.7}, {0.4, 0.49, 0.61});
  r.methods.insert(r.methods.begin(), {"dense", {{"mse", {0.1, 0.1, 0.2}}}, 1});
  CHECK(sentence(r).find("Over 3 seeds dense's") == 0);  // without a subject: the first other
  r.subject = "cml";
  CHECK(sentence(r).find("Over 3 seeds cml's") == 0);
  r.subject = "not there";
  CHECK(sentence(r).find("Over 3 seeds dense's") == 0);
  r.methods = {r.methods[1]};
  CHECK(sentence(r).find("Over 3 seeds maml's mean squared error is 0.60 ± 0.25; ") == 0);
}

TEST_CASE("sentences and cells have units") {
  Result r = result_of({50, 60, 70}, {62, 71, 83});
  r.metric = "accuracy@1", r.better = Better::higher;
  for (MethodResult& m : r.methods) m.metrics[0].first = "accuracy@1";
  CHECK(sentence(r).find("cml's 1-shot accuracy is 72 ± 26%, 12.0 ± 2.5 points above maml's;") !=
        std::string::npos);
  CHECK(table_of(r).columns[0].cells[1].value == "72 ± 26%");
  CHECK(table_of(r).columns[0].cells[1].difference == "+12.0 ± 2.5");
}

TEST_CASE("the table: methods by metrics, the best, differences and stars") {
  Result r = result_of({0.5, 0.6, 0.7}, {0.4, 0.49, 0.61});
  for (MethodResult& m : r.methods) {
    const bool base = m.name == "maml";
    m.metrics.push_back({"bytes", std::vector<double>(3, base ? 311016 : 15170)});
    m.metrics.push_back({"sparsity, %", {90, 90, 90}});
  }
  r.methods[1].metrics.push_back({"accuracy of the teacher", {80, 81, 82}});
  const Table t = table_of(r);
  CHECK(t.methods == std::vector<std::string>{"maml", "cml"});
  REQUIRE(t.columns.size() == 3);  // mse, bytes, parameters
  const Column& mse = t.columns[0];
  CHECK(mse.metric.title == "mean squared error");
  CHECK(mse.cells[0].value == "0.60 ± 0.25");
  CHECK(mse.cells[0].difference == "");
  CHECK_FALSE(mse.cells[0].best);
  CHECK(mse.cells[1].value == "0.50 ± 0.26");
  CHECK(mse.cells[1].difference == "-0.100 ± 0.025");
  CHECK(mse.cells[1].brief == "-0.100");
  CHECK(mse.cells[1].apart);
  CHECK(mse.cells[1].best);
  CHECK(t.columns[1].cells[0].value == "311 kB");
  CHECK(t.columns[1].cells[1].value == "15.2 kB");
  CHECK(t.columns[1].cells[1].difference == "-296 kB");
  CHECK(t.columns[1].cells[1].best);
  CHECK(t.columns[2].metric.title == "parameters");
  CHECK(t.columns[2].cells[1].value == "12,345");
  REQUIRE(t.beside.size() == 2);
  CHECK(t.beside[0] == "The same for every method: sparsity = 90%.");
  CHECK(t.beside[1] == "Of cml alone: accuracy of the teacher = 81.0 ± 2.5%.");
  REQUIRE(t.notes.size() == 2);
  CHECK(t.notes[0] ==
        "Means over the seeds ± their 95% interval. Beside them the difference to maml, paired by "
        "seed; *: its 95% interval leaves out 0.");
  CHECK(t.notes[1] == "Lower is better: mean squared error; size.");
}

TEST_CASE("the best are all that are equal, and none where no side is better") {
  Result r = result_of({0.5, 0.6}, {0.5, 0.6});
  r.methods.push_back({"none", {{"mse", {0.7, 0.8}}}, 1});
  for (MethodResult& m : r.methods)
    m.metrics.push_back({"empty filters", {1, m.name == "cml" ? 1.0 : 0.0}});
  const Table t = table_of(r);
  CHECK(t.columns[0].cells[0].best);
  CHECK(t.columns[0].cells[1].best);
  CHECK_FALSE(t.columns[0].cells[2].best);
  for (const Cell& c : t.columns[1].cells) CHECK_FALSE(c.best);
  r.better = Better::higher;
  CHECK(table_of(r).columns[0].cells[2].best);
}

TEST_CASE("parameters are one column, or one for each variant where they differ") {
  Result r = result_of({0.5, 0.6}, {0.4, 0.7});
  for (MethodResult& m : r.methods) {
    m.metrics = {{"mse@80%", {1, 2}}, {"mse@90%", {2, 1}}};
    m.parameters_of = {{"mse@80%", 200}, {"mse@90%", 200}};
  }
  r.metric = "mse@80%";
  r.methods[0].parameters_of = {{"mse@80%", 100}, {"mse@90%", 100}}, r.methods[0].parameters = 100;
  CHECK(table_of(r).columns.back().metric.title == "parameters");
  CHECK(table_of(r).columns.back().cells[0].value == "100");
  r.methods[0].parameters_of[1].second = 50;
  const Table t = table_of(r);
  CHECK(t.columns[t.columns.size() - 2].metric.title == "parameters at 80%");
  CHECK(t.columns.back().metric.title == "parameters at 90%");
  CHECK(t.columns.back().cells[0].value == "50");
}

TEST_CASE("the table as text: verdicts, table, sentence, in this order, within any width") {
  Result r = result_of({0.5, 0.6, 0.7}, {0.4, 0.49, 0.61});
  r.subject = "cml";
  for (MethodResult& m : r.methods)
    for (const char* more : {"accuracy", "log loss", "swing", "k-NN, layer 4", "AUC, pwws@cnn"})
      m.metrics.push_back({more, m.name == "cml" ? std::vector<double>{70, 80, 91}
                                                 : std::vector<double>{60, 70, 80}});
  for (const int columns : {40, 80, 200}) {
    CAPTURE(columns);
    const std::string text = table(r, {columns, false, true});
    for (size_t at = 0, end; (end = text.find('\n', at)) != std::string::npos; at = end + 1)
      CHECK_MESSAGE(width_of(text.substr(at, end - at)) <= static_cast<size_t>(columns),
                    text.substr(at, end - at));
    const size_t verdict = text.find("shown"), method = text.find("\nmethod"),
                 last = text.find("Over 3 seeds");
    CHECK(text.find("cml: sinusoid, preset tiny, 3 seeds\n") == 0);
    CHECK(verdict < method);
    CHECK(method < last);
    CHECK(text.find("\x1b[") == std::string::npos);
    CHECK(count(text, "\nmaml ") == count(text, "method"));  // names are repeated in each block
  }
  CHECK(count(table(r, {40, false, true}), "\nmaml ") >
        count(table(r, {80, false, true}), "\nmaml "));
  CHECK(count(table(r, {200, false, true}), "\nmaml ") == 1);
  const std::string wide = table(r, {80, false, true});
  CHECK(wide.find("shown   cml below maml   -0.100 ± 0.025   3 seeds\n") != std::string::npos);
  CHECK(wide.find("0.50 ± 0.26  -0.100 ± 0.025 *") != std::string::npos);
  CHECK(wide.find("80 ± 26%  +10.3 *") != std::string::npos);  // in full in the report alone
  CHECK(table(r, {80, true, true}).find("\x1b[1m0.50 ± 0.26\x1b[0m  -0.100") != std::string::npos);
  CHECK(table(r, {80, false, false}).find("0.60 +- 0.25") != std::string::npos);
  CHECK(table(r, {80, false, false}).find("±") == std::string::npos);
  const std::string narrow = table(r, {40, false, true});
  CHECK(narrow.find("shown: cml below maml\n  -0.100 ± 0.025; judged by 3 seeds\n") !=
        std::string::npos);
}

TEST_CASE("names of metrics are told in words, with units and directions, in one place") {
  const auto is = [](const char* name, const char* title, Unit unit, std::optional<Better> better) {
    const Metric m = metric_of(name);
    CHECK(m.name == name);
    CHECK(m.title == title);
    CHECK_MESSAGE(m.unit == unit, name);
    CHECK_MESSAGE(m.better == better, name);
  };
  is("accuracy@90%", "accuracy at 90%", Unit::percent, Better::higher);
  is("accuracy@90% 4 bits", "accuracy at 90% 4 bits", Unit::percent, Better::higher);
  is("accuracy@1", "1-shot accuracy", Unit::percent, Better::higher);
  is("mse@10", "mean squared error at K = 10", Unit::none, Better::lower);
  is("unadapted accuracy@5", "5-shot accuracy, unadapted", Unit::percent, {});
  is("spread of accuracy@5", "5-shot accuracy, spread at the end", Unit::points, {});
  is("unseen@sd4", "accuracy, unseen, sd4", Unit::percent, Better::higher);
  is("on device s1", "accuracy on device s1", Unit::percent, Better::higher);
  is("sparse MACs, % of dense@90%", "sparse MACs, share of dense at 90%", Unit::percent,
     Better::lower);
  is("sparsity, %", "sparsity", Unit::percent, {});
  is("bytes", "size", Unit::bytes, Better::lower);
  is("AUC, pwws, far@cnn", "AUC, pwws, far, cnn", Unit::percent, Better::higher);
  is("something of one's own", "something of one's own", Unit::none, {});
}

TEST_CASE("a difference that all seeds share has no star and is not judged") {
  // Rounding leaves 5e-17 of a spread.
  const Result r = result_of({0.5, 0.6, 0.7}, {0.4, 0.5, 0.6});
  const Cell cell = table_of(r).columns[0].cells[1];
  CHECK(cell.difference == "-0.1");
  CHECK_FALSE(cell.apart);
  CHECK(r.claims[0].verdict == Verdict::not_testable);
  CHECK(table(r, {}).find("-0.1, without spread") != std::string::npos);
  CHECK(table(r, {}).find("*") == std::string::npos);
  CHECK(table_of(result_of({0.5, 0.6, 0.7}, {0.4, 0.5, 0.61})).columns[0].cells[1].apart);
  const Cell wide = table_of(result_of({0.5, 0.6, 0.7}, {0.6, 0.5, 0.65})).columns[0].cells[1];
  CHECK(wide.difference == "-0.02 ± 0.26");  // holds 0
  CHECK_FALSE(wide.apart);
}

namespace {

// A table of two methods, 0 and `difference` in each of the items of each seed, and more or less of
// `spread` from item to item or from seed to seed.
Verdict verdict_by(int seeds, int items, double difference, double spread, Claim& claim) {
  Result r;
  r.metric = "accuracy";
  MethodResult a{"a", {{"accuracy", {}}}, 1}, b = a;
  b.name = "b";
  std::vector<ByItem> of_a, of_b;
  for (int s = 0; s < seeds; ++s) {
    r.seeds.push_back(static_cast<uint64_t>(s));
    const double more = difference + spread * (s % 3 - 1);
    a.metrics[0].second.push_back(more), b.metrics[0].second.push_back(0);
    of_a.emplace_back(), of_b.emplace_back();
    for (int i = 0; i < items; ++i)
      of_a.back().values.push_back(more + spread * (i % 5 - 2)), of_b.back().values.push_back(0);
  }
  if (items) a.items = {{"accuracy", of_a}}, b.items = {{"accuracy", of_b}};
  r.methods = {a, b};
  Claims c(r);
  c.above("a above b", c.of("a", "accuracy"), c.of("b", "accuracy"));
  claim = c.list.at(0);
  CHECK(table(r, {}).find("method") != std::string::npos);
  return claim.verdict;
}

}  // namespace

TEST_CASE("a verdict is shown, refuted, not shown or not testable here, by seeds and by items") {
  for (const int items : {0, 50}) {
    CAPTURE(items);
    const std::string by = items ? "3 seeds and 50 items" : "3 seeds";
    Claim c;
    CHECK(verdict_by(3, items, 10, 0.1, c) == Verdict::shown);
    CHECK(c.by == by);
    CHECK(verdict_by(3, items, -10, 0.1, c) == Verdict::refuted);
    CHECK(c.by == by);
    CHECK(verdict_by(3, items, 1, 10, c) == Verdict::not_shown);
    CHECK(c.by == by);
    CHECK(verdict_by(3, items, 10, 0, c) == Verdict::not_testable);  // without spread
    CHECK(c.by == by);
    CHECK(verdict_by(1, items, 10, 0.1, c) == Verdict::not_testable);
    CHECK(c.by == (items ? "1 seed and 50 items" : "1 seed"));
  }
  const char* const names[] = {"shown", "refuted", "not shown", "not testable here"};
  for (int v = 0; v < 4; ++v) CHECK(name(static_cast<Verdict>(v)) == names[v]);
}

TEST_CASE(
    "a claim on what a method lacks is not testable here; on one that is not there, left out") {
  Result r = result_of({0.5, 0.6, 0.7}, {0.4, 0.49, 0.61});
  r.methods[0].metrics.push_back({"AUC, pwws, far@cnn", {1, 2, 3}});
  Claims c(r);
  c.above("far", c.seeds("cml", "AUC, pwws, far@cnn"), c.seeds("maml", "AUC, pwws, far@cnn"));
  c.above("items", c.items("cml", "mse"), c.items("maml", "mse"));
  c.above("of a difference", c.seeds("cml", "AUC, pwws, far@cnn") - c.seeds("maml", "mse"),
          c.seeds("maml", "mse"));
  c.above("not there", c.seeds("nobody", "mse"), c.seeds("maml", "mse"));
  c.above("not there either", c.seeds("nobody", "mse"), c.seeds("cml", "AUC, pwws, far@cnn"));
  REQUIRE(c.list.size() == 3);
  for (const Claim& claim : c.list) CHECK(claim.verdict == Verdict::not_testable);
  CHECK(c.list[0].by == "nothing: cml has no AUC, pwws, far, cnn");
  CHECK(c.list[1].by == "nothing: cml has no mean squared error");
  r.claims = c.list;
  CHECK(table(r, {}).find("nothing: cml has no AUC, pwws, far, cnn") != std::string::npos);
  CHECK(to_json(r).find("\"difference\": null") != std::string::npos);
}

TEST_CASE("what was asked after a table had been seen is said and counted apart") {
  Result r = result_of({0.5, 0.6, 0.7}, {0.4, 0.49, 0.61});
  Claim c = r.claims[0];
  CHECK(c.by == "3 seeds");
  c.text = "cml below all", c.late = true;
  r.claims.push_back(c);
  const std::string few = sentence(r);
  CHECK(few.find("; shown: cml below maml; shown, asked later: cml below all.") !=
        std::string::npos);
  CHECK(table(r, {}).find("shown   asked later: cml below all   -0.100 ± 0.025   3 seeds") !=
        std::string::npos);
  for (int i = 0; i < 6; ++i) r.claims.push_back({"x", Verdict::not_shown, 0, 1, "", false});
  CHECK(sentence(r).find("; of 7 claims 1 is shown, 6 are not shown; of 1 claim asked later 1 is "
                         "shown.") != std::string::npos);
  CHECK(to_json(r).find("\"late\": true") != std::string::npos);
}

TEST_CASE("seeds that share parts are judged by the parts, in tables and claims") {
  Result r = result_of({50, 60, 75, 52, 66, 70}, {49, 58, 71, 50.5, 63, 66.5});
  r.parts = {{0, 1}, {0, 2}, {0, 3}, {1, 2}, {1, 3}, {2, 3}};
  const Interval d = jackknife_interval({-1, -2, -4, -1.5, -3, -3.5}, r.parts);
  CHECK(over_seeds(r, r.methods[1].metrics[0].second, r.methods[0].metrics[0].second).ci95 ==
        doctest::Approx(d.ci95));
  CHECK(over_seeds(r, {1, 2, 4, 1.5, 3, 3.5}).ci95 == doctest::Approx(d.ci95));
  Claims c(r);
  c.below("cml below maml", c.of("cml", "mse"), c.of("maml", "mse"));
  CHECK(c.list[0].by == "6 seeds of 4 parts");
  CHECK(c.list[0].ci95 == doctest::Approx(d.ci95));
  CHECK(table_of(r).columns[0].cells[1].difference == with_interval(d.mean, d.ci95, true));
  CHECK(to_json(r).find("\"ci95\": " +
                        decimal(over_seeds(r, r.methods[1].metrics[0].second).ci95).substr(0, 6)) !=
        std::string::npos);
  CHECK(table_of(r).notes[0].find("interval over the 4 parts that the seeds' tests share. ") !=
        std::string::npos);
}

TEST_CASE("noise of the seeds alone is said to be so where there are items") {
  Result r = result_of({0.5, 0.6, 0.7}, {0.6, 0.5, 0.65});
  CHECK(sentence(r).find("within the noise of the seeds;") != std::string::npos);
  r.methods[1].items = {{"mse", {{{0.5, 0.7}}, {{0.4, 0.6}}, {{0.6, 0.7}}}}};
  CHECK(sentence(r).find("within the noise of the seeds alone;") != std::string::npos);
}

TEST_CASE("where there is no interval nothing is said of noise") {
  Result r = result_of({50, 60, 75}, {49, 58, 71});
  r.parts = {{0, 1}, {0, 2}, {0, 3}};  // one is in every seed: no jackknife
  REQUIRE(std::isnan(over_seeds(r, {1, 2, 4}).ci95));
  CHECK(sentence(r).find("cml's mean squared error is 59.33, 2.333 below maml's;") !=
        std::string::npos);
  CHECK(sentence(r).find("noise") == std::string::npos);
}

TEST_CASE("a result that contradicts itself") {
  Result r = result_of({1, 2}, {1, 2});
  CHECK_NOTHROW(check(r));
  r.methods[1].metrics[0].second.pop_back();
  CHECK(complaint<ConfigError>([&] { check(r); }, "'cml' has 1 values of 'mse' for 2 seeds") == "");
  r = result_of({1, 2}, {1, 2});
  r.methods[1].name = "maml";
  CHECK(complaint<ConfigError>([&] { check(r); }, "'maml' is there twice") == "");
  r = result_of({1, 2}, {1, 2});
  r.metric = "accuracy";
  CHECK(complaint<ConfigError>([&] { check(r); }, "no method has the metric 'accuracy'") == "");
  r.methods[1].metrics.push_back({"accuracy", {1, 2}});
  CHECK_NOTHROW(check(r));  // tables have holes
  CHECK(table(r, {}).find("Over 2 seeds cml's accuracy is") != std::string::npos);
  r.methods[0].metrics.clear();
  CHECK(complaint<ConfigError>([&] { check(r); }, "'maml' has no metric") == "");
  CHECK(complaint<ConfigError>([&] { values(r, "noise", "mse"); }, "no method 'noise'") == "");
}

TEST_CASE("result.json has every key of its layout") {
  const std::string json = to_json(result_of({0.5, 0.6}, {0.4, std::nan("")}));
  for (const char* key : {"regrad",  "experiment", "task",    "preset",    "seeds",    "threads",
                          "seconds", "peak_bytes", "metric",  "better",    "baseline", "methods",
                          "name",    "metrics",    "mean",    "ci95",      "values",   "parameters",
                          "claims",  "text",       "verdict", "difference"})
    CHECK_MESSAGE(json.find("\"" + std::string(key) + "\"") != std::string::npos, key);
  CHECK(json.find("nan") == std::string::npos);
  CHECK(json.find("null") != std::string::npos);
  CHECK(json.find("not testable here") != std::string::npos);
}

TEST_CASE("ticks are round and cover the range") {
  CHECK(ticks(0, 1, 6) == std::vector<double>{0, 0.2, 0.4, 0.6000000000000001, 0.8, 1});
  CHECK(ticks(-5, 5, 7) == std::vector<double>{-4, -2, 0, 2, 4});
  CHECK(ticks(0, 50000, 7).size() == 6);
  CHECK(ticks(1, 1, 5).empty());
  CHECK(ticks(0, INFINITY, 5).empty());
  for (double high : {1e-12, 3.7, 12345.0, 9e20}) {
    const auto t = ticks(0, high, 6);
    CHECK(t.size() >= 2);
    CHECK(t.size() <= 6);
  }
}

TEST_CASE("charts are well-formed whatever is in them") {
  CHECK(malformed("<a><b/></a>") == "");
  CHECK(malformed("<a><b></a>") != "");
  CHECK(malformed("<a>1 & 2</a>") != "");
  const double inf = INFINITY, nan = std::nan("");
  const std::vector<Chart> charts = {
      {"empty", "x", "y"},
      {"<&\">",
       "<x>",
       "'y'",
       {{"a<b", {0, 1, 2}, {1, 5, 2}},
        {"b & c", {0, 1, 2}, {2, 2, 2}, Series::dashed},
        {"p", {1}, {3}, Series::points}}},
      {"not finite", "x", "y", {{"s", {0, 1, 2, 3}, {nan, inf, -inf, nan}}}},
      {"gap", "x", "y", {{"s", {0, 1, 2, 3, 4}, {1, 2, nan, 2, 1}}}},
      {"one point", "x", "y", {{"s", {0}, {0}}}},
      {"log", "x", "y", {{"s", {0, 1, 2}, {1e-3, 1, 1e3}}}, true},
      {"log of 0", "x", "y", {{"s", {0, 1}, {0, 1}}}, true},
      {std::string("control \x01 \x1b"), "x", "y", {{"", {0, 1}, {0, 1}}}},
  };
  for (const Chart& c : charts) {
    const std::string svg = to_svg(c);
    CHECK_MESSAGE(malformed(svg) == "", c.title);
    CHECK_MESSAGE(svg.find("nan") == std::string::npos, c.title);
    CHECK_MESSAGE(svg.find("inf") == std::string::npos, c.title);
    CHECK_MESSAGE(svg.find('\x01') == std::string::npos, c.title);
  }
  CHECK(to_svg(charts[0]).find("no data") != std::string::npos);
  CHECK(to_svg(charts[2]).find("no data") != std::string::npos);
  CHECK(count(to_svg(charts[3]), "<polyline") == 2);  // the gap breaks the line
  CHECK(count(to_svg(charts[1]), "<circle") == 2);    // the point, and its mark in the legend
  CHECK(count(to_svg(charts[4]), "<circle") == 1);    // no line goes through one point
  for (const Chart& c : charts) CHECK_MESSAGE(malformed(to_html(c)) == "", c.title);
  CHECK(to_html(charts[1]).find("\"title\":\"\\u003c\\u0026\\\"\\u003e\"") != std::string::npos);
}

TEST_CASE("sixty series differ in colour or dash, ten in both; later lines are thinner") {
  Chart c{"many", "x", "y"};
  for (int i = 0; i < 60; ++i) c.series.push_back({"s", {0, 1}, {0, 1}});
  std::set<std::string> colours, dashes, both;
  for (size_t i = 0; i < 60; ++i) {
    const Look look = look_of(c, i);
    both.insert(look.colour + "/" + look.dashes);
    if (i < 10) colours.insert(look.colour), dashes.insert(look.dashes);
    if (i) CHECK(look.width < look_of(c, i - 1).width);
  }
  CHECK(both.size() == 60);
  CHECK(colours.size() == 10);
  CHECK(dashes.size() == 10);
  // where a chart means something by dashes, lines have none of their own
  c.series[1].style = Series::dashed;
  CHECK(look_of(c, 2).dashes == "");
  CHECK(look_of(c, 1).dashes != "");
}

TEST_CASE("ticks' texts differ") {
  CHECK(tick_texts({0, 0.2, 0.4}) == std::vector<std::string>{"0", "0.2", "0.4"});
  CHECK(tick_texts({0.99991, 0.99992, 0.99993}) ==
        std::vector<std::string>{"0.99991", "0.99992", "0.99993"});
  CHECK(tick_texts({123456, 123457}) == std::vector<std::string>{"123456", "123457"});
}

TEST_CASE("bands and bars are drawn, and do not flatten what they surround") {
  Chart c{"bands", "x", "y", {{"a", {0, 1}, {1, 2}}}};
  CHECK(to_svg(c).find("<polygon") == std::string::npos);
  c.series[0].low = {-1e6, 1}, c.series[0].high = {1e6, 3};
  const std::string svg = to_svg(c);
  CHECK(count(svg, "<polygon") == 1);
  CHECK(svg.find("e+") == std::string::npos);  // the axis does not reach a million
  c.series[0].style = Series::points;
  c.x_names = {"first <", "second"};
  const std::string bars = to_svg(c);
  CHECK(count(bars, "stroke-width=\"1.3\"") == 2);
  CHECK(bars.find("first &lt;") != std::string::npos);
  CHECK(malformed(bars) == "");
}

TEST_CASE("learning curves are means over the seeds, a chart for each number and variant") {
  std::vector<Row> rows;
  for (const char* variant : {"K=5", "K=10"})
    for (uint64_t seed : {0u, 1u})
      rows.push_back(
          {{"maml", variant, seed},
           4,
           {{2, {{"loss", 1.0 + static_cast<double>(seed)}}}, {4, {{"loss", 3}, {"cosine", 0.5}}}},
           true,
           {}});
  const std::vector<Chart> charts = learning_curves(rows);
  REQUIRE(charts.size() == 4);
  CHECK(charts[0].title == "loss, K=5");
  CHECK(charts[1].title == "loss, K=10");
  CHECK(charts[2].title == "cosine, K=5");
  REQUIRE(charts[0].series.size() == 1);
  CHECK(charts[0].series[0].x == std::vector<double>{2, 4});
  CHECK(charts[0].series[0].y == std::vector<double>{1.5, 3});
  CHECK(charts[0].x_label == "step");
  CHECK(charts[0].series[0].high[0] == doctest::Approx(1.5 + mean_interval({1, 2}).ci95));
  CHECK(charts[0].series[0].low[0] == doctest::Approx(1.5 - mean_interval({1, 2}).ci95));
  const std::vector<Chart> by_epoch =
      learning_curves(rows, [](const Job& j) { return j.variant == "K=5" ? 2 : 4; });
  CHECK(by_epoch[0].x_label == "epoch");
  CHECK(by_epoch[0].series[0].x == std::vector<double>{1, 2});
  CHECK(by_epoch[1].series[0].x == std::vector<double>{0.5, 1});
  CHECK(learning_curves(rows, [](const Job& j) { return j.seed; })[0].x_label == "step");
}

TEST_CASE("charts over places are one of all methods and seeds") {
  std::vector<Row> rows;
  for (const char* method : {"none", "rfn"})
    for (uint64_t seed : {0u, 1u}) {
      Chart c{"Accuracy by device", "device", "%"};
      c.x_names = {"a", "b"};
      const double more = method[0] == 'r' ? 10 : 0;
      c.series = {{method, {0, 1}, {50 + more + static_cast<double>(seed), 60}, Series::points}};
      Row row{{method, "sd4", seed}, 4, {}, true, {}};
      row.outcome.figures = {c, {"another", "x", "y", {{"s", {0, 1}, {0, 1}}}}};
      rows.push_back(row);
    }
  const std::vector<Chart> charts = by_place(rows);
  REQUIRE(charts.size() == 1);
  CHECK(charts[0].title == "Accuracy by device, sd4");
  REQUIRE(charts[0].series.size() == 2);
  CHECK(charts[0].series[0].name == "none");
  CHECK(charts[0].series[0].y == std::vector<double>{50.5, 60});
  CHECK(charts[0].series[1].y == std::vector<double>{60.5, 60});
  CHECK(charts[0].series[1].high[0] == doctest::Approx(60.5 + mean_interval({60, 61}).ci95));
  CHECK(beside(charts[0], 0) < beside(charts[0], 1));  // points of one device stand side by side
}

TEST_CASE("the headline against a size: a line per method that has both, smallest first") {
  Result r = result_of({0.5, 0.6, 0.7}, {0.4, 0.49, 0.61});
  r.methods = {{"big", {{"accuracy@a", {90, 92, 94}}, {"bytes@a", {1000, 1000, 1000}}}, 1},
               {"small",
                {{"accuracy@b", {80, 80, 80}},
                 {"bytes@b", {100, 100, 100}},
                 {"accuracy@a", {70, 70, 70}},
                 {"bytes@a", {10, 10, 10}}},
                1},
               {"none", {{"accuracy@a", {1, 1, 1}}}, 1}};
  const Chart c = by_size(r, "accuracy", "bytes", {"b", "a"});
  REQUIRE(c.series.size() == 2);
  CHECK(c.series[0].name == "big");
  CHECK(c.series[0].x == std::vector<double>{3});
  CHECK(c.series[0].y == std::vector<double>{92});
  CHECK(c.series[0].style == Series::points);
  CHECK(c.series[1].x == std::vector<double>{1, 2});
  CHECK(c.series[1].y == std::vector<double>{70, 80});
  CHECK(c.series[1].style == Series::line);
}

TEST_CASE("the report is one well-formed page that holds it all") {
  ToyExperiment toy;
  Result r = result_of({0.5, 0.6, 0.7}, {0.4, 0.49, 0.61});
  r.claims.push_back({"a < b & c", Verdict::not_shown, 0.1, 0.2});
  std::vector<Row> rows;
  for (uint64_t seed : {0u, 1u, 2u}) {
    Outcome o;
    o.figures = {{"fit " + std::to_string(seed), "x", "y", {{"truth", {0, 1}, {0, 1}}}}};
    o.galleries = {
        {"task of " + std::to_string(seed), {{1, 1, 1, "a", "class 0 < 1", Picture::right}}}};
    o.listings = {{"texts of " + std::to_string(seed), {"text"}, {{"a [[b]]"}}}};
    rows.push_back({{"maml", "", seed}, 2, {{2, {{"loss", 1}}}}, true, o});
  }
  const Card card = toy.card();
  const std::string page = to_html({card,
                                    r,
                                    rows,
                                    "{\"lr\": 0.1}",
                                    "regrad-toy --set 'a<b'",
                                    {{"accuracy by bytes", "x", "y", {{"p", {0, 1}, {0, 1}}}}}});
  CHECK(malformed(page) == "");
  for (const std::string& part :
       {std::string("<!DOCTYPE html>"), escaped(sentence(r)), std::string("a &lt; b &amp; c"),
        std::string("12,345"), std::string("fit 0"), std::string("loss"),
        std::string("&quot;lr&quot;: 0.1"), std::string("regrad-toy --set &#39;a&lt;b&#39;"),
        std::string("A parabola."), std::string("accuracy by bytes"), std::string("task of 0"),
        std::string("texts of 0"), std::string("<mark>b</mark>"), std::string("class 0 &lt; 1")})
    CHECK_MESSAGE(page.find(part) != std::string::npos, part);
  CHECK(page.find("fit 1") == std::string::npos);  // figures of the first seed only
  CHECK(page.find("task of 1") == std::string::npos);
  CHECK(page.find("texts of 1") == std::string::npos);
  CHECK(page.find(">Verdicts<") < page.find(">Methods by metrics<"));
  CHECK(page.find(">Methods by metrics<") < page.find(">Learning curves"));
  CHECK(page.find(">Learning curves") < page.find(">Pictures"));
  CHECK(page.find("<b>0.50 ± 0.26</b><small>-0.100 ± 0.025 <span") != std::string::npos);
  CHECK(page.find("judged by 3 seeds") != std::string::npos);
  CHECK(page.find("prefers-color-scheme: dark") != std::string::npos);
  for (const char* loads : {"src=\"http", "<link", "@import", "url("})  // nothing
    CHECK_MESSAGE(page.find(loads) == std::string::npos, loads);
}

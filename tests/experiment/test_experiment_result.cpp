// Statistics, verdicts, tables, sentences, charts and reports.
#include <doctest/doctest.h>
#include <regrad/algorithms/experiment/claims.h>
#include <regrad/algorithms/experiment/report.h>
#include <regrad/engine/error.h>
#include <regrad/engine/internal/decimal.h>

#include <cmath>

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
      if (word == "style") at = xml.find("</style>", at);
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

TEST_CASE("the sentence states what the table shows, whichever way it went") {
  CHECK(sentence(result_of({0.5, 0.6, 0.7}, {0.4, 0.49, 0.61})) ==
        "Over 3 seeds cml has the lowest mse (0.50 ± 0.26), 0.100 ± 0.025 below the baseline maml; "
        "shown: cml below maml.");
  CHECK(sentence(result_of({0.5, 0.6, 0.7}, {0.6, 0.5, 0.65})) ==
        "Over 3 seeds cml has the lowest mse (0.58 ± 0.19), 0.02 ± 0.26 below the baseline maml, "
        "which is within the noise of the seeds; not shown: "
        "cml below maml.");
  CHECK(sentence(result_of({0.5, 0.6, 0.7}, {0.61, 0.7, 0.8}))
            .find("no method beats this baseline; refuted: cml below maml.") != std::string::npos);
  CHECK(sentence(result_of({0.5, 0.6}, {0.7, 0.8}))
            .find("maml has the lowest mse (0.55 ± 0.64), and no method beats this baseline") !=
        std::string::npos);
  CHECK(sentence(result_of({0.5}, {0.4})) ==
        "With one seed cml has the lowest mse (0.4), 0.1 below the baseline maml; not testable "
        "here: cml below maml.");
}

TEST_CASE("the table") {
  const std::string text = table(result_of({0.5, 0.6, 0.7}, {0.4, 0.49, 0.61}), true);
  CHECK(text.find("cml, sinusoid, preset tiny, 3 seeds: mse (lower is better)") == 0);
  CHECK(text.find("maml     0.60 ± 0.25   baseline                1,761") != std::string::npos);
  CHECK(text.find("cml      0.50 ± 0.26   -0.100 ± 0.025 *       12,345") != std::string::npos);
  CHECK(text.find("shown   cml below maml   -0.100 ± 0.025   3 seeds\n") != std::string::npos);
  CHECK(table(result_of({0.5, 0.6, 0.7}, {0.4, 0.49, 0.61}), false).find("0.60 +- 0.25") !=
        std::string::npos);
  CHECK(table(result_of({0.5, 0.6, 0.7}, {0.4, 0.49, 0.61}), false).find("±") == std::string::npos);
}

TEST_CASE("a difference that all seeds share has no star and is not judged") {
  // Rounding leaves 5e-17 of a spread.
  const Result r = result_of({0.5, 0.6, 0.7}, {0.4, 0.5, 0.6});
  const TableRow row = table_rows(r, "mse")[1];
  CHECK(row.difference == "-0.1, without spread");
  CHECK_FALSE(row.apart);
  CHECK(r.claims[0].verdict == Verdict::not_testable);
  CHECK(table(r, true).find("* the 95%") == std::string::npos);
  CHECK(table_rows(result_of({0.5, 0.6, 0.7}, {0.4, 0.5, 0.61}), "mse")[1].apart);
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
  CHECK(table(r, true).find("shown   asked later: cml below all   -0.100 ± 0.025   3 seeds") !=
        std::string::npos);
  for (int i = 0; i < 6; ++i) r.claims.push_back({"x", Verdict::not_shown, 0, 1, "", false});
  CHECK(sentence(r).find("; of the 7 claims 1 shown, 6 not shown; of the 1 claims asked later 1 "
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
  CHECK(table_rows(r, "mse")[1].difference == with_interval(d.mean, d.ci95, true));
  CHECK(to_json(r).find("\"ci95\": " +
                        decimal(over_seeds(r, r.methods[1].metrics[0].second).ci95).substr(0, 6)) !=
        std::string::npos);
  CHECK(table(r, true).find("mean ± 95% interval over the 4 parts that the seeds' tests share, "
                            "differences paired by seed\n") != std::string::npos);
  CHECK(table(result_of({1, 2}, {1, 2}), true).find("95% interval over the seeds, differences") !=
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
  CHECK(sentence(r).find("cml has the lowest mse (59.33), 2.333 below the baseline maml;") !=
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
  CHECK(table(r, true).find("Over 2 seeds cml has the") != std::string::npos);
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
  CHECK(page.find("<script") == std::string::npos);
  CHECK(page.find("http") == page.find("http://www.w3.org/2000/svg"));  // it loads nothing
}

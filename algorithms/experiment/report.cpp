#include <fmt/format.h>
#include <regrad/algorithms/experiment/report.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace regrad::experiment {
namespace {

constexpr const char* kStyle = R"(
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 62rem;
  margin: 2.5rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.15rem; margin: 2.25rem 0 .6rem; } h3 { font-size: 1rem; margin: .8rem 0 .4rem; }
.about { color: #555; margin: 0 0 1.25rem; }
.reading { font-size: 1.1rem; border-left: 4px solid #0072b2; padding: .4rem 0 .4rem 1rem; }
table { border-collapse: collapse; margin: .75rem 0 1.5rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding-bottom: .35rem; }
th, td { padding: .3rem 1.1rem .3rem 0; text-align: left; border-bottom: 1px solid #e4e4e4; }
th { color: #555; font-weight: 500; } td { white-space: nowrap; } td.number { text-align: right; }
.star { color: #d55e00; font-weight: 700; }
.verdict { display: inline-block; min-width: 9.5rem; font-weight: 600; } .shown { color: #00734f; }
.not-shown { color: #b04a00; } .not-testable { color: #666; }
.tables { display: grid; grid-template-columns: repeat(auto-fit, minmax(29rem, 1fr)); gap: 0 2rem; }
.tables table { align-self: start; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(22rem, 1fr)); gap: 1rem; }
.thirds { grid-template-columns: repeat(auto-fit, minmax(18rem, 1fr)); }
figure { margin: 0; border: 1px solid #e4e4e4; border-radius: 6px; overflow: hidden; }
svg { display: block; width: 100%; height: auto; }
pre { background: #f6f6f6; border-radius: 6px; padding: .8rem 1rem; overflow-x: auto;
  font-size: .85rem; }
.gallery { display: flex; flex-wrap: wrap; gap: .75rem; margin-bottom: 1rem; }
.gallery figure { width: 7.5rem; border-width: 2px; } .gallery .right { border-color: #009e73; }
.gallery .wrong { border-color: #d55e00; }
.listing td { white-space: normal; vertical-align: top; } mark { background: #ffe08a; }
img { display: block; width: 100%; image-rendering: pixelated; }
figcaption { padding: .2rem .4rem; font-size: .8rem; color: #444; }
details summary { cursor: pointer; } footer { color: #777; font-size: .85rem; margin-top: 2.5rem; }
)";

std::string tables(const Result& result) {
  std::string out = "<div class=\"tables\">\n";
  bool starred = false;
  for (const std::string& metric : metric_names(result)) {
    out += fmt::format(
        "<table><caption>{}{}</caption>\n<tr><th>method</th><th>mean ± 95%</th><th>against {}, "
        "paired</th><th>parameters</th></tr>\n",
        escaped(metric),
        has_direction(result, metric)
            ? (result.better == Better::lower ? " (lower is better)" : " (higher is better)")
            : "",
        escaped(result.baseline));
    for (const TableRow& row : table_rows(result, metric)) {
      starred = starred || row.apart;
      out +=
          fmt::format("<tr><td>{}</td><td>{}</td><td>{}{}</td><td class=\"number\">{}</td></tr>\n",
                      escaped(row.method), escaped(row.value), escaped(row.difference),
                      row.apart ? " <span class=\"star\">*</span>" : "", grouped(row.parameters));
    }
    out += "</table>\n";
  }
  out += "</div>\n";
  return out + (starred ? "<p><span class=\"star\">*</span> the 95% interval of the paired "
                          "difference leaves out 0.</p>\n"
                        : "");
}

std::string claims(const Result& result) {
  if (result.claims.empty()) return "";
  std::string out = "<h2>Claims</h2>\n<table>\n";
  for (const Claim& c : result.claims) {
    const char* kinds[] = {"shown", "refuted", "not-shown", "not-testable"};  // Verdict's
    out += fmt::format(
        "<tr><td><span class=\"verdict {}\">{}</span></td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
        kinds[static_cast<int>(c.verdict)], name(c.verdict), escaped(text_of(c)),
        escaped(difference(c)), c.by);
  }
  return out +
         "</table>\n<p>Shown: the whole 95% interval of the paired difference lies where the claim "
         "has it; refuted: the whole interval lies on the other side. The interval carries the "
         "spread of what stands in the last column.</p>\n";
}

// in_thirds: three to a row, where the page is wide enough.
std::string figures(const std::string& title, const std::vector<Chart>& charts, bool in_thirds) {
  if (charts.empty()) return "";
  std::string out = fmt::format("<h2>{}</h2>\n<div class=\"figures{}\">\n", escaped(title),
                                in_thirds ? " thirds" : "");
  for (const Chart& c : charts) out += "<figure>" + to_svg(c) + "</figure>\n";
  return out + "</div>\n";
}

std::string galleries(const std::string& title, const std::vector<Gallery>& list) {
  if (list.empty()) return "";
  std::string out = "<h2>" + escaped(title) + "</h2>\n";
  for (const Gallery& g : list)
    out += "<h3>" + escaped(g.title) + "</h3>\n<div class=\"gallery\">\n" + to_html(g) + "</div>\n";
  return out;
}

// Where `word` stands in the list; at its end where it is new.
size_t place_of(const std::string& word, std::vector<std::string>& list) {
  const auto found = std::find(list.begin(), list.end(), word);
  if (found != list.end()) return static_cast<size_t>(found - list.begin());
  list.push_back(word);
  return list.size() - 1;
}

}  // namespace

std::vector<Chart> learning_curves(const std::vector<Row>& rows) {
  // number and variant, in the order they come -> method -> step -> sum and count
  std::map<std::pair<size_t, size_t>,
           std::map<std::string, std::map<int64_t, std::pair<double, int>>>>
      all;
  std::vector<std::string> methods, variants, numbers;
  for (const Row& f : rows) {
    place_of(f.job.method, methods);
    for (const Line& line : f.lines) {
      for (const auto& [name, value] : line.moment) {
        auto& [sum, count] = all[{place_of(name, numbers), place_of(f.job.variant, variants)}]
                                [f.job.method][line.step];
        sum += value;
        ++count;
      }
    }
  }
  std::vector<Chart> out;
  for (const auto& [key, by_method] : all) {
    const std::string &number = numbers[key.first], &variant = variants[key.second];
    Chart c{number + (variant.empty() ? "" : ", " + variant), "step", number};
    for (size_t m = 0; m < methods.size(); ++m) {
      const auto found = by_method.find(methods[m]);
      if (found == by_method.end()) continue;
      Series s{methods[m], {}, {}, Series::line, static_cast<int>(m)};
      for (const auto& [step, value] : found->second) {
        s.x.push_back(static_cast<double>(step));
        s.y.push_back(value.first / value.second);
      }
      c.series.push_back(std::move(s));
    }
    out.push_back(std::move(c));
  }
  return out;
}

Chart by_size(const Result& result, const std::string& metric, const std::string& size,
              const std::vector<std::string>& variants) {
  const auto mean_of_seeds = [](const MethodResult& m, const std::string& name) {
    for (const auto& [metric_name, values] : m.metrics)
      if (metric_name == name) return mean(values);
    return std::nan("");
  };
  Chart c{metric + " by " + size, size + ", power of ten", metric};
  for (const MethodResult& m : result.methods) {
    std::vector<std::pair<double, double>> points;
    for (const std::string& v : variants) {
      const double x = std::log10(mean_of_seeds(m, on(size, v))),
                   y = mean_of_seeds(m, on(metric, v));
      if (std::isfinite(x) && std::isfinite(y)) points.emplace_back(x, y);
    }
    if (points.empty()) continue;
    std::sort(points.begin(), points.end());
    Series line{m.name, {}, {}, points.size() > 1 ? Series::line : Series::points};
    for (const auto& [x, y] : points) line.x.push_back(x), line.y.push_back(y);
    c.series.push_back(std::move(line));
  }
  return c;
}

std::string to_html(const Report& r) {
  std::vector<Chart> shown;
  std::vector<Gallery> pictures;
  std::string listings;
  std::set<std::string> variants;
  for (const Row& f : r.rows) {
    variants.insert(f.job.variant);
    if (f.job.seed != r.result.seeds[0]) continue;
    shown.insert(shown.end(), f.outcome.figures.begin(), f.outcome.figures.end());
    pictures.insert(pictures.end(), f.outcome.galleries.begin(), f.outcome.galleries.end());
    for (const Listing& l : f.outcome.listings) listings += to_html(l);
  }
  const std::string title = r.card.name + ": " + r.result.task + ", " + r.result.preset;
  std::string out = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n<meta "
      "name=\"viewport\" content=\"width=device-width, "
      "initial-scale=1\"/>\n"
      "<title>{0}</title>\n<style>{1}</style>\n</head>\n<body>\n<h1>{0}</h1>\n<p "
      "class=\"about\">{2}</p>\n<p class=\"reading\">{3}</p>\n",
      escaped(title), kStyle, escaped(r.card.about), escaped(sentence(r.result)));
  out += tables(r.result) + claims(r.result);
  out += figures("The table as pictures", r.figures, false);
  const std::string seed = ", seed " + std::to_string(r.result.seeds[0]);
  out += figures("Examples" + seed, shown, false) + galleries("Pictures" + seed, pictures);
  if (!listings.empty()) out += "<h2>Texts" + escaped(seed) + "</h2>\n" + listings;
  out += figures("Learning curves, mean over the seeds", learning_curves(r.rows),
                 variants.size() % 3 == 0);
  return out +
         fmt::format(
             "<h2>Run it "
             "again</h2>\n<pre>{}</pre>\n<details><summary>Configuration</summary><pre>{}"
             "</pre></details>\n<footer>regrad {}; seeds {}; {} on {} thread{}.</footer>\n</body>\n"
             "</html>\n",
             escaped(r.command), escaped(r.config), escaped(r.result.regrad),
             fmt::join(r.result.seeds, ", "), duration(r.result.seconds), r.result.threads,
             r.result.threads == 1 ? "" : "s");
}

}  // namespace regrad::experiment

#include <fmt/format.h>
#include <regrad/algorithms/experiment/figure.h>

#include <cmath>
#include <fstream>
#include <sstream>

#ifndef REGRAD_CHART_JS
#define REGRAD_CHART_JS "/usr/share/javascript/chart.js/chart.min.js"
#endif

namespace regrad::experiment {
namespace {

// A JSON string that may stand inside <script>.
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += std::string("\\") + c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == '<' || c == '>' || c == '&') {
      out += fmt::format("\\u{:04x}", static_cast<int>(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string numbers(const std::vector<double>& values) {
  std::string out = "[";
  for (const double v : values)
    out += (out.size() > 1 ? "," : "") +
           (std::isfinite(v) ? fmt::format("{:.6g}", v) : std::string("null"));
  return out + "]";
}

std::string data_of(const Chart& c) {
  std::string names, series;
  for (const std::string& n : c.x_names) names += (names.empty() ? "" : ",") + quoted(n);
  for (size_t i = 0; i < c.series.size(); ++i) {
    const Series& s = c.series[i];
    const Look look = look_of(c, i);
    std::string dashes = look.dashes;
    for (char& d : dashes) d = d == ' ' ? ',' : d;
    series += fmt::format(
        "{}{{\"name\":{},\"x\":{},\"y\":{},\"low\":{},\"high\":{},\"points\":{},\"colour\":{},"
        "\"dashes\":[{}],\"width\":{:.1f},\"moved\":{:.3f}}}",
        i ? "," : "", quoted(s.name), numbers(s.x), numbers(s.y), numbers(s.low), numbers(s.high),
        s.style == Series::points, quoted(look.colour), dashes, look.width,
        s.style == Series::points ? beside(c, i) : 0.0);
  }
  return fmt::format(
      "{{\"title\":{},\"xLabel\":{},\"yLabel\":{},\"log\":{},\"names\":[{}],\"series\":[{}]}}",
      quoted(c.title), quoted(c.x_label), quoted(c.y_label), c.log_y, names, series);
}

// Draws each figure, a folded one when it is opened; again when the page turns dark or light.
constexpr const char* kDraw = R"(
(() => {
  if (!window.Chart) return;
  const charts = new Map();
  const ink = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const clamp = (v, scale) => Math.min(Math.max(v, scale.min), scale.max);
  // Bands of lines and bars of points.
  const intervals = {
    id: 'intervals',
    beforeDatasetsDraw(chart) {
      const {ctx, scales: {x, y}, data} = chart;
      data.datasets.forEach((set, i) => {
        const s = set.series;
        if (!chart.isDatasetVisible(i) || !s.low.length) return;
        const at = s.x.map((v, k) => [x.getPixelForValue(v + s.moved),
          y.getPixelForValue(clamp(s.low[k], y)), y.getPixelForValue(clamp(s.high[k], y)),
          s.low[k] !== null && s.high[k] !== null]).filter(p => p[3]);
        ctx.save();
        if (s.points) {
          ctx.strokeStyle = s.colour, ctx.lineWidth = 1.3;
          for (const [px, low, high] of at) {
            ctx.beginPath(), ctx.moveTo(px, low), ctx.lineTo(px, high), ctx.stroke();
          }
        } else if (at.length) {
          ctx.fillStyle = s.colour, ctx.globalAlpha = 0.1;
          ctx.beginPath();
          at.forEach(p => ctx.lineTo(p[0], p[2]));
          at.slice().reverse().forEach(p => ctx.lineTo(p[0], p[1]));
          ctx.closePath(), ctx.fill();
        }
        ctx.restore();
      });
    }
  };
  // The axis reaches to the ends of intervals, but at most 0.4 of the values' spread further out.
  const reach = c => {
    const y = c.series.flatMap(s => s.y.filter(v => v !== null));
    const low = Math.min(...y), high = Math.max(...y);
    const most = Math.max(0.4 * (high - low), 0.05 * Math.abs(high));
    const ends = c.series.flatMap(s => [...s.low, ...s.high].filter(v => v !== null))
                     .map(v => Math.min(Math.max(v, low - most), high + most));
    const from = Math.min(low, ...ends), to = Math.max(high, ...ends);
    const more = from < to ? 0.04 * (to - from) : 0.1 * (Math.abs(from) || 1);
    return [from - more, to + more];
  };
  const text = v => String(Number(v.toPrecision(4)));
  const draw = figure => {
    const c = JSON.parse(figure.querySelector('script').textContent);
    const values = c.series.some(s => s.y.some(v => v !== null));
    if (!values) return;
    let box = figure.querySelector('.canvas');
    if (!box) {
      box = document.createElement('div');
      box.className = 'canvas';
      box.appendChild(document.createElement('canvas'));
      figure.prepend(box);
      figure.classList.add('live');
    }
    charts.get(figure)?.destroy();
    const grid = {color: ink('--line')}, ticks = {color: ink('--ink'), maxTicksLimit: 8};
    const label = words => ({display: words !== '', text: words, color: ink('--soft')});
    const [from, to] = reach(c), named = c.names.length > 0, log = c.log && from > 0;
    charts.set(figure, new Chart(box.firstChild, {
      type: 'scatter',
      plugins: [intervals],
      data: {datasets: c.series.map((s, k) => ({
        label: s.name, series: s, order: -k,  // thinner lines over wider ones
        data: s.x.map((x, i) => ({x: x + s.moved, y: s.y[i], at: i})),
        showLine: !s.points, borderColor: s.colour, backgroundColor: s.colour,
        borderDash: s.dashes, borderWidth: s.width * 0.8,
        pointRadius: s.points ? 3.5 : s.x.length === 1 ? 4 : 0, pointHitRadius: 8,
        pointHoverRadius: 5
      }))},
      options: {
        animation: false, maintainAspectRatio: false,
        interaction: {mode: named ? 'nearest' : 'x', intersect: named},
        scales: {
          x: {type: 'linear', grid: {...grid, display: !named}, title: label(c.xLabel),
            ...(named ? {min: -0.5, max: c.names.length - 0.5, afterBuildTicks: axis => {
              axis.ticks = c.names.map((_, i) => ({value: i}));
            }} : {}),
            ticks: named ? {color: ink('--ink'), maxRotation: 60, autoSkip: true,
              callback: v => c.names[v]} : ticks},
          y: {type: log ? 'logarithmic' : 'linear', grid, ticks,
            title: label(c.yLabel.length > 22 ? '' : c.yLabel),
            ...(log ? {} : {min: from, max: to, ticks: {...ticks,
              callback: (v, i, all) => {  // an end that is no round number has no text
                const by = all.length > 3 ? all[2].value - all[1].value : 0;
                const end = i ? v - all[i - 1].value : all.length > 1 ? all[1].value - v : 0;
                return Math.abs(end - by) > 1e-6 * by && (!i || i === all.length - 1) ? null :
                  text(v);
              }}})}
        },
        plugins: {
          title: {display: true, text: c.title, color: ink('--ink'), align: 'start'},
          legend: {align: 'start', labels: {color: ink('--ink'), usePointStyle: true,
            boxHeight: 7,
            pointStyleWidth: c.series.every(s => s.points) ? 8 :
              c.series.some(s => s.points) ? 12 : 26, filter: item => item.text !== '',
            generateLabels: chart => Chart.defaults.plugins.legend.labels.generateLabels(chart)
              .sort((a, b) => a.datasetIndex - b.datasetIndex).map(item => {
                const s = chart.data.datasets[item.datasetIndex].series;
                return {...item, pointStyle: s.points ? 'circle' : 'line', lineDash: s.dashes,
                  lineWidth: s.points ? 0 : s.width};
              })}},
          tooltip: {itemSort: (a, b) => a.datasetIndex - b.datasetIndex, callbacks: {
            title: items => items.length ? named ? c.names[Math.round(items[0].raw.x)] :
              c.xLabel + ' ' + text(items[0].raw.x) : '',
            label: item => {
              const s = item.dataset.series, i = item.raw.at;
              const half = s.low.length && s.low[i] !== null ?
                ' \u00b1 ' + Number(((s.high[i] - s.low[i]) / 2).toPrecision(2)) : '';
              return (s.name ? s.name + ': ' : '') + text(item.raw.y) + half;
            }}}
        }
      }
    }));
  };
  document.querySelectorAll('figure.chart').forEach(f => {
    const fold = f.closest('details');
    if (!fold) return draw(f);
    fold.addEventListener('toggle', () => fold.open && !charts.has(f) && draw(f));
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change',
    () => [...charts.keys()].forEach(draw));
})();
)";

}  // namespace

std::string to_html(const Chart& chart) {
  return "<figure class=\"chart\">" + to_svg(chart) + "<script type=\"application/json\">" +
         data_of(chart) + "</script></figure>\n";
}

std::string figure_scripts() {
  std::ifstream in(REGRAD_CHART_JS, std::ios::binary);
  std::ostringstream library;
  library << in.rdbuf();
  const std::string text = library.str();
  if (!in || text.empty() || text.find("</script") != std::string::npos) return "";
  return "<script>" + text + "</script>\n<script>" + kDraw + "</script>\n";
}

}  // namespace regrad::experiment

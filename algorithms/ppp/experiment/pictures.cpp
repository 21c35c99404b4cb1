#include <regrad/algorithms/ppp/experiment/pictures.h>
#include <regrad/engine/error.h>

#include <algorithm>
#include <cmath>

namespace regrad::ppp {
namespace {

using namespace experiment;

// Values in [0, 1], row by row, a square of pixels each; 1 is dark.
Picture squares(const std::vector<std::vector<double>>& rows, const std::string& caption) {
  const int wide = static_cast<int>(rows[0].size()), high = static_cast<int>(rows.size()),
            zoom = std::clamp(512 / std::max(wide, 1), 4, 12);
  Picture p{wide * zoom, high * zoom, 1, "", caption};
  for (const std::vector<double>& row : rows)
    for (int line = 0; line < zoom; ++line)
      for (const double v : row)
        p.pixels.append(static_cast<size_t>(zoom),
                        static_cast<char>(static_cast<unsigned char>(
                            std::lround(240 - 210 * std::clamp(v, 0.0, 1.0)))));
  return p;
}

}  // namespace

Gallery channels_kept(const std::string& row, const std::vector<const Personal*>& nets,
                      const std::vector<std::string>& names) {
  std::string who;
  for (size_t u = 0; u < names.size(); ++u) who += (u ? ", " : "") + names[u];
  Gallery g{"Channels that each person keeps, " + row + " (a row a person: " + who +
            "; a column a channel)"};
  for (size_t l = 0; l < nets[0]->masks.size(); ++l) {
    std::vector<std::vector<double>> kept, pi;
    double count = 0;
    for (const Personal* p : nets) {
      kept.push_back(p->masks[l].to_vector()), pi.push_back(p->prototype[l].to_vector());
      for (const double v : kept.back()) count += v;
    }
    const std::string block = "block " + std::to_string(l + 1),
                      share = std::to_string(std::lround(
                          100 * count / static_cast<double>(kept.size() * kept[0].size())));
    g.pictures.push_back(squares(kept, block + ", kept (" + share + "%)"));
    g.pictures.push_back(squares(pi, block + ", prototypes"));
  }
  return g;
}

Gallery overlaps(const std::string& row, const std::vector<const Personal*>& nets) {
  Gallery g{"Overlap between persons, " + row};
  std::vector<std::vector<double>> all;
  double least = 1;
  for (const Personal* a : nets) {
    all.emplace_back();
    for (const Personal* b : nets) all.back().push_back(overlap(a->masks, b->masks));
    for (const double v : all.back()) least = std::min(least, v);
  }
  g.pictures.push_back(squares(all, "persons by persons, in the same order; the least overlap is " +
                                        std::to_string(std::lround(100 * least)) + "%"));
  return g;
}

Chart by_person(const std::string& row, const std::vector<PersonSeries>& series,
                const std::vector<std::string>& names) {
  Chart c{"Accuracy by person, the net of " + row, "person", "%"};
  for (size_t u = 0; u < series[0].accuracy.size(); ++u)
    c.x_names.push_back(names.size() > 10 ? std::to_string(u + 1) : names[u]);
  for (const PersonSeries& s : series) {
    Series one{s.row, {}, s.accuracy, Series::points};
    for (size_t u = 0; u < s.accuracy.size(); ++u) one.x.push_back(static_cast<double>(u));
    c.series.push_back(std::move(one));
  }
  return c;
}

Chart by_size(const std::string& row, const std::vector<PersonSeries>& series) {
  Chart c{"Accuracy against size, the net of " + row + ", a point a person", "kB of f32 parameters",
          "%"};
  for (const PersonSeries& s : series)
    c.series.push_back({s.row, s.kilobytes, s.accuracy, Series::points});
  return c;
}

}  // namespace regrad::ppp

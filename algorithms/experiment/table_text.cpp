// The table as text: blocks of columns that fit the screen.
#include <fmt/format.h>
#include <regrad/algorithms/experiment/table.h>

#include <algorithm>

namespace regrad::experiment {
namespace {

constexpr size_t kBetween = 3;  // spaces between columns

// A column as it is printed.
struct Printed {
  std::vector<std::string> head = {};
  std::vector<std::string> value = {}, difference = {};  // a method each
  std::vector<bool> best = {};
  size_t value_width = 0, width = 0;
  bool right = false;
};

size_t widest(const std::vector<std::string>& texts) {
  size_t out = 0;
  for (const std::string& t : texts) out = std::max(out, width_of(t));
  return out;
}

Printed printed(const Column& c, bool in_full, size_t most) {
  Printed out;
  for (const Cell& cell : c.cells) {
    out.value.push_back(cell.value);
    std::string d = in_full ? cell.difference : cell.brief;
    if (cell.apart) d += " *";
    out.difference.push_back(d);
    out.best.push_back(cell.best);
  }
  out.value_width = widest(out.value);
  const size_t difference = widest(out.difference);
  out.width = out.value_width + (difference ? 2 + difference : 0);
  out.head = wrapped(c.metric.title, std::min(most, std::max<size_t>(out.width, 14)));
  out.width = std::max(out.width, widest(out.head));
  out.right = base_of(c.metric.name) == "parameters";
  return out;
}

std::string ended(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

// These columns, with the methods' names before them.
std::string block(const std::vector<std::string>& methods, const std::vector<Printed>& columns,
                  size_t names, bool bold) {
  size_t lines = 1;
  for (const Printed& c : columns) lines = std::max(lines, c.head.size());
  std::string out;
  const std::string between(kBetween, ' ');
  for (size_t l = 0; l < lines; ++l) {
    std::string line = padded(l + 1 == lines ? "method" : "", names);
    for (const Printed& c : columns) {  // heads end in one line
      const size_t from = lines - c.head.size();
      line += between + padded(l < from ? "" : c.head[l - from], c.width, c.right);
    }
    out += ended(line);
  }
  for (size_t m = 0; m < methods.size(); ++m) {
    std::string line = padded(methods[m], names);
    for (const Printed& c : columns) {
      std::string cell = padded(c.value[m], c.right ? c.width : c.value_width, c.right);
      const size_t own = width_of(cell);
      if (bold && c.best[m])
        cell = "\x1b[1m" + c.value[m] + "\x1b[0m" + cell.substr(c.value[m].size());
      cell += c.difference[m].empty() ? "" : "  " + c.difference[m];
      const size_t all = own + (c.difference[m].empty() ? 0 : 2 + width_of(c.difference[m]));
      line += between + cell + std::string(c.width > all ? c.width - all : 0, ' ');
    }
    out += ended(line);
  }
  return out + "\n";
}

std::string blocks(const Result& result, const Table& t, const Screen& screen) {
  const size_t names = std::max(widest(t.methods), width_of("method")),
               room = static_cast<size_t>(screen.columns);
  std::string out;
  std::vector<Printed> now;
  size_t used = names;
  const size_t most = room > names + kBetween + 10 ? room - names - kBetween : 10;
  for (const Column& c : t.columns) {
    Printed p = printed(c, has_direction(result, c.metric.name), most);
    if (!now.empty() && used + kBetween + p.width > room) {
      out += block(t.methods, now, names, screen.bold);
      now.clear();
      used = names;
    }
    used += kBetween + p.width;
    now.push_back(std::move(p));
  }
  return out + (now.empty() ? "" : block(t.methods, now, names, screen.bold));
}

// The claims in columns where they fit; else each verdict with its text, and below it by what it
// was judged.
std::string verdicts(const Result& result, size_t room) {
  TextRows rows;
  size_t names = 0;
  for (const Claim& c : result.claims) {
    rows.push_back({name(c.verdict), text_of(c), difference(c), c.by});
    names = std::max(names, width_of(rows.back()[0]));
  }
  if (rows.empty()) return "";
  std::string out = in_columns(rows);
  size_t widest_line = 0;
  for (size_t at = 0, end; (end = out.find('\n', at)) != std::string::npos; at = end + 1)
    widest_line = std::max(widest_line, width_of(out.substr(at, end - at)));
  if (widest_line <= room) return out + "\n";
  out.clear();
  const bool narrow = room < 60;
  const size_t indent = narrow ? 2 : names + kBetween;
  for (const auto& row : rows) {
    const std::string what = narrow ? row[0] + ": " + row[1] : row[1];
    std::string text = paragraph(what, room, indent);
    if (!narrow) text = padded(row[0], indent) + text;
    out += text + std::string(indent, ' ') +
           paragraph((row[2].empty() ? "" : row[2] + "; ") + ("judged by " + row[3]), room, indent);
  }
  return out + "\n";
}

}  // namespace

std::string table(const Result& result, const Screen& screen) {
  const auto room = static_cast<size_t>(screen.columns);
  const Table t = table_of(result);
  std::string out = paragraph(fmt::format("{}: {}, preset {}, {}", result.experiment, result.task,
                                          result.preset, count_seeds(result.seeds.size())),
                              room) +
                    "\n";
  out += verdicts(result, room) + blocks(result, t, screen);
  std::string below;
  for (const auto* list : {&t.beside, &t.notes})
    for (const std::string& text : *list) below += paragraph(text, room);
  out += below + (below.empty() ? "" : "\n") + paragraph(sentence(result), room);
  for (size_t at = 0; !screen.utf8 && (at = out.find("±")) != std::string::npos;)
    out.replace(at, std::string("±").size(), "+-");
  return out;
}

}  // namespace regrad::experiment

#include <regrad/datasets/audio/internal/table.h>
#include <regrad/engine/error.h>

#include <algorithm>

namespace regrad::detail {
namespace {

std::vector<std::string_view> split(std::string_view line, char between) {
  std::vector<std::string_view> out;
  for (;;) {
    const size_t end = line.find(between);
    out.push_back(line.substr(0, end));
    if (end == std::string_view::npos) return out;
    line.remove_prefix(end + 1);
  }
}

}  // namespace

std::string quoted(std::string_view s) {
  std::string out = "'";
  for (const char c : s.substr(0, 60)) out += static_cast<unsigned char>(c) < 32 ? '?' : c;
  return out + "'";
}

std::string_view Table::Row::operator[](std::string_view column) const {
  const auto at = std::find(table_->header_.begin(), table_->header_.end(), column);
  if (at == table_->header_.end()) fail("there is no column " + quoted(column));
  return fields_[static_cast<size_t>(at - table_->header_.begin())];
}

int64_t Table::Row::number(std::string_view column, int64_t low, int64_t high) const {
  const std::string_view field = (*this)[column];
  int64_t n = 0;
  bool good = !field.empty() && field.size() <= 9;
  for (const char c : field) {
    good = good && c >= '0' && c <= '9';
    if (good) n = 10 * n + (c - '0');
  }
  if (!good || n < low || n > high)
    fail(std::string(column) + " is " + quoted(field) + ", must be a whole number from " + std::to_string(low) + " to " + std::to_string(high));
  return n;
}

void Table::Row::fail(const std::string& what) const { throw IOError(table_->where_ + ": line " + std::to_string(line_) + ": " + what); }

Table::Table(std::string_view text, std::string where, char between, const std::vector<std::string_view>& columns) : where_(std::move(where)) {
  for (int64_t number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    Row row;
    row.table_ = this, row.line_ = number;
    if (header_.empty()) {
      header_ = split(line, between);
      for (const std::string_view column : columns) {
        const auto n = std::count(header_.begin(), header_.end(), column);
        if (n != 1) row.fail(n == 0 ? "there is no column " + quoted(column) : "column " + quoted(column) + " stands there twice");
      }
    } else if (!line.empty()) {
      row.fields_ = split(line, between);
      if (row.fields_.size() != header_.size())
        row.fail(std::to_string(row.fields_.size()) + " fields where the header has " + std::to_string(header_.size()));
      rows_.push_back(std::move(row));
    }
  }
  if (rows_.empty()) throw IOError(where_ + ": line 1: a table of no rows");
}

}  // namespace regrad::detail

#include <regrad/datasets/internal/table.h>
#include <regrad/engine/error.h>

#include <algorithm>

namespace regrad::detail {
namespace {

constexpr std::string_view utf8_mark = "\xef\xbb\xbf", utf16_marks[] = {"\xff\xfe", "\xfe\xff"};

std::string_view first_line(std::string_view text) {
  return text.substr(0, text.find_first_of("\r\n"));
}

}  // namespace

std::string quoted(std::string_view s) {
  std::string out = "'";
  for (const char c : s.substr(0, 60)) out += static_cast<unsigned char>(c) < 32 ? '?' : c;
  return out + "'";
}

char separator_of(std::string_view text, char between, size_t fields) {
  const std::string_view line = first_line(text);
  for (const char c : {between, ';', ',', '\t'})
    if (static_cast<size_t>(std::count(line.begin(), line.end(), c)) + 1 >= fields) return c;
  return between;
}

Records::Records(std::string_view text, std::string where, char between)
    : text_(text), where_(std::move(where)), between_(between) {
  if (text_.substr(0, utf8_mark.size()) == utf8_mark) at_ = utf8_mark.size();
  for (const std::string_view mark : utf16_marks)
    if (text_.substr(0, mark.size()) == mark)
      throw IOError(where_ + ": byte 0: is UTF-16 text; save it as UTF-8");
}

void Records::fail(const std::string& what) const {
  throw IOError(where_ + ": line " + std::to_string(line_) + ": " + what);
}

bool Records::took_line_end() {
  if (at_ == text_.size() || (text_[at_] != '\n' && text_[at_] != '\r')) return false;
  at_ += text_.substr(at_, 2) == "\r\n" ? 2 : 1;
  ++here_;
  return true;
}

std::string_view Records::plain_field() {
  const size_t first = at_;
  while (at_ < text_.size() && text_[at_] != between_ && text_[at_] != '\n' && text_[at_] != '\r')
    ++at_;
  return text_.substr(first, at_ - first);
}

// Between two quotes; pieces that end in "" are put together.
std::string_view Records::quoted_field() {
  std::string whole;
  bool pieces = false;
  std::string_view piece;
  for (;;) {
    const size_t first = ++at_, end = text_.find('"', first);
    if (end == std::string_view::npos) fail("a field begins with a quote and has no end");
    piece = text_.substr(first, end - first);
    here_ += std::count(piece.begin(), piece.end(), '\n');
    at_ = end + 1;
    if (at_ == text_.size() || text_[at_] != '"') break;
    whole.append(piece).push_back('"');
    pieces = true;
  }
  if (at_ < text_.size() && text_[at_] != between_ && text_[at_] != '\n' && text_[at_] != '\r')
    fail("a field's closing quote is followed by " + quoted(first_line(text_.substr(at_))));
  if (!pieces) return piece;
  return unquoted_.emplace_back(whole.append(piece));
}

bool Records::next(std::vector<std::string_view>& fields) {
  while (at_ < text_.size()) {
    fields.clear();
    line_ = here_;
    for (;;) {
      fields.push_back(at_ < text_.size() && text_[at_] == '"' ? quoted_field() : plain_field());
      if (at_ == text_.size() || text_[at_] != between_) break;
      ++at_;
    }
    took_line_end();
    if (std::any_of(fields.begin(), fields.end(), [](std::string_view f) { return !f.empty(); }))
      return true;
  }
  return false;
}

std::string_view Table::Row::operator[](std::string_view column) const {
  const auto& header = table_->header_;
  const auto at = std::find(header.begin(), header.end(), column);
  if (at == header.end()) fail("there is no column " + quoted(column));
  return fields_[static_cast<size_t>(at - header.begin())];
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
    fail(std::string(column) + " is " + quoted(field) + ", must be a whole number from " +
         std::to_string(low) + " to " + std::to_string(high));
  return n;
}

void Table::Row::fail(const std::string& what) const {
  throw IOError(table_->where() + ": line " + std::to_string(line_) + ": " + what);
}

Table::Table(std::string_view text, std::string where, char between,
             const std::vector<std::string_view>& columns)
    : records_(text, std::move(where), separator_of(text, between, columns.size())) {
  if (records_.next(header_)) {
    for (const std::string_view column : columns) {
      const auto n = std::count(header_.begin(), header_.end(), column);
      if (n > 1) records_.fail("column " + quoted(column) + " stands there twice");
      if (n == 0)
        records_.fail("there is no column " + quoted(column) +
                      "; the first line must name the columns, and is " + quoted(first_line(text)));
    }
  }
  Row row;
  row.table_ = this;
  while (records_.next(row.fields_)) {
    row.line_ = records_.line();
    if (row.fields_.size() != header_.size())
      records_.fail(std::to_string(row.fields_.size()) + " fields where the header has " +
                    std::to_string(header_.size()));
    rows_.push_back(row);
  }
  if (rows_.empty()) throw IOError(this->where() + ": line 1: a table of no rows");
}

}  // namespace regrad::detail

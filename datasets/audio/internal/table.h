// Tables in text: a header of column names, then rows, fields between commas or tabs without quotes. Internal to the readers.
//
//   const Table t(text, "meta.csv", ',', {"filename", "fold"});
//   for (const Table::Row& row : t.rows()) row["fold"];
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace regrad::detail {

class Table {
 public:
  class Row {
   public:
    // The field of a column; the constructor has seen that it is there.
    std::string_view operator[](std::string_view column) const;
    // A whole number in [low, high]; IOError naming line and column.
    int64_t number(std::string_view column, int64_t low, int64_t high) const;
    [[noreturn]] void fail(const std::string& what) const;  // IOError naming file and line

   private:
    friend class Table;
    const Table* table_ = nullptr;
    int64_t line_ = 0;
    std::vector<std::string_view> fields_;
  };

  // The text must outlive the table. Columns may come in any order, and others beside them. Empty lines are passed over; a line may end in "\r\n".
  // IOError naming file and line: a column that is missing or stands there twice, rows with another number of fields, no rows.
  Table(std::string_view text, std::string where, char between, const std::vector<std::string_view>& columns);
  Table(const Table&) = delete;  // rows point here
  Table& operator=(const Table&) = delete;

  const std::vector<Row>& rows() const { return rows_; }
  const std::string& where() const { return where_; }

 private:
  std::vector<std::string_view> header_;
  std::vector<Row> rows_;
  std::string where_;
};

std::string quoted(std::string_view s);  // 'the first 60 bytes', control characters as '?'

}  // namespace regrad::detail

// Tables in text, as programs and spreadsheets write them: fields between commas or tabs, a header
// of column names or none. Internal to the readers.
//
//   const Table t(text, "meta.csv", ',', {"filename", "fold"});
//   for (const Table::Row& row : t.rows()) row["fold"];
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace regrad::detail {

// Records of a text, one after the other. A byte order mark is passed over; a line ends in "\n",
// "\r\n" or "\r"; a field that begins with a double quote goes on to the next one, whatever lies
// between, and "" in it is a quote (RFC 4180); records without any text are passed over. The text
// must outlive the fields. IOError naming file and line: UTF-16, a quote without an end, text
// behind one.
class Records {
 public:
  Records(std::string_view text, std::string where, char between);

  bool next(std::vector<std::string_view>& fields);
  int64_t line() const { return line_; }  // on which the record begins
  [[noreturn]] void fail(const std::string& what) const;
  const std::string& where() const { return where_; }

 private:
  std::string_view plain_field();
  std::string_view quoted_field();
  bool took_line_end();

  std::string_view text_;
  std::string where_;
  char between_;
  size_t at_ = 0;
  int64_t line_ = 0, here_ = 1;
  std::deque<std::string> unquoted_;  // fields that held "": views point here
};

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

  // The text must outlive the table. Columns may come in any order, and others beside them. A
  // spreadsheet may have put ';', ',' or a tab in place of `between`. IOError naming file and line:
  // as Records; a column that is missing or stands there twice, rows with another number of fields,
  // no rows.
  Table(std::string_view text, std::string where, char between,
        const std::vector<std::string_view>& columns);
  Table(const Table&) = delete;  // rows point here
  Table& operator=(const Table&) = delete;

  const std::vector<Row>& rows() const { return rows_; }
  const std::string& where() const { return records_.where(); }

 private:
  Records records_;
  std::vector<std::string_view> header_;
  std::vector<Row> rows_;
};

// The character among `between`, ';', ',' and the tab that parts the first record into at least so
// many fields; `between` where none does.
char separator_of(std::string_view text, char between, size_t fields);

std::string quoted(std::string_view s);  // 'the first 60 bytes', control characters as '?'

}  // namespace regrad::detail

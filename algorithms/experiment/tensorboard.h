// TensorBoard's event files, written by hand: a folder per row of the table with one file of
// records,
//
//   length (8 bytes, little-endian), masked CRC-32C of these (4), an Event, masked CRC-32C of it (4)
//
// An Event (tensorflow/core/util/event.proto) holds wall_time (1), step (2), and file_version (3)
// or a Summary (5) of values with a tag (1) and a number (2) or a picture (4), in protobuf's wire
// form. The first record is the version, then one for each line of metrics.jsonl, at the end one of
// scores and pictures. So a checkpoint's lines say how many records it knew, and a resume cuts
// there.
#pragma once

#include <regrad/algorithms/experiment/checkpoint.h>

#include <memory>
#include <string>
#include <string_view>

namespace regrad::experiment {

// CRC-32C (Castagnoli, as in RFC 3720), and as TFRecord masks it.
uint32_t crc32c(std::string_view bytes);
uint32_t masked_crc32c(std::string_view bytes);

// One record with its frame.
std::string record(std::string_view event);
// Where record number `count` ends; 0 where the bytes have fewer whole records (every CRC holds).
size_t end_of_records(std::string_view bytes, size_t count);

// The Events, without their frame. wall: seconds since 1970.
std::string version_event(double wall);
std::string scalars_event(double wall, int64_t step, const Moment& moment);
// Scores as "result/METRIC", of other methods than the row's "result/METRIC, METHOD"; pictures as
// "pictures/TITLE/0", ..
std::string outcome_event(double wall, int64_t step, const std::string& method,
                          const Outcome& outcome);

// The file of one row.
class EventFile {
 public:
  // Goes on after the row's lines (and outcome, where it is finished): cuts the file there, or
  // where it has fewer records writes them anew.
  EventFile(const OutFolder& out, const std::string& name, const Row& row);
  void log(const Line& line);
  void finish(int64_t step, const std::string& method, const Outcome& outcome);
  void close();

 private:
  std::unique_ptr<LogFile> file_ = nullptr;
};

}  // namespace regrad::experiment

// Metrics that not every seed has, as where a mixture of texts could not be drawn: after hours of
// work that must cost a column, not the table.
#pragma once

#include <regrad/algorithms/experiment/checkpoint.h>

namespace regrad::experiment {

// Takes metrics with fewer values than seeds out of the result, and what rows say they did not
// measure, and lists them in left_out. The headline cannot be left out: ConfigError with the row's
// reason, or check()'s.
void leave_out_holes(Result& result, const std::vector<Row>& rows);

// "AUC, far of rde: 1 of 3 seeds has it; why"
std::string text_of(const LeftOut& left_out);
// The same of all, for the terminal: a line for metrics that the same methods lack for one reason.
std::string left_out_text(const Result& result);
// The rows with the same as a listing for the report, where something is left out.
std::vector<Row> with_left_out(std::vector<Row> rows, const Result& result);

}  // namespace regrad::experiment

// metrics.csv: what metrics.jsonl has, for programs that read tables. One row for each number of a
// moment that is logged,
//
//   method,variant,seed,step,metric,value
//   maml,K=5,0,100,loss,0.41
//
// in the order of metrics.jsonl; fields as RFC 4180 quotes them, numbers to the bit, no value for
// one that is not finite.
#pragma once

#include <regrad/algorithms/experiment/checkpoint.h>

namespace regrad::experiment {

inline constexpr const char* kCsvHeader = "method,variant,seed,step,metric,value\n";

std::string to_csv(const Job& job, const Line& line);

}  // namespace regrad::experiment

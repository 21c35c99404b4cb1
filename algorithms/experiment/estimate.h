// What a table would cost, before it is run.
#pragma once

#include <regrad/algorithms/experiment/options.h>

#include <functional>

namespace regrad::experiment {

// Seconds of the processor, however busy the machine is: those of this process, all its threads.
double cpu_seconds();
// The most memory that this process had at a time since forget_peak() was called, in bytes, and
// what it has now; 0 where the system does not show it. Where it cannot forget, since it began.
double peak_bytes();
double resident_bytes();
void forget_peak();

// Moments at which `threads` threads that take jobs in order, each the next one as soon as it is
// free, are done with all: the last one's. Of one job alone all threads have a share.
double makespan(const std::vector<double>& seconds, int threads);

// Times the steps of each phase of each method, one that is logged, and the evaluation, in seconds
// of one processor: a table of these, of the memory that a row takes, and what the whole would cost
// on so many threads. `say` gets a line before each method. To be called on one thread. About
// `timing` seconds go to steps, no less than three of each phase, and as many at most to training
// where the costs of a phase depend on it.
std::string estimate(const Experiment& experiment, const Options& options,
                     const std::function<void(const std::string&)>& say = {}, double timing = 6);

}  // namespace regrad::experiment

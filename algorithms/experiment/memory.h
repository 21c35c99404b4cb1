// Whether a run can have the memory that its settings need, refused before anything is read,
// drawn or allocated.
#pragma once

#include <string>
#include <vector>

namespace regrad::experiment {

// Bytes that something takes at least, as a double: no product of settings overflows.
struct Need {
  double bytes;
  std::string of;  // "the parameters with their gradients and Adam's averages"
};

// What parameters f32 take in training: themselves, their gradients, and so many copies that the
// optimizer keeps.
Need trained(double parameters, int kept, const std::string& optimizer);

// Bytes that this process may still take: the system's, its control group's and its own limits,
// whichever is least. Infinite where none can be read.
double free_bytes();

// What is left of the limits of the control groups (version 2, and 1) that `member`, such as
// /proc/self/cgroup, names, their files below `mount`. Files that the system keeps in memory count
// as free, as in MemAvailable: they are given up before a group is short. Infinite for no limit.
double group_bytes(const std::string& member, const std::string& mount);

// OutOfMemory naming bytes, what they are for, and how many are free, where all of them together
// are more than free_bytes().
void check_memory(const std::vector<Need>& needs, const std::string& who);

}  // namespace regrad::experiment

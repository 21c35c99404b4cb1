// Every setting of every binary does something: changed, the bits of a run change; or it is
// refused, with the reason, and then it does change nothing. Walked in each of a few small tables,
// for what a setting does depends on the methods and on other settings.
#pragma once

#include <regrad/algorithms/experiment/tasks.h>

#include <functional>
#include <string>
#include <vector>

namespace regrad::test {

struct Tables {
  std::function<experiment::TaskList()> tasks;
  std::string of_data;              // what the data depend on: walked in the first table alone
  std::string nets;                 // those of them that are small
  std::string small;                // the words of a run of moments
  std::vector<std::string> others;  // added to them, table by table
  std::string left_out = {};        // settings that another walk has
};

// Walks them; a setting that does nothing, or is refused though it does something, fails the test.
void walk_settings(const Tables& tables);

}  // namespace regrad::test

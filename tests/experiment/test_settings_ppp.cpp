#include <doctest/doctest.h>

#include <regrad/algorithms/ppp/experiment/table.h>

#include "settings_walk.h"

using namespace regrad;

// With target 0.4 some channels are cut after these few steps, so that who is enrolled is seen.
TEST_CASE("every setting of regrad-ppp changes a run, or is refused") {
  test::walk_settings(
      {ppp::ppp_tasks,
       "people classes train validation test held",
       "",
       "--task glyphs --seed 1 --people 4 --train 8 --validation 4 --test 12 "
       "--width 4 --held 0 --epochs 8 --persons 3 --samples 4 "
       "--log-every 1 --rate 30",
       {"--methods ppp,ppp-other,random,norm-tuned --target 0.4 --enrol 2 --others 1",
        "--methods full --gate block", "--methods aig", "--methods aig-own --target 0.4 --enrol 2",
        "--methods ppp-b10 --target 0.4 --enrol 2", "--methods ppp-unshared --target 0.4 --enrol 2",
        "--methods full", "--methods norm-tuned --tune-epochs 0 --target 0.4 --enrol 2",
        "--methods ppp --gamma 1 --target 0.4 --enrol 2", "--methods full --rate 0"}});
}

#include <doctest/doctest.h>

#include <regrad/algorithms/sdssl/experiment/table.h>

#include "settings_walk.h"

using namespace regrad;

TEST_CASE("every setting of regrad-sdssl changes a run, or is refused") {
  test::walk_settings(
      {sdssl::sdssl_tasks,
       "train test size",
       "",
       "--task glyphs --seed 1 --train 100 --test 300 --steps 4 --batch 8 --depth 2 "
       "--width 8 --heads 2 --hidden 8 --projection 4 --log-every 2 --k 7 --temperature 0.01 "
       "--probe-epochs 3 "
       "--lr 0.01 --base mocov3",
       {"--methods base,sd", "--methods base,pixels", "--methods base,sd --by-target",
        "--methods base --optimizer lars"},
       "base optimizer"});
}

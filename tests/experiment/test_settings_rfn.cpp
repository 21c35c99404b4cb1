#include <doctest/doctest.h>

#include <regrad/algorithms/rfn/experiment/table.h>

#include "settings_walk.h"

using namespace regrad;

TEST_CASE("every setting of regrad-rfn changes a run, or is refused") {
  test::walk_settings(
      {relaxed_norm::rfn_tasks,
       "mels seconds wide generated.train generated.test devices source noise",
       "bcresnet pooled",
       "--task scenes --seed 1 --devices simulated --generated.train 2 --generated.test 1 "
       "--seconds 0.6 --mels 32 --batch 5 --epochs 2 --log-every 1",
       {"--methods none", "--methods global", "--methods resnorm", "--methods mixstyle",
        "--methods mixstyle --mix-p 0", "--methods freq-mixstyle", "--methods crossgrad",
        "--methods none --net pooled", "--methods mixstyle --net pooled"}});
}

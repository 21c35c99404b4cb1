#include <doctest/doctest.h>

#include <regrad/algorithms/asc/experiment/table.h>

#include "../temp_folder.h"
#include "made_up.h"
#include "settings_walk.h"

using namespace regrad;

TEST_CASE("every setting of regrad-asc changes a run, or is refused") {
  test::walk_settings(
      {asc::asc_tasks,
       "mels seconds wide generated.train generated.test generated.validation held partial devices "
       "source noise",
       "",
       "--task scenes --seed 1 --generated.train 2 --generated.test 1 --generated.validation 1 "
       "--seconds 0.6 --mels 32 "
       "--batch 5 --epochs 2 --log-every 1",
       {"--methods baseline", "--methods resnorm", "--methods asc-1", "--methods resnorm-0.5",
        "--methods cp-mobile", "--methods resnorm-ensemble --batch 10",
        "--methods resnorm-g --translation.steps 4 --translation.batch 3 --translation.crop 20",
        "--methods resnorm --compress --compression.epochs 1 --compression.ratio 0.3",
        "--methods resnorm --compress --compression.epochs 1 --compression.ratio 0.3 "
        "--compression.share 0"}});
}

TEST_CASE("every setting of --task keywords changes a run") {
  const test::TempFolder at;
  test::make_up("digits", at.name()), test::make_up("commands", at.name());
  test::walk_settings(
      {asc::asc_tasks,
       "corpus",
       "",
       "--task keywords --seed 1 --batch 5 --epochs 2 --log-every 1 --data " + at.name(),
       {"--methods bcresnet-1.5"}});
}

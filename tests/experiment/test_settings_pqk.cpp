#include <doctest/doctest.h>

#include <regrad/algorithms/pqk/experiment/table.h>

#include "settings_walk.h"

using namespace regrad;

TEST_CASE("every setting of regrad-pqk changes a run, or is refused") {
  test::walk_settings(
      {pqk::tasks,
       "",
       "tiny mlp",
       "--task glyphs --preset tiny --seed 1 --net tiny --train 54 --batch 10 "
       "--epochs 8 --test 30 --curve 20",
       {"--methods dense", "--methods qat", "--methods prune", "--methods pq", "--methods pq-kd",
        "--methods pqk", "--methods pqk-mutual", "--methods pqk-shared", "--methods pqk --bits 8",
        "--methods pqk --net mlp", "--methods pqk --gamma 1", "--methods pq-kd --hinton-share 0",
        "--methods dense,pqk"}});
}

TEST_CASE("every setting of regrad-pqk on spoken words changes a run, or is refused") {
  test::walk_settings({pqk::tasks,
                       "digits",
                       "tiny",
                       "--task digits --preset tiny --seed 1 --net tiny --batch 4 --epochs 4 --refresh 1",
                       {"--methods pqk"}});
}

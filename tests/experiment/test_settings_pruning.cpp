#include <doctest/doctest.h>

#include <regrad/algorithms/pruning/experiment/table.h>

#include "settings_walk.h"

using namespace regrad;

TEST_CASE("every setting of regrad-map and regrad-dcil changes a run, or is refused") {
  test::walk_settings(
      {[] {
         return pruning::tasks({"map", "", {}});
       },
       "",
       "tiny mlp",
       "--task glyphs --seed 1 --net tiny --train 54 --batch 10 --epochs 4 --test 30 --curve 20 "
       "--sparsities 0.5",
       {"--methods dense",
        "--methods one-shot",
        "--methods gmp --refresh 2",
        "--methods ste",
        "--methods dpf --refresh 2",
        "--methods dpf-layer --refresh 2",
        "--methods map --refresh 2",
        "--methods map-soft-layer --refresh 2",
        "--methods dcil --refresh 2",
        "--methods dcil-nokd --refresh 2",
        "--methods dcil-shared --refresh 2",
        "--methods snip",
        "--methods rigl --rigl-period 2",
        "--methods str",
        "--methods dense --net mlp",
        "--methods acdc",
        "--methods gmp-filters --refresh 2",
        "--methods dcil-filters --refresh 2",
        "--methods dpf --refresh 2 --warmup 0.2",
        "--methods dpf --refresh 2 --gamma 1",
        "--methods dense,map --refresh 2"}});
}

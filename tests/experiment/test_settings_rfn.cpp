#include <doctest/doctest.h>

#include <regrad/algorithms/rfn/experiment/table.h>

#include "settings_walk.h"

using namespace regrad;

TEST_CASE("every setting of regrad-rfn changes a run, or is refused") {
  test::walk_settings(
      {relaxed_norm::rfn_tasks,
       "mels seconds wide generated.train generated.test generated.validation held partial devices "
       "source noise",
       "bcresnet pooled bcresnet-kws",
       "--task scenes --seed 1 --devices simulated --generated.train 2 --generated.test 1 "
       "--generated.validation 1 "
       "--seconds 0.6 --mels 32 --batch 5 --epochs 2 --log-every 1",
       {"--methods none", "--methods global", "--methods resnorm", "--methods mixstyle",
        "--methods mixstyle --mix-p 0", "--methods freq-mixstyle", "--methods crossgrad",
        "--methods crossgrad-clipped", "--methods mixstyle-inside", "--methods none --net pooled",
        "--methods mixstyle --net pooled"}});
}

TEST_CASE("so many validation clips as are asked for") {
  experiment::Sounds sounds("scenes");
  experiment::SoundSettings s;
  s.generated = {.train = 2, .test = 1, .validation = 3};
  sounds.load("", s);
  const auto r = sounds.recorded(s, "sd0", Random(1), 0);
  for (const Tensor& x : r->validation_x) CHECK(x.size(0) == 30);
  CHECK(r->train_x.size(0) == 20);
  s.generated.train = 3;  // loaded anew, though the old ones are in use
  sounds.load("", s);
  CHECK(sounds.recorded(s, "sd0", Random(1), 0)->train_x.size(0) == 30);
}

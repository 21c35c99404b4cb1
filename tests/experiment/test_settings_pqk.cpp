#include <doctest/doctest.h>

#include <regrad/algorithms/pqk/experiment/table.h>

#include "../temp_folder.h"
#include "made_up.h"
#include "settings_walk.h"

using namespace regrad;

TEST_CASE("every setting of regrad-pqk changes a run, or is refused") {
  test::walk_settings(
      {pqk::tasks,
       "",
       "tiny mlp",
       "--task glyphs --preset tiny --seed 1 --net tiny --train 54 --batch 10 --epochs 8 --test 30 "
       "--curve 20",
       {"--methods dense", "--methods qat", "--methods prune --refresh 2",
        "--methods pq --refresh 2", "--methods pq-kd --refresh 2", "--methods pqk --refresh 2",
        "--methods pqk-mutual --refresh 2", "--methods pqk-shared --refresh 2",
        "--methods pqk --refresh 2 --bits 8", "--methods pqk --refresh 2 --net mlp",
        "--methods pqk --refresh 2 --gamma 1", "--methods pq-kd --refresh 2 --hinton-share 0",
        "--methods dense,pqk --refresh 2"}});
}

TEST_CASE("regrad-pqk: first and last layer may have as few bits as the others") {
  experiment::TaskList tasks = pqk::tasks();
  tasks.choose("glyphs", "tiny");
  std::vector<experiment::Field> fields = tasks.fields();
  const auto refused = [&](const char* bits, const char* edge_bits) {
    assign(fields, "bits", bits, "test"), assign(fields, "edge_bits", edge_bits, "test");
    return tasks.unused("edge_bits", {"pqk"}) != "";
  };
  CHECK(!refused("4", "4"));
  CHECK(!refused("4", "3"));
  CHECK(!refused("8,4", "4"));
  CHECK(refused("8", "4"));
  CHECK(refused("8", "8"));
}

TEST_CASE("every setting of regrad-pqk on spoken words changes a run, or is refused") {
  const test::TempFolder at;
  test::make_up("digits", at.name());
  test::walk_settings(
      {pqk::tasks,
       "frames",
       "tiny",
       "--task digits --preset tiny --seed 1 --net tiny --train 13 --test 5 --batch 4 "
       "--epochs 8 --refresh 1 --data " +
           at.name(),
       {"--methods pqk"}});
}

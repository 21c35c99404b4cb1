#include <doctest/doctest.h>

#include <regrad/algorithms/rde/experiment/table.h>

#include "settings_walk.h"

using namespace regrad;

// attacks: test_rde_trial.cpp; columns and WordNet: the same, load_data; net: below
TEST_CASE("every setting of regrad-rde changes a run, or is refused") {
  test::walk_settings(
      {rde::rde_tasks,
       "train validation test words",
       "cnn",
       "--preset tiny --seed 1 --train 120 --validation 20 --test 160 --attacked 150 --words 60 "
       "--most 9 --epochs 8 "
       "--width 8 --lr 0.01 --components 4 --fit 60 --adversarial 20 --confident 0.52",
       {"--methods rde,fgws-wn", "--methods rde,max-softmax"},
       "wordnet text_column label_column attacks net singular"});
}

// nets: test_rde_pretrained.cpp; the rest is walked above
TEST_CASE("every setting of a pretrained net changes a run, or is refused") {
  test::walk_settings(
      {rde::rde_tasks,
       "train validation test words",
       "cnn,pretrained",
       "--preset tiny --net " REGRAD_BERT
       "/plain --seed 1 --train 120 --validation 20 --test 100 --attacked 90 --most 20 "
       "--batch 16 --fine-tuning.epochs 6 --fine-tuning.lr 0.002 --components 4 --fit 60 "
       "--adversarial 12 --confident 0.51",
       {"--methods rde,max-softmax"},
       "wordnet text_column label_column attacks net nets train validation test words attacked "
       "confident singular"});
}

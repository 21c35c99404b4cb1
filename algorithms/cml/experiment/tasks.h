// Every task of regrad-cml.
#pragma once

#include <regrad/algorithms/cml/experiment/classes.h>
#include <regrad/algorithms/experiment/tasks.h>

#include <functional>

namespace regrad::cml {

// sinusoid, omniglot, images, folder, nodes, nodes-gmeta, nodes-amm.
experiment::TaskList cml_tasks();

// Few-shot regression on sinusoids (CML section 4.1), mean squared error after adaptation.
std::unique_ptr<experiment::Experiment> sinusoid_experiment();

// N-way K-shot classification of images (CML section 4.2), accuracy in % after adaptation, on any
// store of classes. load: the classes in a folder (--data; "" for none given), images of `size`
// pixels per side (0: as they come best); IOError where they are missing or broken. reaches: what
// MAML at K = 1 is claimed to reach, in %; 0: nothing is claimed. lazily: where pictures can stay
// on disk, the same so (setting lazy).
using LoadClasses = std::function<ClassSplits(const std::string& folder, int64_t size)>;
std::unique_ptr<experiment::Experiment> image_experiment(const std::string& task,
                                                         const std::string& about, LoadClasses load,
                                                         int reaches, LoadClasses lazily = {});

}  // namespace regrad::cml

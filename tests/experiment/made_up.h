// Data sets in the layouts that the tasks read, a few examples each, made up: noise by class.
#pragma once

#include <string>

namespace regrad::test {

// In `folder`, what is read there with --data. Few-shot tasks: omniglot; images (classes in train/,
// val/ and test/); nodes (Cora's and CiteSeer's files). Nets on images: fmnist, cifar10, cifar100,
// pictures (classes in train/ and test/), imagenet. Sounds: digits, esc10, tau, tau2022, commands,
// sounds (classes in train/ and test/). Nothing for another name.
void make_up(const std::string& set, const std::string& folder);

}  // namespace regrad::test

// A stochastic block model (Holland, Laskey and Leinhardt 1983) whose nodes hold words of their
// class's topic: a citation graph that needs no data.
//
//   const Graph g = BlockModel{.nodes = 700, .classes = 7}.sample(Random(seed) / "graph");
#pragma once

#include <regrad/datasets/graph.h>
#include <regrad/engine/random.h>

namespace regrad {

// Node i is of class i mod classes. Two nodes of one class are linked with probability p_in, others
// with p_out. Each class has `topic` words of its own, drawn without replacement (classes may share
// some); a node holds each word of its class's topic with probability p_topic, any other with
// p_word.
struct BlockModel {
  int64_t nodes = 700, classes = 7, words = 200, topic = 20;
  double p_in = 0.02, p_out = 0.001, p_topic = 0.15, p_word = 0.02;

  // The stream decides all of it. Time and memory grow with nodes x words and the number of edges.
  // ConfigError: nodes, classes or words below 1, more classes than nodes, a topic outside [0,
  // words], a probability outside [0, 1].
  Graph sample(const Random& r) const;
};

}  // namespace regrad

// The file of a global net: its tensors, what it is made of, and what its inputs are. regrad-ppp
// leaves one in models/; an app carries it to the device.
//
//   const ppp::Global global = ppp::load_global("ppp-seed-0.safetensors");
//   const ppp::Personal mine = ppp::personalize(global.net, x);
//   save_inference(export_net(mine.net, global.info), "small.safetensors");
//
// What else its inputs need (a front end for sounds) stands in its metadata, as whoever trained it
// wrote it.
#pragma once

#include <regrad/algorithms/ppp/personalize.h>
#include <regrad/engine/io/serialize.h>
#include <regrad/layers/export.h>

namespace regrad::ppp {

struct Global {
  GatedOptions options;
  GatedNet net;
  InferenceInfo info;  // sizes of an input, classes, and what pixels are normalized by
  Metadata metadata;   // all of the file's
};

Metadata to_metadata(const GatedOptions& o, const InferenceInfo& info);
// IOError naming the file: another net's, one without gates ("has no gates"), tensors or metadata
// that are missing or do not fit. Nothing in it is trusted: what is allocated follows its tensors.
Global load_global(const std::string& path);
// The same of a file that was read, which may also be a net without gates (row `full`).
Global gated_model(const TensorFile& file);

}  // namespace regrad::ppp

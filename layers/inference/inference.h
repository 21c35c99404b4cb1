// A trained net to run, not to train: convolutions with their norms folded in, weights with the
// zeros that pruning left, one file.
//
//   const InferenceNet net = load_inference("net.safetensors");
//       // made by regrad-sparse export, or export_net (layers/export.h)
//   Tensor logits = net(x);  // f32 [N,C,H,W] -> [N,classes]
//
// It links the engine alone: no layers, no optimizers.
#pragma once

#include <regrad/engine/tensor.h>

#include <memory>
#include <string>
#include <vector>

namespace regrad {

// One layer. Values are numbered: 0 is the net's input, i the output of layer i - 1 of the list.
struct InferenceLayer {
  enum Kind {
    conv,  // weight [O, C/groups, KH, KW], bias [O]; then + residual, then ReLU, where set
    // weight [O, I], bias [O] on [N, I], or on [N, C, H, W] seen as [N, C H W]; ReLU where set
    linear,
    affine,  // weight [C] x + bias [C] of each channel; ReLU where set
    // kernel x kernel (0: stride x stride) every `stride` pixels; what does not fill a window is
    // left out, `padding` pixels around are no values
    max_pool,
    mean,  // over pixels: [N, C, H, W] -> [N, C]
    // every stride-th pixel, zero channels before and after, so that there are `channels`
    subsample,
  } kind = conv;
  int from = 0, residual = -1;  // values; -1: none
  int64_t stride = 1, padding = 0, groups = 1, channels = 0, kernel = 0;
  bool relu = false;
  Tensor weight = {}, bias = {};  // f32
};

struct InferenceInfo {
  int64_t channels = 1, height = 1, width = 1;  // of the input
  std::vector<std::string> classes = {};        // names; may be empty
  // by channel: the net takes (pixel / 255 - mean) / deviation; empty: pixel / 255
  std::vector<float> mean = {}, deviation = {};
};

// dense: convolutions and products with zeros and all. sparse: one multiply-accumulate a weight
// that is not 0. automatic: what takes less time on the instruction set whose kernels run
// (--version names it), by what a multiply-accumulate of each kind was measured to cost on it: of a
// kept weight in a convolution 2.3 times that of a dense one with AVX-512, 1.5 times with AVX2, 0.7
// times on the baseline, and short rows cost more; in a matrix 5 to 7 times. Nothing is timed when
// a net is made: the choice is the same on every machine of an instruction set.
enum class InferenceMode { automatic, dense, sparse };

class InferenceNet {
 public:
  InferenceNet() = default;
  // ShapeError naming the layer where shapes do not fit, ConfigError where values are numbered
  // wrongly or there is no layer.
  InferenceNet(std::vector<InferenceLayer> layers, InferenceInfo info,
               InferenceMode mode = InferenceMode::automatic);

  // x f32 [N, channels, height, width] -> the last value, [N, classes]. ShapeError, DTypeError for
  // another x. The same bits for any number of threads.
  Tensor operator()(const Tensor& x) const;

  const std::vector<InferenceLayer>& layers() const;
  const InferenceInfo& info() const;
  InferenceMode mode() const;  // dense or sparse, as chosen
  InferenceNet with_mode(InferenceMode mode) const;

  struct Cost {
    int64_t macs = 0, sparse_macs = 0, parameters = 0, nonzeros = 0;
  };
  Cost cost() const;  // of one example

 private:
  struct Parts;
  int64_t images_a_block(bool dense, int64_t n) const;
  std::shared_ptr<const Parts> parts_;
};

// One safetensors file: a weight with zeros as a bitmap (bit i of byte i / 8: entry i is kept) and
// the kept values, any other as it is; the layers as text in the metadata. Replaced whole or not at
// all (DiskError).
void save_inference(const InferenceNet& net, const std::string& path);
// IOError naming the file and what is wrong in it: nothing in it is trusted.
InferenceNet load_inference(const std::string& path, InferenceMode mode = InferenceMode::automatic);

}  // namespace regrad

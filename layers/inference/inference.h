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

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace regrad {

// A convolution or linear map by whole numbers: of symmetric levels (engine/quantize.h), scale l.
//   y = input_scale scale f(l_x, levels) + bias,  l_x = round(x / input_scale), halves to even,
//   held to 0 .. 2^b - 1, or to -n .. n, n = 2^(b-1) - 1, where the input is signed;
//   b = input_bits
struct InferenceLevels {
  int bits = 8;  // of the weights' levels, 2 to 8: from -n to n, n = 2^(bits-1) - 1
  std::vector<int8_t> weight = {};  // in the order of the layer's weight
  std::vector<float> scale = {};    // of each output: a norm's factor is in it
  int input_bits = 8;               // 1 to 8; 2 at least where signed
  bool input_signed = false;
  std::vector<float> input_scale = {};  // one, or one for each group of a convolution
};

// scale levels, f32 [O, ..]. ShapeError where they do not fit the shape.
Tensor weight_of(const InferenceLevels& l, const Shape& shape);

// One layer. Values are numbered: 0 is the net's input, i the output of layer i - 1 of the list.
struct InferenceLayer {
  enum Kind {
    conv,  // weight [O, C/groups, KH, KW], bias [O]; then + residual, then ReLU, where set
    // weight [O, I], bias [O] on [N, I], or on [N, C, H, W] seen as [N, C H W]; ReLU where set
    linear,
    // weight x + bias of each channel in each of `bands` equal bands of rows, both [C bands],
    // element c bands + s; ReLU where set
    affine,
    // kernel x kernel (0: stride x stride) every `stride` pixels; what does not fill a window is
    // left out, `padding` pixels around are no values
    max_pool,
    mean,  // over pixels: [N, C, H, W] -> [N, C]
    // every stride-th pixel, zero channels before and after, so that there are `channels`
    subsample,
    silu,       // x sigmoid(x)
    mean_rows,  // over rows: [N, C, H, W] -> [N, C, 1, W]
    add_row,    // max(residual, where set, + from + `row`, 0), the row [N, C, 1, W] in each row
  } kind = conv;
  int from = 0, residual = -1, row = -1;  // values; -1: none
  int64_t stride = 1, padding = 0, dilation = 1;
  // of a convolution along its rows, where they differ; stride and dilation 0, padding -1: as above
  int64_t stride_w = 0, padding_w = -1, dilation_w = 0;
  int64_t groups = 1, channels = 0, kernel = 0, bands = 1;
  bool relu = false;
  // f32; where there are levels InferenceNet makes the weight of them
  Tensor weight = {}, bias = {};
  std::optional<InferenceLevels> levels = {};  // of a convolution or linear map
};

struct InferenceInfo {
  int64_t channels = 1, height = 1, width = 1;  // of the input
  std::vector<std::string> classes = {};        // names; may be empty
  // by channel: the net takes (pixel / 255 - mean) / deviation; empty: pixel / 255
  std::vector<float> mean = {}, deviation = {};
  // what else makes an input, such as a front end of sounds: kept in the file as it is
  std::map<std::string, std::string> about = {};
};

// dense: convolutions and products with zeros and all. sparse: one multiply-accumulate a weight
// that is not 0. automatic: what takes less time on the instruction set whose kernels run
// (--version names it), by what a multiply-accumulate of each kind was measured to cost on it: of a
// kept weight in a convolution 2.3 times that of a dense one with AVX-512, 1.5 times with AVX2, 0.7
// times on the baseline, and short rows cost more; in a matrix 5 to 7 times. Nothing is timed when
// a net is made: the choice is the same on every machine of an instruction set.
// integers: layers that have levels by exact whole numbers, on every instruction set, the others as
// dense does. The three are the same net: dense and sparse round the input of such a layer to its
// levels too, and differ from integers by the rounding of their sums alone - which may lead a value
// halfway between two levels to the other one.
//
// By whole numbers a layer's value is, each operation rounded to f32,
//   y = float(sum) (input_scale scale) + bias [+ residual] [max(., 0)]
// with its levels whole where y goes into another such layer; sums are whole numbers below 2^31, of
// which float() keeps those below 2^24 as they are (below 519 weights an output at 8 bits none is
// larger) and rounds the others to the nearest. A NaN counts as the lowest level.
enum class InferenceMode { automatic, dense, sparse, integers };

class InferenceNet {
 public:
  InferenceNet() = default;
  // ShapeError naming the layer where shapes do not fit, or where its sums could pass 32 bits;
  // ConfigError where values are numbered wrongly, levels lie outside of their bits, scales are not
  // positive or there is no layer, and for integers where no layer has levels.
  InferenceNet(std::vector<InferenceLayer> layers, InferenceInfo info,
               InferenceMode mode = InferenceMode::automatic);

  // x f32 [N, channels, height, width] -> the last value, [N, classes]. ShapeError, DTypeError for
  // another x. The same bits for any number of threads.
  Tensor operator()(const Tensor& x) const;

  const std::vector<InferenceLayer>& layers() const;
  const InferenceInfo& info() const;
  InferenceMode mode() const;  // dense, sparse or integers, as chosen
  bool has_levels() const;     // of some layer
  InferenceNet with_mode(InferenceMode mode) const;

  struct Cost {
    int64_t macs = 0, sparse_macs = 0, parameters = 0, nonzeros = 0;
  };
  Cost cost() const;  // of one example

 private:
  struct Parts;
  int64_t images_a_block(int64_t n) const;
  std::shared_ptr<const Parts> parts_;
};

// One safetensors file: a weight with zeros as a bitmap (bit i of byte i / 8: entry i is kept) and
// the kept values, any other as it is; levels at their bits, packed, in place of values; the layers
// as text in the metadata. Replaced whole or not at all (DiskError).
void save_inference(const InferenceNet& net, const std::string& path);
// IOError naming the file and what is wrong in it: nothing in it is trusted. ConfigError: integers
// of a file without levels.
InferenceNet load_inference(const std::string& path, InferenceMode mode = InferenceMode::automatic);

}  // namespace regrad

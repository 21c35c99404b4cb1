// The image nets by name: counts, shapes, gradients, metadata.
#include <doctest/doctest.h>

#include <regrad/layers/nets/bcresnet.h>
#include <regrad/layers/nets/named_net.h>

#include "../temp_folder.h"

using namespace regrad;
using regrad::test::complaint;

namespace {
int64_t conv_weights(const NamedNet& net) {
  int64_t n = 0;
  for (const Tensor& t : parameters(net)) n += t.dim() == 4 ? t.numel() : 0;
  return n;
}
}  // namespace

TEST_CASE("named nets: the counts of the pruning papers' nets") {
  const auto net = [](const std::string& name, int64_t channels) {
    return NamedNet(Random(1), {.name = name, .in_channels = channels, .size = 32, .classes = 10});
  };
  CHECK(conv_weights(net("resnet20", 3)) == 270256);  // DCIL's code, projected shortcuts
  CHECK(conv_weights(net("resnet32", 3)) == 463792);
  CHECK(conv_weights(net("r8", 1)) == 76432);
  CHECK(parameter_count(net("r8", 1)) == 77754);
  CHECK(parameter_count(net("resnet20-pad", 3)) == 269722);  // He et al. 2016, table 6: 0.27 M
  CHECK(conv_weights(net("vgg16", 3)) == 14710464);          // 13 convolutions without biases
  CHECK(conv_weights(net("mobilenet", 3)) ==
        32 * 27 + 9 * (32 + 64 + 128 + 128 + 256 + 256 + 512 * 6 + 1024) + 32 * 64 + 64 * 128 +
            128 * 128 + 128 * 256 + 256 * 256 + 256 * 512 + 5 * 512 * 512 + 512 * 1024 +
            1024 * 1024);
  // torchvision's resnet50 of 1,000 classes
  const NamedNet large(Random(1), {.name = "resnet50", .size = 224, .classes = 1000});
  CHECK(parameter_count(large) == 25557032);
  CHECK(conv_weights(large) == 23454912);
}

TEST_CASE("named nets: every one of them maps images to classes, in training and out of it") {
  for (const std::string& name : net_names()) {
    CAPTURE(name);
    const int64_t size = name == "tiny" || name == "mlp" ? 16 : 32;
    NamedNet net(Random(2), {.name = name, .in_channels = 3, .size = size, .classes = 7});
    const Tensor x = normal(Random(3), {2, 3, size, size});
    CHECK(net(x).shape() == Shape{2, 7});
    Context ctx{.training = true};
    const std::vector<Tensor> g = parameters(grad(sum(net(x, ctx) * net(x)), net));
    net = commit(std::move(net), ctx);
    for (const Tensor& t : g) CHECK(sum(abs(t)).item() > 0);
  }
}

TEST_CASE("named nets: BC-ResNet is the keyword net at 40 mels and takes images of any size") {
  const BcResnet own(Random(4), {.tau = 1, .classes = 12});
  const NamedNet named(
      Random(4), {.name = "bcresnet-1", .in_channels = 1, .size = 40, .width = 101, .classes = 12});
  const Tensor x = normal(Random(5), {2, 1, 40, 101});
  CHECK(amax(abs(own(x) - named(x))).item() == 0);
  CHECK(conv_weights(NamedNet(
            Random(4), {.name = "bcresnet-8", .in_channels = 1, .size = 40, .classes = 12})) ==
        conv_weights(NamedNet::of(BcResnet(Random(4), {.tau = 8, .classes = 12}))));
  const auto fit = [](int64_t rows) {
    const BcResnetOptions o = fitted({}, rows);
    return std::pair{o.bands, o.tail_rows};
  };
  CHECK(fit(40) == std::pair<int64_t, int64_t>{5, 5});
  CHECK(fit(256) == std::pair<int64_t, int64_t>{4, 5});
  CHECK(fit(32) == std::pair<int64_t, int64_t>{4, 4});
  CHECK(fit(28) == std::pair<int64_t, int64_t>{1, 4});  // 14, 7 and 4 rows
  CHECK(fit(5) == std::pair<int64_t, int64_t>{1, 1});
}

TEST_CASE("named nets: nets for images take any width") {
  for (const std::string name : {"r8", "resnet20", "mlp", "bcresnet-1"}) {
    CAPTURE(name);
    const NamedNet net(Random(2),
                       {.name = name, .in_channels = 1, .size = 40, .width = 32, .classes = 7});
    CHECK(net(normal(Random(3), {2, 1, 40, 32})).shape() == Shape{2, 7});
  }
}

TEST_CASE("named nets: metadata and back") {
  const NamedNetOptions o{.name = "r8", .in_channels = 1, .size = 28, .classes = 10};
  const NamedNetOptions back = net_from_metadata(to_metadata(o), "file");
  CHECK(back.name == "r8");
  CHECK(back.size == 28);
  CHECK(back.width == 0);
  CHECK(to_metadata(o).count("width") == 0);
  const NamedNetOptions wide = net_from_metadata(
      to_metadata({.name = "r8", .size = 40, .width = 32, .classes = 10}), "file");
  CHECK(wide.size == 40);
  CHECK(wide.columns() == 32);
  CHECK(complaint<ConfigError>([] { NamedNet(Random(1), {.name = "resnet21"}); },
                               "net: 'resnet21' is not one of tiny, mlp, r8, ")
            .empty());
  CHECK_THROWS_AS(NamedNet()(zeros({1, 1, 8, 8})), ConfigError);
  CHECK_THROWS_AS(NamedNet(Random(1), {.name = "r8", .classes = 0}), ConfigError);
  CHECK_THROWS_AS(NamedNet(Random(1), {.name = "r8", .width = -1}), ConfigError);
  CHECK_THROWS_AS(net_from_metadata({}, "file"), IOError);
  CHECK_THROWS_AS(net_from_metadata({{"net", "lenet"}}, "file"), IOError);
  auto broken = to_metadata(o);
  broken["width"] = "0";
  CHECK_THROWS_AS(net_from_metadata(broken, "file"), IOError);
  broken["width"] = "28", broken["classes"] = "ten";
  CHECK_THROWS_AS(net_from_metadata(broken, "file"), IOError);
}

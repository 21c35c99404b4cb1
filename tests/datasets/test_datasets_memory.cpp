// Every allocation of the readers failed once: OutOfMemory, nothing left over, and the next call
// works.
#include <doctest/doctest.h>

#include <regrad/datasets/block_model.h>
#include <regrad/datasets/cifar.h>
#include <regrad/datasets/citations.h>
#include <regrad/datasets/episodes.h>
#include <regrad/datasets/glyphs.h>
#include <regrad/datasets/idx.h>
#include <regrad/datasets/image_folder.h>
#include <regrad/datasets/loader.h>
#include <regrad/datasets/omniglot.h>
#include <regrad/datasets/planetoid.h>
#include <regrad/engine/parallel.h>

#include <functional>

#include "../engine/alloc_hook.h"
#include "../engine/fail_each.h"
#include "../temp_folder.h"
#include "forge.h"
#include "jpeg_writer.h"
#include "pack.h"

using namespace regrad;
using namespace regrad::test;

TEST_CASE("readers: OutOfMemory at every allocation of ours") {
  const int before = num_threads();
  set_num_threads(1);  // failures are of the calling thread
  const TempFolder folder;
  const std::string drawing =
      png(105, 105, 1, 0, std::vector<std::string>(105, std::string(14, '\xf0')));
  const std::string archive =
      pack("zip", Pack::none, {{"p/A/c1/0001_01.png", drawing}, {"p/B/c1/0001_01.png", drawing}});
  const std::string pictures = folder / "pictures.zip", cifar = folder / "cifar.tar.gz";
  write_file(pictures, pack("zip", Pack::none,
                            {{"a/x.png", png(1, 1, 8, 2, {"abc"})},
                             {"b/y.jpg", jpeg(4, 4, 3, std::vector<uint8_t>(48, 9))}}));
  write_file(cifar, pack("tar", Pack::gz, {{"x/test_batch.bin", std::string(3073, '\1')}}));
  const std::string idx = std::string("\0\0\x0d\1\0\0\0\2", 8) + std::string(8, '\1');
  const std::string content = "first paper\t0\t1\tclass one\nsecond paper\t1\t1\tclass two\n",
                    cites = "first paper\tsecond paper\n";
  const std::string golden = REGRAD_GOLDEN_PLANETOID;
  const OmniglotOptions rotated{.rotations = true};
  const ImageSet set = Glyphs{.size = 6}.sample(Random(1), 3, 4);
  const Loader loader(set, Random(1),
                      {.batch = 5, .augment = {.padding = 1, .flip = true, .rotation = 5}});
  const Loader two_views(set, Random(1), {.batch = 5, .views = {first_view(5), small_view()}});
  const std::function<void()> calls[] = {
      [&] { parse_idx(idx); },
      [&] { load_cifar10(cifar, Split::test); },
      [&] { parse_citations(content, cites); },
      [&] { parse_omniglot(archive, rotated); },
      [&] { load_image_folder(pictures, {.height = 3, .width = 3}); },
      [&] { load_planetoid(golden, "tiny"); },
      [&] { BlockModel{.nodes = 20, .classes = 2, .words = 10, .topic = 2}.sample(Random(1)); },
      [&] { Glyphs{.size = 6}.sample(Random(1), 2, 2); },
      [&] {
        EpisodeSampler(set.labels).sample(Random(1), 2, {.ways = 2, .shots = 1, .queries = 1});
      },
      [&] { loader.at(1, 1); },
      [&] { two_views.at(1, 1); },
  };
  for (const auto& call : calls) CHECK(fail_each(call) > 5);
  set_num_threads(before);
}

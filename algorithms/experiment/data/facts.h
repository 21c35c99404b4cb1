// What the metadata of a model's file say, as a struct with parts (config.h): one entry a part.
#pragma once

#include <regrad/algorithms/experiment/config.h>
#include <regrad/algorithms/experiment/data/sounds.h>
#include <regrad/engine/error.h>
#include <regrad/engine/io/serialize.h>

#include <string>

namespace regrad::experiment {

// A front end's parts that every file of a model of sounds has.
void front_parts(auto& front, auto&& part) {
  auto& f = front.mel;
  part("rate", f.rate, "", between(1, 4'000'000));
  part("n_fft", f.n_fft, "", between(2, 1 << 20));
  part("window", f.window, "", between(0, 1 << 20));
  part("hop", f.hop, "", between(1, 1 << 20));
  part("mels", f.mels, "", between(1, 65536));
  part("samples", front.samples, "", between(1, 1 << 26));
  part("rms", front.rms, "", above(0));
}

// Each part from the entry of its name. IOError naming `where` and the key: "<where>: <lacking>
// 'hop'", one that is not what the part takes, or out of its range.
template <class Facts>
void read_facts(Facts& facts, const Metadata& metadata, const std::string& where,
                const std::string& lacking) {
  for (Field& field : fields(facts)) {
    const auto found = metadata.find(field.name);
    if (found == metadata.end()) throw IOError(where + ": " + lacking + " '" + field.name + "'");
    if (!parse(field, found->second))
      throw IOError(where + ": its metadata's " + field.name + " is '" + found->second + "', not " +
                    expected(field));
    if (const std::string what = out_of_range(field); !what.empty())
      throw IOError(where + ": its metadata's " + what);
  }
}

}  // namespace regrad::experiment

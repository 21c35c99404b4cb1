#include <regrad/algorithms/rde/experiment/detect.h>
#include <regrad/algorithms/rde/experiment/table.h>

namespace regrad::rde {

using experiment::Claims;
using experiment::Sample;

// The abstract: the highest AUC. By net, attack and mixture: RDE above each of the others.
std::vector<experiment::Claim> directions(const experiment::Result& result,
                                          const std::vector<std::string>& nets,
                                          const std::vector<std::string>& attacks) {
  Claims c(result);
  for (const std::string& net : nets)
    for (const std::string& attack : attacks)
      for (const char* mixture : {"", ", far"}) {
        const std::string metric = experiment::on("AUC, " + attack + mixture, net);
        for (const DetectorRow& d : detector_rows())
          if (std::string(d.name) != "rde")
            c.above(experiment::metric_of(metric).title + ": rde above " + d.name,
                    c.items("rde", metric), c.items(d.name, metric));
      }
  return c.list;
}

}  // namespace regrad::rde

// The clients of this machine, and whether their configuration leads them here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace breakwater::conf {

struct MachineClient {
  std::string name;  // as `client-config` knows it: "containerd"
  bool comes_here = false;
  std::string found;  // the file that leads here, or those that were looked at
};

// Of those that are installed below `root`, which is "/" but in a test: whether a file of their configuration
// names one of `ports`, behind a colon. Files are read up to 1 MiB.
std::vector<MachineClient> machine_clients(const std::filesystem::path& root,
                                           const std::vector<uint16_t>& ports);

}  // namespace breakwater::conf

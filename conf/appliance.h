// The whole of Breakwater in one process: everything is built here, in this order, and handed to what needs
// it.
//
//   build()  opens the store (and recovers it), makes every mirror and registry, binds every address: all of
//   it or an error, never half run()    until SIGTERM or SIGINT; then drains: no new connections, requests
//   that run are finished (drain_timeout), partial
//            files are kept for the next start. A second signal ends it at once.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "conf/config.h"
#include "store/base/clock.h"
#include "store/base/disk.h"
#include "store/base/log.h"
#include "store/base/result.h"
#include "store/store.h"

namespace breakwater::conf {

// What the configuration says of the store.
store::StoreSettings store_settings(const Config& config);

class Appliance {
 public:
  // What it borrows outlives it.
  [[nodiscard]] static Result<std::unique_ptr<Appliance>> build(const Config& config, store::Disk& disk,
                                                                const store::Clock& clock, store::Log& log);
  ~Appliance();

  void run();

  struct Listening {
    std::string route;  // "metrics" for the metrics
    std::string address;
  };
  const std::vector<Listening>& listening() const;

 private:
  struct Parts;
  explicit Appliance(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace breakwater::conf

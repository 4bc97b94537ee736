// All of Breakwater in one process: everything is built here, in this order, and handed to what needs it.
//
//   build()  opens and recovers the store, makes every mirror and registry, and binds every address.
//            The result is all of that, or an error and nothing.
//   run()    serves until terminate(), then drains: new connections are refused, running requests are
//            finished (drain_timeout), and partial files are kept for the next start. A second
//            terminate() ends the drain at once.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "conf/config.h"
#include "store/base/clock.h"
#include "store/base/disk.h"
#include "store/base/log.h"
#include "store/base/result.h"

namespace breakwater::conf {

class Appliance {
 public:
  // `descriptors` is how many the process may have open: see descriptors.h. Everything borrowed here must
  // outlive the Appliance.
  [[nodiscard]] static Result<std::unique_ptr<Appliance>> build(const Config& config, uint64_t descriptors,
                                                                store::Disk& disk, const store::Clock& clock,
                                                                store::Log& log);
  ~Appliance();

  void run();
  void terminate();  // Any thread; never blocks.

  struct Listening {
    std::string route;  // the route's name, or "metrics"
    std::string address;
  };
  const std::vector<Listening>& listening() const;

 private:
  struct Parts;
  explicit Appliance(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace breakwater::conf

// All of Breakwater in one process: everything is built here, in this order, and handed to what needs it.
//
//   build()  opens and recovers the store, makes every mirror and registry, and binds every address.
//            The result is all of that, or an error and nothing.
//   run()    serves until one of these, and says which:
//
//   terminate()   drains: new connections are refused, running requests are finished (drain_timeout), and
//                 partial files are kept for the next start. A second terminate() ends the drain at once.
//   reload(), or a successor asks (hand_over.h)
//                 lets go: nobody is accepted any more, each connection comes to rest, and what run() returns
//                 has them and the listening sockets. Built anew with them, it goes on as if nothing had
//                 been.
//   restart()     lets go in the same way, for the process that the service manager starts next.
//
// So a reload is a restart that clients do not notice, within the process: everything is made from the new
// configuration by the same code as at a start, and nothing has settings that change. It takes what closing
// and opening the store takes; clients wait for so long. What can be known to be wrong is known before: the
// configuration is read and checked, and new addresses are bound, while the old one serves.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "conf/config.h"
#include "conf/inheritance.h"
#include "proxy/loop/loop.h"
#include "store/base/clock.h"
#include "store/base/disk.h"
#include "store/base/log.h"
#include "store/base/result.h"

namespace breakwater::conf {

class Appliance {
 public:
  // What it is built on, all of which must outlive it.
  struct Ground {
    uint64_t descriptors;  // how many the process may have open: see descriptors.h
    store::Disk& disk;
    const store::Clock& clock;
    store::Log& log;
    // Reads the configuration anew. Any thread; may block.
    std::function<tl::expected<Config, ConfigErrors>()> read_config;
    std::optional<proxy::Millis> watchdog;  // how often the service manager wants to hear that we are alive
  };
  // Listens on those of `listeners` that it wants, and binds what is missing.
  [[nodiscard]] static Result<std::unique_ptr<Appliance>> build(
      const Config& config, const Ground& ground, const std::vector<InheritedListener>& listeners);
  ~Appliance();

  // What is to be done next, and with what.
  enum class Next { end, reload, hand_over, restart };
  struct Left {
    Next next = Next::end;
    std::optional<Config> config;  // for a reload
    Inheritance inheritance;
    bool is_terminated = false;  // somebody has asked for that meanwhile
    bool is_draining = false;    // by set_draining()
  };
  // Goes on with the connections of the one before.
  Left run(std::vector<InheritedConnection> connections);

  // --- any thread; these never block
  void terminate();
  void reload();  // tells its outcome to the log
  void restart();
  // Whether /readyz says 503 `draining`, so that a load balancer sends nobody any more. Everything is served
  // on until the process is stopped. A reload keeps it, a restart does not.
  void set_draining(bool draining);
  bool is_read_only() const;

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

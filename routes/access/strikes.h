// How often clients were wrong about a password within the last minute, so that a client that guesses has
// fewer places in the PasswordLine and is named in the log. The table is bounded: when it is full, the client
// whose minute began first is forgotten. Belongs to one thread; `clock` outlives it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "store/base/clock.h"

namespace breakwater::routes {

class Strikes {
 public:
  static constexpr size_t kClientsMax = 1024;
  static constexpr store::Time::duration kFor = std::chrono::minutes(1);

  explicit Strikes(const store::Clock& clock) : clock_(clock) {}

  uint64_t of(uint64_t client) const;
  uint64_t add(uint64_t client);  // with this one

 private:
  struct Count {
    store::Time since{};
    uint64_t strikes = 0;
  };
  void make_room(store::Time now);

  const store::Clock& clock_;
  std::unordered_map<uint64_t, Count> counts_;
};

}  // namespace breakwater::routes

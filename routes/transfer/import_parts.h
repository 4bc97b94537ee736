// What an import works with, and how it is told of and stopped.
//
// The files that are taken over may be another's than the store's own: `disk` reaches them, by the rights of
// whoever lends them (proxy/server/lent_disk.h), or is the store's own disk.
#pragma once

#include <atomic>
#include <cstdint>
#include <stop_token>

#include "store/base/clock.h"
#include "store/base/disk.h"
#include "store/base/result.h"
#include "store/store.h"
#include "store/upkeep/transfer.h"

namespace breakwater::routes {

struct ImportParts {
  store::Store& store;
  store::Disk& disk;
  const store::Clock& clock;
  bool is_lent = false;                    // `disk` is
  std::atomic<uint64_t>* bytes = nullptr;  // counts those that were looked at, if anybody wants to know
  std::stop_token stop = {};
  // Nothing is taken over: what would be is only counted, and what is damaged is told as far as sizes show
  // it.
  bool is_dry = false;

  store::Outside outside() const { return {disk, is_lent, bytes, stop}; }
  // `unavailable` once it is told to stop. What was taken over until then stays, and another run goes on.
  [[nodiscard]] Result<> check_stop() const {
    if (!stop.stop_requested()) return {};
    return failure(Error::Kind::unavailable,
                   "stopped: what was taken over stays, and another run goes on from there");
  }
};

}  // namespace breakwater::routes

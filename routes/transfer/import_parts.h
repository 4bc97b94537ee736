// What an import works with, and how it is told of and stopped.
//
// The files that are taken over may be another's than the store's own: `disk` reaches them, by the rights of
// whoever lends them (proxy/server/lent_disk.h), or is the store's own disk.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "store/base/clock.h"
#include "store/base/disk.h"
#include "store/base/result.h"
#include "store/catalog/records.h"
#include "store/catalog/rows.h"
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
  // Told of each tag of a registry that it has set, once it is set; may be empty.
  std::function<void(const store::RepositoryKey&, const std::string& tag, const store::TagRecord&)> tag_set =
      {};
  // Whether registries take nothing, which their operator may say at any time; may be empty.
  std::function<bool()> is_read_only = {};

  store::Outside outside() const { return {disk, is_lent, bytes, stop}; }
  // `unavailable` once it is told to stop, `denied` once it is read-only. What was taken over until then
  // stays, and another run goes on.
  [[nodiscard]] Result<> check_stop() const {
    if (is_read_only && is_read_only())
      return failure(Error::Kind::denied,
                     "registries are read-only, and take nothing over until breakwater read-only off");
    if (!stop.stop_requested()) return {};
    return failure(Error::Kind::unavailable,
                   "stopped: what was taken over stays, and another run goes on from there");
  }
};

}  // namespace breakwater::routes

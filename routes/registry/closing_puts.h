// The closing PUTs of upload sessions, remembered so that a client may repeat one whose answer it did not
// see. Bounded, and forgotten at a restart. Belongs to the loop's thread; only `done` is set by a worker.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "store/base/digest.h"

namespace breakwater::routes {

class ClosingPuts {
 public:
  struct Put {
    // Where the body of the PUT begins, and how many bytes its Content-Length promised.
    uint64_t first = 0;
    uint64_t length = 0;
    // Whether the session was committed.
    std::shared_ptr<std::atomic<bool>> done = std::make_shared<std::atomic<bool>>(false);
  };

  // The PUT that closes this session as `digest`, new or remembered. Valid until the next call.
  Put& of(const std::string& repository, const std::string& id, const store::Digest& digest);
  bool was_committed(const std::string& repository, const std::string& id, const store::Digest& digest) const;

 private:
  struct Named {
    bool is(const std::string& r, const std::string& i, const store::Digest& d) const {
      return id == i && digest == d && repository == r;
    }
    std::string repository;
    std::string id;
    store::Digest digest;
    Put put;
  };
  std::deque<Named> puts_;  // the newest last
};

}  // namespace breakwater::routes

// The partials that nobody is at work on: what fills and uploads have left under incoming/. Each is on the
// account of its route until it is claimed for more bytes, deleted, or evicted for room.
//
// May block; any thread. Who claims a partial that is just being evicted waits for the end of that.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/base/mutex.h"
#include "store/base/result.h"
#include "store/blobs/parts.h"

namespace breakwater::store {

struct IdlePartial {
  std::string route;   // on whose account it is
  uint64_t bytes = 0;  // its size
  Time modified{};
  // Left by a push that was refused, and whose client may never come back: the first to go when its route
  // needs room.
  bool is_abandoned = false;
};

class IdlePartials {
 public:
  explicit IdlePartials(const Parts& parts) : parts_(parts) {}

  // Its bytes are on the account already.
  void add(const std::string& id, const IdlePartial& partial);
  // Takes it out: the caller has it now, and its bytes on the account.
  std::optional<IdlePartial> claim(const std::string& id);
  std::optional<IdlePartial> find(const std::string& id) const;
  std::vector<std::pair<std::string, IdlePartial>> list() const;

  // Deletes the file and the upload record of a partial, and gives its bytes back. Nothing happens if it is
  // not here.
  [[nodiscard]] Result<> evict(const std::string& id);
  // Deletes the upload record of a partial that is gone. That it cannot be written is told to the log: the
  // next start finds the record without its file.
  void delete_record(const std::string& id);

 private:
  struct Entry : IdlePartial {
    bool is_going = false;
  };

  const Parts parts_;
  mutable Mutex mutex_;
  Condition evicted_;
  std::map<std::string, Entry> partials_ GUARDED_BY(mutex_);  // by id
};

}  // namespace breakwater::store

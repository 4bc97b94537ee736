// The uploads that have begun and not ended, for the operator. Nothing is changed. May block; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "store/base/result.h"
#include "store/blobs/parts.h"

namespace breakwater::store {

class IdlePartials;

struct UploadState {
  enum class Kind {
    begun,      // no byte has come yet
    open,       // somebody sends it, or did within the last minute or so: its file is open
    broken_off  // nobody has gone on with it; it may be gone on with, or goes when its time has come
  };
  std::string id;  // its record's
  Kind kind = Kind::begun;
  std::string route;
  std::string repository;
  std::string client;       // who began it; empty if that is not known
  uint64_t bytes = 0;       // received so far
  uint64_t on_disk = 0;     // that it takes
  Time begun_at{};          // wall clock; zero if a version before has begun it
  Time touched_at{};        // wall clock: when it was last gone on with
  bool is_refused = false;  // for want of room: the first to go
};

// Of registries, in the order of their ids. Those of one request have no record, and are told without a
// repository.
[[nodiscard]] Result<std::vector<UploadState>> survey_uploads(const Parts& parts,
                                                              const IdlePartials& partials);
// `not_found` if there is none of this id.
[[nodiscard]] Result<UploadState> survey_upload(const Parts& parts, const IdlePartials& partials,
                                                const std::string& id);

}  // namespace breakwater::store

// A stored blob that is open: its bytes stay readable until the last copy of this value is gone, even if the
// blob is deleted meanwhile.
#pragma once

#include <cstdint>

#include "store/base/digest.h"
#include "store/base/disk.h"

namespace breakwater::store {

struct Blob {
  Digest digest;
  uint64_t size;
  SharedFile file;
};

}  // namespace breakwater::store

// What a Batch is inside. For catalog.cc and batch.cc only.
#pragma once

#include <rocksdb/write_batch.h>

#include "store/catalog/batch.h"

namespace breakwater::store {

struct Batch::Impl {
  rocksdb::WriteBatch writes;
  bool changes_needs = false;  // as Catalog::need_changes() counts
};

}  // namespace breakwater::store

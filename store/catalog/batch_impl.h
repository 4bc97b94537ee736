// What a Batch is inside. For catalog.cc and batch.cc only.
#pragma once

#include <rocksdb/write_batch.h>

#include "store/catalog/batch.h"

namespace breakwater::store {

struct Batch::Impl {
  rocksdb::WriteBatch writes;
};

}  // namespace breakwater::store

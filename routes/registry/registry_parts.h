// The machinery that the parts of the private registry share. Everything here is borrowed and outlives the
// registry.
#pragma once

#include "proxy/loop/buffers.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/workers.h"
#include "routes/oci/manifest_cache.h"
#include "routes/oci/reply_room.h"
#include "routes/registry/registry_changes.h"
#include "store/base/clock.h"
#include "store/base/log.h"
#include "store/store.h"

namespace breakwater::routes {

struct RegistryParts {
  proxy::Loop& loop;
  proxy::Workers& workers;      // write
  proxy::Workers& readers;      // answer pulls: no write, and nothing slow, is before them
  proxy::Workers& room_makers;  // evict, for those who found no room
  proxy::Buffers& buffers;
  store::Store& store;
  ManifestCache& manifests;
  ReplyRoom& replies;
  const store::Clock& clock;
  store::Log& log;
  RegistryChanges* changes = nullptr;  // null: nobody is told
};

}  // namespace breakwater::routes

// What the parts of the private registry share: the machinery they borrow. All of it outlives the registry.
#pragma once

#include "proxy/buffers.h"
#include "proxy/loop.h"
#include "proxy/workers.h"
#include "routes/manifest_cache.h"
#include "store/clock.h"
#include "store/log.h"
#include "store/store.h"

namespace breakwater::routes {

struct RegistryParts {
  proxy::Loop& loop;
  proxy::Workers& workers;
  proxy::Buffers& buffers;
  store::Store& store;
  ManifestCache& manifests;
  const store::Clock& clock;
  store::Log& log;
};

}  // namespace breakwater::routes

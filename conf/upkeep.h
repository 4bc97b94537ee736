// The work that runs beside requests: noting uses and sweeping uploads, collection with retention, the scrub,
// and mending a catalog that cannot be written. Belongs to the loop's thread.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"
#include "proxy/loop/workers.h"
#include "routes/registry/private_registry.h"
#include "store/base/log.h"
#include "store/store.h"
#include "store/upkeep/scrub.h"

namespace breakwater::conf {

class Upkeep {
 public:
  using Registries = std::map<std::string, std::unique_ptr<routes::PrivateRegistry>>;  // by route

  // Everything borrowed here must outlive the Tasks. `workers` evict, which may take long; `background` has
  // the workers for all else.
  Upkeep(proxy::Loop& loop, proxy::Workers& workers, proxy::Workers& background, store::Store& store,
         store::Scrub& scrub, Registries& registries, store::Log& log, const store::ScrubSettings& settings);

  void start(proxy::Tasks& tasks);

 private:
  proxy::Task<> keep_up();
  proxy::Task<> collect();
  proxy::Task<> scrub_forever();
  proxy::Task<> watch_folder();
  proxy::Task<> watch_catalog();

  proxy::Loop& loop_;
  proxy::Workers& workers_;
  proxy::Workers& background_;
  store::Store& store_;
  store::Scrub& scrub_;
  Registries& registries_;
  store::Log& log_;
  store::ScrubSettings settings_;
};

}  // namespace breakwater::conf

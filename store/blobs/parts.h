// What the classes of this room and of upkeep/ are built on: the parts of a Store from the rooms below. The
// Store owns them and outlives whoever was given this.
#pragma once

#include "store/base/clock.h"
#include "store/base/disk.h"
#include "store/base/log.h"
#include "store/capacity/budget.h"
#include "store/catalog/catalog.h"
#include "store/files/clean_mark.h"
#include "store/files/files.h"
#include "store/references/broken.h"
#include "store/references/digest_locks.h"
#include "store/references/leases.h"
#include "store/references/references.h"
#include "store/references/route_rules.h"
#include "store/references/use_times.h"

namespace breakwater::store {

struct Parts {
  Disk& disk;
  const Clock& clock;
  Log& log;
  const RouteRules& rules;
  Files& files;
  CleanMark& mark;
  Catalog& catalog;
  Budget& budget;
  Leases& leases;
  DigestLocks& locks;
  UseTimes& use_times;
  Broken& broken;
  References& references;
};

}  // namespace breakwater::store

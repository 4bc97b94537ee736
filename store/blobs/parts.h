// What the classes of this room and of upkeep/ are built on: the parts of a Store from the rooms below. The
// Store owns them and outlives whoever was given this. Include the headers of those that you use.
#pragma once

#include "store/base/clock.h"
#include "store/base/log.h"

namespace breakwater::store {

class Broken;
class Budget;
class Catalog;
class CleanMark;
class DigestLocks;
class Disk;
class Files;
class Leases;
class References;
class RouteRules;
class UseTimes;

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

// The parts of a Store that the classes of blobs/ and upkeep/ are built on. All of them come from the folders
// below blobs/. The Store owns the parts and outlives everything that was given this struct. This header only
// declares the classes: include the header of each part that you use.
#pragma once

#include "store/base/log.h"
#include "store/catalog/store_clock.h"
#include "store/files/folder_disk.h"

namespace breakwater::store {

class Broken;
class Budget;
class CacheGenerations;
class Catalog;
class CleanMark;
class DigestLocks;
class Files;
class Leases;
class Pins;
class References;
class RouteRules;
class TagHistories;
class TrafficHistory;
class UseTimes;

struct Parts {
  FolderDisk& disk;
  const StoreClock& clock;
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
  Pins& pins;
  References& references;
  TagHistories& tag_histories;
  TrafficHistory& traffic;
  CacheGenerations& generations;
};

}  // namespace breakwater::store

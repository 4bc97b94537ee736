// The tags that a registry gives up when it needs room: those that its policy calls cache, but for those that
// a pin covers, and those that belong to an image that is here (dependents.h), because they free nothing and
// go with it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "store/catalog/catalog.h"
#include "store/references/route_rules.h"

namespace breakwater::store {

class Pins;

struct CacheTag {
  RepositoryKey repository;
  NamedTag tag;
  Time used_at{};  // pushed or pulled
};
// Of a route, those whose digest `may_go`, the least recently used first. Walks over all of its tags, and
// keeps only what it returns; may block.
using MayGo = std::function<bool(const Digest&)>;
[[nodiscard]] Result<std::vector<CacheTag>> cache_tags(const Catalog& catalog, const RouteRules& rules,
                                                       const Pins& pins, const std::string& route,
                                                       const MayGo& may_go);

}  // namespace breakwater::store

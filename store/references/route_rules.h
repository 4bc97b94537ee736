// What the configuration says about routes, as far as the store must know: which are mirrors, whose content
// can be fetched again, and how long a registry keeps what. Set before anything is served; then read by any
// thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "store/base/clock.h"
#include "store/catalog/records.h"
#include "store/references/retention.h"

namespace breakwater::store {

class RouteRules {
 public:
  using Retention = std::map<std::string, std::vector<RetentionPolicy>>;  // by route name

  // `lease`: how long a digest is safe from collection after a registry's client was told that it exists.
  // `configured`: the names of all routes of the configuration.
  RouteRules(std::vector<std::string> mirrors, std::vector<std::string> configured, Retention retention,
             Time::duration lease);

  // True for the route "" as well: blobs that recovery found without an owner count for that route, and may
  // be evicted like a mirror's, because no client was told of them.
  bool is_mirror(const std::string& route) const;
  const std::vector<std::string>& mirrors() const { return mirrors_; }
  // False for a route that only an earlier configuration had, and for "".
  bool is_configured(const std::string& route) const;

  // The first policy of the route that speaks of the repository counts; one that keeps everything if none
  // does.
  const RetentionPolicy& policy_for(const RepositoryKey& repository) const;
  const Retention& retention() const { return retention_; }
  Time::duration lease() const { return lease_; }

 private:
  std::vector<std::string> mirrors_;
  std::vector<std::string> configured_;
  Retention retention_;
  Time::duration lease_;
};

}  // namespace breakwater::store

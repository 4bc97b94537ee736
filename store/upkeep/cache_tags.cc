#include "store/upkeep/cache_tags.h"

#include <algorithm>

#include "store/references/dependents.h"
#include "store/references/pins.h"

namespace breakwater::store {
namespace {

constexpr size_t kRepositoriesAtOnce = 1000;
constexpr size_t kTagsAtOnce = 1000;

Result<> add_cache_tags(const Catalog& catalog, const RouteRules& rules, const Pins& pins,
                        const RepositoryKey& repository, const MayGo& may_go, std::vector<CacheTag>& found) {
  const RetentionPolicy& policy = rules.policy_for(repository);
  std::string last;
  for (size_t named = kTagsAtOnce; named == kTagsAtOnce;) {
    const auto tags = catalog.tags(repository, last, kTagsAtOnce);
    if (!tags) return failure(tags.error());
    named = tags->size();
    for (const NamedTag& tag : *tags) {
      last = tag.tag;
      if (!is_cache(policy, tag.tag) || !may_go(tag.record.digest)) continue;
      if (pins.covers_tag(repository, tag.tag)) continue;
      const auto subject = named_subject(catalog, repository, tag.tag);
      if (!subject) return failure(subject.error());
      if (*subject) continue;
      const auto blob = catalog.blob(tag.record.digest, Reach::disk);
      if (!blob) return failure(blob.error());
      const Time used_at = *blob ? std::max((*blob)->used_at, tag.record.pushed()) : tag.record.pushed();
      found.push_back({repository, tag, used_at});
    }
  }
  return {};
}

}  // namespace

Result<std::vector<CacheTag>> cache_tags(const Catalog& catalog, const RouteRules& rules, const Pins& pins,
                                         const std::string& route, const MayGo& may_go) {
  std::vector<CacheTag> found;
  std::string last;
  for (size_t named = kRepositoriesAtOnce; named == kRepositoriesAtOnce;) {
    const auto names = catalog.repositories(route, last, kRepositoriesAtOnce);
    if (!names) return failure(names.error());
    named = names->size();
    for (const std::string& name : *names) {
      last = name;
      if (auto added = add_cache_tags(catalog, rules, pins, {route, name}, may_go, found); !added)
        return failure(added.error());
    }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const CacheTag& a, const CacheTag& b) { return a.used_at < b.used_at; });
  return found;
}

}  // namespace breakwater::store

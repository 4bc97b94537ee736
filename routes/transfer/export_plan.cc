#include "routes/transfer/export_plan.h"

#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "store/catalog/catalog.h"
#include "store/references/retention.h"

namespace breakwater::routes {

using store::Digest;
using store::Reach;

namespace {

constexpr size_t kPage = 1000;

// One repository.
class Plan {
 public:
  Plan(const store::Catalog& catalog, store::RepositoryKey repository, ExportPlan& plan)
      : catalog_(catalog), repository_(std::move(repository)), plan_(plan) {}

  Result<> add_tags() {
    for (std::string last;;) {
      const auto tags = catalog_.tags(repository_, last, kPage);
      if (!tags) return failure(tags.error());
      for (const auto& tag : *tags) {
        if (auto added = add_all_of(tag.record.digest); !added) return added;
      }
      plan_.tags += tags->size();
      if (tags->size() < kPage) return {};
      last = tags->back().tag;
    }
  }

 private:
  // With all that it needs, and all that refers to any of that.
  Result<> add_all_of(const Digest& top) {
    std::vector<Digest> waiting = {top};
    while (!waiting.empty()) {
      const Digest digest = waiting.back();
      waiting.pop_back();
      if (!seen_.insert(digest).second) continue;
      const auto blob = catalog_.blob(digest, Reach::disk);
      if (!blob) return failure(blob.error());
      plan_.bytes += *blob ? (*blob)->size : 0;
      const auto manifest = catalog_.manifest(repository_, digest, Reach::disk);
      if (!manifest) return failure(manifest.error());
      if (!*manifest) continue;
      const auto children = catalog_.children(repository_, digest);
      if (!children) return failure(children.error());
      waiting.insert(waiting.end(), children->begin(), children->end());
      const auto referrers = catalog_.referrer_digests(repository_, digest, std::nullopt, SIZE_MAX);
      if (!referrers) return failure(referrers.error());
      waiting.insert(waiting.end(), referrers->begin(), referrers->end());
    }
    return {};
  }

  const store::Catalog& catalog_;
  const store::RepositoryKey repository_;
  ExportPlan& plan_;
  std::set<Digest> seen_;
};

}  // namespace

Result<ExportPlan> plan_export(store::Store& store, const ExportSettings& settings) {
  ExportPlan plan;
  for (std::string last;;) {
    const auto names = store.catalog().repositories(settings.route, last, kPage);
    if (!names) return failure(names.error());
    for (const std::string& name : *names) {
      if (settings.stop.stop_requested()) return failure(Error::Kind::unavailable, "stopped");
      if (!store::matches_any(std::span(&settings.repositories, 1), name)) continue;
      ++plan.repositories;
      Plan one(store.catalog(), {settings.route, name}, plan);
      if (auto added = one.add_tags(); !added) return failure(added.error());
    }
    if (names->size() < kPage) return plan;
    last = names->back();
  }
}

}  // namespace breakwater::routes

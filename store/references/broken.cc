#include "store/references/broken.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <utility>
#include "store/catalog/catalog_by_digest.h"

namespace breakwater::store {
namespace {

constexpr size_t kManifestsMax = 10'000;  // that one search goes through
constexpr size_t kTagsNamedMax = 20;      // in one line of the log

std::string name_of(const RepositoryKey& repository) {
  return repository.route + "/" + repository.repository;
}
std::string name_of(const TagOf& tag) { return name_of(tag.repository) + ":" + tag.tag; }

// Goes from what is broken up to the tags.
class Search {
 public:
  Search(const Catalog& catalog, size_t tags_max) : catalog_(catalog), tags_max_(tags_max) {}

  Result<Affected> from(const Digest& digest) {
    const auto manifests = catalog_.by_digest().manifests_of(digest);
    if (!manifests) return failure(manifests.error());
    for (const NamedManifest& manifest : *manifests) visit(manifest.repository, digest);
    if (auto added = add_parents(digest, nullptr); !added) return failure(added.error());
    while (!waiting_.empty()) {
      const auto [repository, manifest] = std::move(waiting_.front());
      waiting_.pop_front();
      if (auto added = add_tags(repository, manifest); !added) return failure(added.error());
      if (auto added = add_parents(manifest, &repository); !added) return failure(added.error());
    }
    return std::move(affected_);
  }

 private:
  using Manifest = std::pair<RepositoryKey, Digest>;

  void visit(const RepositoryKey& repository, const Digest& manifest) {
    if (seen_.size() >= kManifestsMax) {
      affected_.more_tags = true;
    } else if (seen_.emplace(repository, manifest).second) {
      affected_.routes.insert(repository.route);
      waiting_.emplace_back(repository, manifest);
    }
  }

  // Of one repository, or of all.
  Result<> add_parents(const Digest& child, const RepositoryKey* repository) {
    const auto parents = catalog_.by_digest().parents(child);
    if (!parents) return failure(parents.error());
    for (const Parent& parent : *parents) {
      if (!repository || parent.repository == *repository) visit(parent.repository, parent.parent);
    }
    return {};
  }

  Result<> add_tags(const RepositoryKey& repository, const Digest& manifest) {
    const auto tags = catalog_.tags_of(repository, manifest);
    if (!tags) return failure(tags.error());
    for (const std::string& tag : *tags) {
      if (affected_.tags.size() == tags_max_) {
        affected_.more_tags = true;
        return {};
      }
      affected_.tags.push_back(name_of(TagOf{repository, tag, {manifest, {}, {}, {}}}));
    }
    return {};
  }

  const Catalog& catalog_;
  const size_t tags_max_;
  Affected affected_;
  std::set<Manifest> seen_;
  std::deque<Manifest> waiting_;
};

}  // namespace

std::string Affected::text() const {
  if (tags.empty()) return "none";
  std::string line;
  for (const std::string& tag : tags) line += (line.empty() ? "" : ", ") + tag;
  return more_tags ? line + " and more" : line;
}

Result<Affected> affected_by(const Catalog& catalog, const Digest& digest, size_t tags_max) {
  return Search(catalog, tags_max).from(digest);
}

std::string BrokenThing::name() const {
  if (kind == Kind::dangling) return name_of(*tag);
  if (kind == Kind::lacking) return name_of(edge->repository) + "@" + digest.text();
  return digest.text();
}

Result<bool> Broken::note(Thing thing) {
  auto affected = affected_by(catalog_, thing.digest, kTagsNamedMax);
  if (!affected) return failure(affected.error());
  if (thing.kind == Thing::Kind::dangling) {
    affected->routes = {thing.tag->repository.route};
    affected->tags = {thing.name()};
  }
  if (thing.kind == Thing::Kind::lacking) {
    affected->routes = {thing.edge->repository.route};
    const std::string of = name_of(thing.edge->repository) + ":";
    std::erase_if(affected->tags, [&](const std::string& tag) { return !tag.starts_with(of); });
  }
  std::erase_if(affected->routes, [this](const std::string& route) { return rules_.is_mirror(route); });
  thing.routes = std::move(affected->routes);
  thing.since = clock_.wall();
  thing.tags = affected->tags;
  thing.more_tags = affected->more_tags;
  if (!add(thing)) return false;
  const char* what = thing.kind == Thing::Kind::unreadable ? "the disk cannot read it"
                     : thing.kind == Thing::Kind::lacking  ? "its repository has no manifest of that digest"
                                                           : "it is not there any more";
  log_.error("broken", {{"digest", thing.digest.text()}, {"what", what}, {"breaks", affected->text()}});
  return true;
}

bool Broken::add(const Thing& thing) {
  const Lock lock(mutex_);
  if (things_.size() >= things_max_) return !things_.contains(thing.name());
  const auto known = things_.find(thing.name());
  if (known == things_.end()) return things_.emplace(thing.name(), thing).second;
  const Time since = known->second.since;
  known->second = thing;
  known->second.since = since;
  return false;
}

void Broken::remove(const Thing& thing) {
  const Lock lock(mutex_);
  const auto known = things_.find(thing.name());
  if (known == things_.end() || known->second.kind != thing.kind) return;
  things_.erase(known);
  log_.info("healed", {{"digest", thing.digest.text()}, {"what", "nothing lacks it any more"}});
}

void Broken::heal(const Digest& digest) {
  const Lock lock(mutex_);
  if (things_.empty() || things_.erase(digest.text()) == 0) return;
  log_.info("healed", {{"digest", digest.text()}, {"what", "it is there again, whole"}});
}

void Broken::set_malformed(const std::set<std::string>& records) {
  std::vector<std::string> fresh;
  {
    const Lock lock(mutex_);
    std::set_difference(records.begin(), records.end(), malformed_.begin(), malformed_.end(),
                        std::back_inserter(fresh));
    malformed_ = records;
  }
  for (const std::string& record : fresh)
    log_.error("broken", {{"what", "a record of the catalog"}, {"error", record}});
}

size_t Broken::size() const {
  const Lock lock(mutex_);
  return things_.size() + malformed_.size();
}

uint64_t Broken::malformed() const {
  const Lock lock(mutex_);
  return malformed_.size();
}

std::vector<Broken::Thing> Broken::things(size_t most) const {
  const Lock lock(mutex_);
  std::vector<Thing> all;
  all.reserve(std::min(most, things_.size()));
  for (const auto& [name, thing] : things_) {
    if (all.size() == most) break;
    all.push_back(thing);
  }
  return all;
}

std::map<std::string, uint64_t> Broken::by_route() const {
  const Lock lock(mutex_);
  std::map<std::string, uint64_t> counts;
  for (const auto& [name, thing] : things_) {
    for (const std::string& route : thing.routes) ++counts[route];
  }
  return counts;
}

}  // namespace breakwater::store

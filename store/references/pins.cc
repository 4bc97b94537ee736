#include "store/references/pins.h"

#include <algorithm>
#include <deque>
#include <set>
#include <utility>

#include "store/catalog/catalog_by_digest.h"
#include "store/catalog/catalog_state.h"
#include "store/references/liveness.h"

namespace breakwater::store {
namespace {

// So many repositories that have a digest are looked at one by one.
constexpr size_t kRepositoriesMax = 256;
// So many manifests of a repository are looked at on the way up from a digest.
constexpr size_t kManifestsMax = 1000;
constexpr auto kToldAgainAfter = std::chrono::hours(1);

// Those that are about a repository.
std::vector<ImagePattern> patterns_of(const Pins::List& list, const RepositoryKey& repository) {
  std::vector<ImagePattern> patterns;
  for (const Pin& pin : list) {
    if (pin.what.matches(repository)) patterns.push_back(pin.what);
  }
  return patterns;
}

// Goes up within one repository, from a digest to the tags and subjects of what needs it.
class WayUp {
 public:
  WayUp(const Catalog& catalog, const RepositoryKey& repository, const std::vector<ImagePattern>& patterns)
      : catalog_(catalog), repository_(repository), patterns_(patterns) {}

  Result<bool> leads_to_pin(const Digest& from) {
    if (any([](const ImagePattern& pattern) { return pattern.is_whole(); })) return true;
    visit(from);
    while (!waiting_.empty()) {
      const Digest digest = waiting_.front();
      waiting_.pop_front();
      if (any([&](const ImagePattern& pattern) { return pattern.digest == digest; })) return true;
      auto tagged = has_pinned_tag(digest);
      if (!tagged || *tagged) return tagged;
      if (auto climbed = climb(digest); !climbed) return failure(climbed.error());
      if (seen_.size() > kManifestsMax) return true;
    }
    return false;
  }

 private:
  template <class Is>
  bool any(Is is) const {
    return std::any_of(patterns_.begin(), patterns_.end(), is);
  }
  void visit(const Digest& digest) {
    if (seen_.insert(digest).second) waiting_.push_back(digest);
  }
  Result<bool> has_pinned_tag(const Digest& digest) const {
    const auto tags = catalog_.tags_of(repository_, digest);
    if (!tags) return failure(tags.error());
    return std::any_of(tags->begin(), tags->end(), [&](const std::string& tag) {
      return any([&](const ImagePattern& pattern) { return pattern.matches_tag(tag); });
    });
  }
  Result<> climb(const Digest& digest) {
    const auto parents = catalog_.parents_in(digest, repository_, std::nullopt, kManifestsMax + 1);
    if (!parents) return failure(parents.error());
    for (const Digest& parent : *parents) visit(parent);
    const auto manifest = catalog_.manifest(repository_, digest, Reach::disk);
    if (!manifest) return failure(manifest.error());
    if (*manifest && (*manifest)->subject) visit(*(*manifest)->subject);
    return {};
  }

  const Catalog& catalog_;
  const RepositoryKey& repository_;
  const std::vector<ImagePattern>& patterns_;
  std::set<Digest> seen_;
  std::deque<Digest> waiting_;
};

Result<bool> is_pinned_by(const Catalog& catalog, const Pins::List& list, const RepositoryKey& repository,
                          const Digest& digest) {
  const auto patterns = patterns_of(list, repository);
  if (patterns.empty()) return false;
  return WayUp(catalog, repository, patterns).leads_to_pin(digest);
}

// Of a digest that very many repositories have: a pin of one repository is asked about that one alone.
Result<bool> is_pinned_among_many(const Catalog& catalog, const Pins::List& list, const Digest& digest) {
  const auto routes = catalog.by_digest().routes_of(digest);
  if (!routes) return failure(routes.error());
  for (const Pin& pin : list) {
    if (!routes->contains(pin.what.route)) continue;
    if (!pin.what.names_one_repository()) return true;
    const RepositoryKey repository{pin.what.route, pin.what.repository};
    const auto served = may_serve(catalog, repository, digest, Reach::disk);
    if (!served) return failure(served.error());
    auto pinned = *served ? is_pinned_by(catalog, list, repository, digest) : Result<bool>(false);
    if (!pinned || *pinned) return pinned;
  }
  return false;
}

}  // namespace

Result<> Pins::load(const Catalog& catalog) {
  auto pins = catalog.state().pins();
  if (!pins) return failure(pins.error());
  List list;
  for (const auto& [what, record] : *pins) {
    ImagePattern pattern{what.route, what.repository, what.tag, {}};
    const auto digest = Digest::parse(what.digest);
    if (digest) pattern.digest = *digest;
    list.push_back({std::move(pattern), record.pinned_at});
  }
  replace(std::move(list));
  return {};
}

std::shared_ptr<const Pins::List> Pins::list() const {
  const Lock lock(mutex_);
  return list_;
}

bool Pins::has_any_of(const std::string& route) const {
  const auto all = list();
  return std::any_of(all->begin(), all->end(), [&](const Pin& pin) { return pin.what.route == route; });
}

bool Pins::covers_tag(const RepositoryKey& repository, const std::string& tag) const {
  const auto all = list();
  return std::any_of(all->begin(), all->end(), [&](const Pin& pin) {
    return pin.what.matches(repository) && pin.what.matches_tag(tag);
  });
}

bool Pins::note_in_the_way(const std::string& route, uint64_t bytes, Time now) {
  const Lock lock(mutex_);
  InTheWay& noted = in_the_way_[route];
  const bool is_new = noted.told_at == Time() || now - noted.told_at >= kToldAgainAfter;
  noted.bytes = bytes;
  if (is_new) noted.told_at = now;
  return is_new;
}

std::map<std::string, uint64_t> Pins::in_the_way() const {
  const Lock lock(mutex_);
  std::map<std::string, uint64_t> bytes;
  for (const auto& [route, noted] : in_the_way_) bytes[route] = noted.bytes;
  return bytes;
}

void Pins::add(const Pin& pin) {
  List changed = *list();
  changed.push_back(pin);
  replace(std::move(changed));
}

void Pins::remove(const ImagePattern& what) {
  List changed = *list();
  std::erase_if(changed, [&](const Pin& pin) { return pin.what == what; });
  replace(std::move(changed));
}

void Pins::replace(List list) {
  std::sort(list.begin(), list.end(), [](const Pin& a, const Pin& b) { return a.what < b.what; });
  auto replaced = std::make_shared<const List>(std::move(list));
  const Lock lock(mutex_);
  list_ = std::move(replaced);
  in_the_way_.clear();
}

Result<bool> is_pinned(const Catalog& catalog, const Pins& pins, const Digest& digest) {
  const auto list = pins.list();
  if (list->empty()) return false;
  const auto uses = uses_of(catalog, digest, kRepositoriesMax);
  if (!uses) return failure(uses.error());
  if (!uses->is_whole) return is_pinned_among_many(catalog, *list, digest);
  std::set<RepositoryKey> repositories(uses->links.begin(), uses->links.end());
  repositories.insert(uses->needing.begin(), uses->needing.end());
  for (const RepositoryKey& repository : repositories) {
    auto pinned = is_pinned_by(catalog, *list, repository, digest);
    if (!pinned || *pinned) return pinned;
  }
  return false;
}

Result<bool> is_pinned_in(const Catalog& catalog, const Pins& pins, const RepositoryKey& repository,
                          const Digest& digest) {
  return is_pinned_by(catalog, *pins.list(), repository, digest);
}

}  // namespace breakwater::store

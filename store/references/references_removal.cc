// The part of References for what an operator asks: to keep something, to remove it, to forget a route.
#include "store/references/references.h"

#include <algorithm>
#include <utility>

#include "store/catalog/catalog.h"
#include "store/catalog/catalog_by_digest.h"
#include "store/catalog/store_clock.h"
#include "store/references/change.h"
#include "store/references/digest_locks.h"
#include "store/references/liveness.h"
#include "store/references/pins.h"
#include "store/references/route_rules.h"

namespace breakwater::store {
namespace {

PinKey key_of(const ImagePattern& what) {
  return {what.route, what.repository, what.tag, what.digest ? what.digest->text() : std::string()};
}

}  // namespace

// --- pins

Result<bool> References::pin(const ImagePattern& what) {
  if (what.digest && !rules_.is_mirror(what.route))
    return failure(Error::Kind::invalid, what.route + " is a registry: a pin there keeps tags, so name one");
  {
    const Lock lock(mutex_);
    const auto list = pins_.list();
    if (std::any_of(list->begin(), list->end(), [&](const Pin& pin) { return pin.what == what; }))
      return false;
    if (list->size() >= Pins::kPinsMax)
      return failure(Error::Kind::full, "there are " + std::to_string(Pins::kPinsMax) +
                                            " pins already: a pattern takes the place of many");
    const Pin pin{what, clock_.wall()};
    Batch batch;
    batch.put_pin(key_of(what), {pin.pinned_at});
    if (auto written = catalog_.write(std::move(batch), Durability::buffered); !written)
      return failure(written.error());
    pins_.add(pin);
  }
  if (auto synced = catalog_.sync(); !synced) return failure(synced.error());
  return true;
}

Result<bool> References::unpin(const ImagePattern& what) {
  {
    const Lock lock(mutex_);
    const auto list = pins_.list();
    if (std::none_of(list->begin(), list->end(), [&](const Pin& pin) { return pin.what == what; }))
      return false;
    Batch batch;
    batch.delete_pin(key_of(what));
    if (auto written = catalog_.write(std::move(batch), Durability::buffered); !written)
      return failure(written.error());
    pins_.remove(what);
  }
  if (auto synced = catalog_.sync(); !synced) return failure(synced.error());
  return true;
}

// --- removing

Result<bool> References::delete_manifest_if_unneeded(const RepositoryKey& repository, const Digest& digest) {
  const Lock lock(mutex_);
  const auto record = catalog_.manifest(repository, digest, Reach::disk);
  if (!record) return failure(record.error());
  if (!*record) return false;
  const auto alive = is_alive(catalog_, {repository, digest, **record});
  if (!alive) return failure(alive.error());
  const auto pinned = is_pinned_in(catalog_, pins_, repository, digest);
  if (!pinned) return failure(pinned.error());
  if (*alive || *pinned) return false;
  Change change = begin();
  if (auto deleted = change.delete_manifest({repository, digest, **record}); !deleted)
    return failure(deleted.error());
  if (auto written = write(change); !written) return failure(written.error());
  return true;
}

Result<bool> References::delete_link_if_unneeded(const LinkOf& link) {
  const Lock lock(mutex_);
  auto linked = catalog_.has_link(link.digest, link.repository, Reach::disk);
  if (!linked || !*linked) return linked;
  const auto manifest = catalog_.manifest(link.repository, link.digest, Reach::disk);
  if (!manifest) return failure(manifest.error());
  const auto parent = catalog_.parent_in(link.digest, link.repository, Reach::disk);
  if (!parent) return failure(parent.error());
  const auto pinned = is_pinned_in(catalog_, pins_, link.repository, link.digest);
  if (!pinned) return failure(pinned.error());
  if (*manifest || *parent || *pinned) return false;
  Change change = begin();
  change.batch().delete_link(link.digest, link.repository);
  if (auto queued = change.review_soon(link.repository, link.digest); !queued) return failure(queued.error());
  if (auto written = write(change); !written) return failure(written.error());
  return true;
}

// --- forgetting a route

Result<bool> References::forget_manifest(const RepositoryKey& repository, const Digest& digest) {
  const Lock lock(mutex_);
  const auto record = catalog_.manifest(repository, digest, Reach::disk);
  if (!record) return failure(record.error());
  if (!*record) return false;
  Change change = begin();
  if (auto deleted = change.delete_manifest({repository, digest, **record}); !deleted)
    return failure(deleted.error());
  if (auto written = write(change); !written) return failure(written.error());
  return true;
}

Result<bool> References::forget_tag(const TagOf& tag) {
  const Lock lock(mutex_);
  const auto record = catalog_.tag(tag.repository, tag.tag, Reach::disk);
  if (!record) return failure(record.error());
  if (!*record) return false;
  Change change = begin();
  if (auto deleted = change.delete_tag(tag.repository, {tag.tag, **record}); !deleted)
    return failure(deleted.error());
  if (auto written = write(change); !written) return failure(written.error());
  return true;
}

Result<bool> References::forget_link(const LinkOf& link) {
  const Lock lock(mutex_);
  auto linked = catalog_.has_link(link.digest, link.repository, Reach::disk);
  if (!linked || !*linked) return linked;
  Change change = begin();
  change.batch().delete_link(link.digest, link.repository);
  if (auto queued = change.review_soon(link.repository, link.digest); !queued) return failure(queued.error());
  if (auto written = write(change); !written) return failure(written.error());
  return true;
}

Result<References::Reviewed> References::leave_account(const DigestLock&, const Digest& digest,
                                                       const std::string& route, const TakeRoom& take_room) {
  const Lock lock(mutex_);
  Reviewed reviewed;
  const auto record = catalog_.blob(digest, Reach::disk);
  if (!record) return failure(record.error());
  if (!*record || (*record)->route != route) return reviewed;
  const auto routes = catalog_.by_digest().routes_of(digest);
  if (!routes) return failure(routes.error());
  if (routes->contains(route)) return reviewed;
  std::vector<std::string> takers(routes->begin(), routes->end());
  // Registries first, and of each kind those that are configured.
  std::stable_sort(takers.begin(), takers.end(), [&](const std::string& a, const std::string& b) {
    return std::pair(rules_.is_mirror(a), !rules_.is_configured(a)) <
           std::pair(rules_.is_mirror(b), !rules_.is_configured(b));
  });
  const auto pinned = is_pinned(catalog_, pins_, digest);
  if (!pinned) return failure(pinned.error());
  const bool is_needed = !takers.empty() && !rules_.is_mirror(takers.front());
  Change change = begin();
  for (const std::string& taker : takers) {
    if ((is_needed && rules_.is_mirror(taker)) || !take_room(**record, taker)) continue;
    BlobRecord given = **record;
    given.route = taker;
    change.batch().put_blob(digest, given, *record);
    if (auto written = write(change); !written) return failure(written.error());
    reviewed.given_to = taker;
    return reviewed;
  }
  if (is_needed || *pinned) return reviewed;
  const auto uses = uses_of(catalog_, digest);
  if (!uses) return failure(uses.error());
  leases_.release(digest);
  const BeingCollected collecting(leases_, digest, For::room);
  return collecting.is_begun() ? trash_blob(change, digest, **record, *uses) : reviewed;
}

}  // namespace breakwater::store

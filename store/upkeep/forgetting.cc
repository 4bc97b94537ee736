#include "store/upkeep/forgetting.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "store/base/disk.h"
#include "store/blobs/blobs.h"
#include "store/blobs/idle_partials.h"
#include "store/blobs/trash.h"
#include "store/capacity/budget.h"
#include "store/catalog/catalog.h"
#include "store/catalog/catalog_by_digest.h"
#include "store/catalog/catalog_keys.h"
#include "store/catalog/catalog_queues.h"
#include "store/catalog/catalog_state.h"
#include "store/catalog/catalog_walk.h"
#include "store/history/cache_generations.h"
#include "store/history/traffic_history.h"
#include "store/references/pins.h"
#include "store/references/references.h"
#include "store/references/route_rules.h"
#include "store/references/tag_histories.h"

namespace breakwater::store {
namespace {

constexpr size_t kRowsAtOnce = 100;
constexpr size_t kTrashedAtOnce = 1000;

// One route on its way out; or a look at it, which changes nothing.
class Route {
 public:
  Route(const Forgetting& forgetting, const std::string& route, std::stop_token stop)
      : parts_(forgetting.parts),
        blobs_(forgetting.blobs),
        partials_(forgetting.partials),
        trash_(forgetting.trash),
        route_(route),
        stop_(std::move(stop)) {}

  Result<> check() const;
  Result<Forgotten> look();
  Result<Forgotten> forget();

 private:
  // The calls for each that is left of its kind.
  Result<> each_upload(const std::function<Result<>(const std::string& id)>& call) const;
  Result<> each_manifest(const std::function<Result<>(const NamedManifest&)>& call);
  Result<> each_tag(const std::function<Result<>(const TagOf&)>& call);
  Result<> each_history(const std::function<Result<>(const TagHistory&)>& call);
  Result<> each_link(const std::function<Result<>(const LinkOf&)>& call);
  Result<> each_blob(const std::function<Result<>(const UsedBlob&)>& call);
  template <class Row, class Next, class IsOurs>
  Result<> each(std::string position, Next next, IsOurs is_ours,
                const std::function<Result<>(const Row&)>& call);
  bool is_stopped() { return forgotten_.is_cut = forgotten_.is_cut || stop_.stop_requested(); }

  Result<> forget_references();
  Result<> leave_account(const UsedBlob& blob);
  Result<> end();

  const Parts& parts_;
  Blobs& blobs_;
  IdlePartials& partials_;
  Trash& trash_;
  const std::string& route_;
  const std::stop_token stop_;
  size_t trashed_ = 0;
  Forgotten forgotten_;
};

Result<> Route::check() const {
  if (parts_.rules.is_configured(route_)) {
    return failure(Error::Kind::conflict, "the route " + route_ +
                                              " is configured: take it out of the configuration first, and "
                                              "start the server anew");
  }
  const auto left = left_routes(parts_);
  if (!left) return failure(left.error());
  const auto mirrors = parts_.catalog.state().mirrors();
  if (!mirrors) return failure(mirrors.error());
  bool is_known =
      left->contains(route_) || std::find(mirrors->begin(), mirrors->end(), route_) != mirrors->end();
  const auto note = [&](const std::string&) -> Result<> {
    is_known = true;
    return {};
  };
  if (auto noted = each_upload(note); !noted) return noted;
  if (is_known) return {};
  std::string known;
  for (const auto& [name, bytes] : *left) known += (known.empty() ? "" : ", ") + name;
  return failure(Error::Kind::not_found,
                 "nothing is left of a route " + route_ +
                     (known.empty() ? "" : "; routes that are not configured any more: " + known));
}

// --- what is left

// `is_ours(row)`: empty if no later row can be the route's.
template <class Row, class Next, class IsOurs>
Result<> Route::each(std::string position, Next next, IsOurs is_ours,
                     const std::function<Result<>(const Row&)>& call) {
  const auto skip = [this](const Error& error) {
    parts_.log.error("record_malformed", {{"error", error.message}});
  };
  while (!is_stopped()) {
    const Result<std::vector<Row>> rows = next(position, skip);
    if (!rows) return failure(rows.error());
    for (const Row& row : *rows) {
      const std::optional<bool> ours = is_ours(row);
      if (!ours) return {};
      if (!*ours) continue;
      if (auto called = call(row); !called) return called;
    }
    if (rows->size() < kRowsAtOnce) return {};
  }
  return {};
}

Result<> Route::each_manifest(const std::function<Result<>(const NamedManifest&)>& call) {
  const auto next = [&](std::string& position, const Malformed& malformed) {
    return parts_.catalog.walk().next_manifests(position, kRowsAtOnce, malformed);
  };
  // They stand together, in the order of the routes.
  const auto is_ours = [&](const NamedManifest& manifest) {
    return manifest.repository.route == route_ ? std::optional(true) : std::nullopt;
  };
  return each<NamedManifest>(repository_prefix(route_), next, is_ours, call);
}

Result<> Route::each_tag(const std::function<Result<>(const TagOf&)>& call) {
  const auto next = [&](std::string& position, const Malformed& malformed) {
    return parts_.catalog.walk().next_tags(position, kRowsAtOnce, malformed);
  };
  const auto is_ours = [&](const TagOf& tag) {
    return tag.repository.route == route_ ? std::optional(true) : std::nullopt;
  };
  return each<TagOf>(route_tag_prefix(route_), next, is_ours, call);
}

Result<> Route::each_history(const std::function<Result<>(const TagHistory&)>& call) {
  const auto next = [&](std::string& position, const Malformed& malformed) {
    return parts_.catalog.walk().next_histories(position, kRowsAtOnce, malformed);
  };
  const auto is_ours = [&](const TagHistory& history) {
    return history.repository.route == route_ ? std::optional(true) : std::nullopt;
  };
  return each<TagHistory>(route_history_prefix(route_), next, is_ours, call);
}

Result<> Route::each_link(const std::function<Result<>(const LinkOf&)>& call) {
  const auto next = [&](std::string& position, const Malformed& malformed) {
    return parts_.catalog.walk().next_links(position, kRowsAtOnce, malformed);
  };
  const auto is_ours = [&](const LinkOf& link) { return std::optional(link.repository.route == route_); };
  return each<LinkOf>("", next, is_ours, call);
}

Result<> Route::each_blob(const std::function<Result<>(const UsedBlob&)>& call) {
  const auto next = [&](std::string& position, const Malformed& malformed) {
    return parts_.catalog.walk().next_blobs(position, kRowsAtOnce, malformed);
  };
  const auto is_ours = [&](const UsedBlob& blob) { return std::optional(blob.record.route == route_); };
  return each<UsedBlob>("", next, is_ours, call);
}

Result<> Route::each_upload(const std::function<Result<>(const std::string& id)>& call) const {
  const auto ids = parts_.catalog.queues().upload_ids();
  if (!ids) return failure(ids.error());
  for (const std::string& id : *ids) {
    const auto record = parts_.catalog.upload(id, Reach::disk);
    if (!record && record.error().kind != Error::Kind::corrupt) return failure(record.error());
    if (!record || !*record || (*record)->route != route_) continue;
    if (auto called = call(id); !called) return called;
  }
  return {};
}

// --- a look

Result<Forgotten> Route::look() {
  const auto count = [](uint64_t& what) {
    return [&what](const auto&) -> Result<> {
      ++what;
      return {};
    };
  };
  const auto count_upload = [&](const std::string& id) -> Result<> {
    ++forgotten_.uploads;
    if (const auto partial = partials_.find(id)) forgotten_.bytes += on_disk(partial->bytes);
    return {};
  };
  if (auto counted = each_upload(count_upload); !counted) return failure(counted.error());
  if (auto counted = each_manifest(count(forgotten_.manifests)); !counted) return failure(counted.error());
  if (auto counted = each_tag(count(forgotten_.tags)); !counted) return failure(counted.error());
  if (auto counted = each_link(count(forgotten_.links)); !counted) return failure(counted.error());
  const auto count_blob = [&](const UsedBlob& blob) -> Result<> {
    auto routes = parts_.catalog.by_digest().routes_of(blob.digest);
    if (!routes) return failure(routes.error());
    routes->erase(route_);
    (routes->empty() ? forgotten_.bytes : forgotten_.bytes_handed) += on_disk(blob.record.size);
    return {};
  };
  if (auto counted = each_blob(count_blob); !counted) return failure(counted.error());
  return forgotten_;
}

// --- forgetting

Result<Forgotten> Route::forget() {
  parts_.log.info("forgetting_route", {{"route", route_}});
  const auto pins = parts_.pins.list();
  for (const Pin& pin : *pins) {
    const auto unpinned = pin.what.route == route_ ? parts_.references.unpin(pin.what) : Result<bool>(false);
    if (!unpinned) return failure(unpinned.error());
  }
  const auto forget_upload = [&](const std::string& id) -> Result<> {
    const auto partial = partials_.find(id);
    if (auto evicted = partials_.evict(id); !evicted) return evicted;
    partials_.delete_record(id);  // there may be a record without a partial
    ++forgotten_.uploads;
    if (partial) forgotten_.bytes += on_disk(partial->bytes);
    return {};
  };
  if (auto done = each_upload(forget_upload); !done) return failure(done.error());
  if (auto done = forget_references(); !done) return failure(done.error());
  // Not before all references are gone, because they need the blobs.
  const auto leave = [&](const UsedBlob& blob) { return leave_account(blob); };
  auto left = each_blob(leave);
  if (auto ended = end(); !ended) return failure(ended.error());
  if (!left) return failure(left.error());
  return forgotten_;
}

Result<> Route::forget_references() {
  const auto forget_tag = [&](const TagOf& tag) -> Result<> {
    const auto forgotten = parts_.references.forget_tag(tag);
    if (!forgotten) return failure(forgotten.error());
    if (*forgotten) ++forgotten_.tags;
    return {};
  };
  const auto forget_manifest = [&](const NamedManifest& manifest) -> Result<> {
    const auto forgotten = parts_.references.forget_manifest(manifest.repository, manifest.digest);
    if (!forgotten) return failure(forgotten.error());
    if (*forgotten) ++forgotten_.manifests;
    return {};
  };
  const auto forget_link = [&](const LinkOf& link) -> Result<> {
    const auto forgotten = parts_.references.forget_link(link);
    if (!forgotten) return failure(forgotten.error());
    if (*forgotten) ++forgotten_.links;
    return {};
  };
  const auto forget_history = [&](const TagHistory& history) {
    return parts_.tag_histories.remove(history.repository, history.tag);
  };
  if (auto done = parts_.traffic.forget(route_); !done) return done;
  if (auto done = parts_.generations.forget(route_); !done) return done;
  if (auto done = each_history(forget_history); !done) return done;
  if (auto done = each_tag(forget_tag); !done) return done;
  // Before the manifests: as long as one is there, the next call knows that the route is not forgotten yet.
  if (auto done = each_link(forget_link); !done) return done;
  return each_manifest(forget_manifest);
}

Result<> Route::leave_account(const UsedBlob& blob) {
  const auto left = blobs_.leave_account(blob.digest, route_);
  if (!left) return failure(left.error());
  if (left->given_to) forgotten_.bytes_handed += on_disk(blob.record.size);
  if (!left->blob) return {};
  forgotten_.bytes += on_disk(blob.record.size);
  // What cannot be removed now stays in the trash; end() tells of it.
  if (++trashed_ % kTrashedAtOnce == 0) (void)trash_.empty();
  return {};
}

// Frees what went into the trash, and forgets the route's name if nothing counts for it any more.
Result<> Route::end() {
  auto emptied = trash_.empty();
  const uint64_t taken = parts_.budget.of(route_).taken();
  // What lies in a trash that a backup holds is on its way out all the same.
  if (!trash_.is_held()) forgotten_.bytes_left = taken;
  if (emptied && taken == 0 && !forgotten_.is_cut) {
    parts_.budget.forget(route_);
    auto mirrors = parts_.catalog.state().mirrors();
    if (!mirrors) return failure(mirrors.error());
    if (std::erase(*mirrors, route_) > 0) {
      if (auto set = parts_.catalog.state().set_mirrors(*mirrors); !set) return set;
    }
  }
  parts_.log.info("route_forgotten", {{"route", route_},
                                      {"bytes", static_cast<int64_t>(forgotten_.bytes)},
                                      {"bytes_handed", static_cast<int64_t>(forgotten_.bytes_handed)},
                                      {"bytes_left", static_cast<int64_t>(forgotten_.bytes_left)}});
  return emptied ? parts_.catalog.sync() : emptied;
}

}  // namespace

Result<std::map<std::string, uint64_t>> left_routes(const Parts& parts) {
  const auto named = parts.catalog.routes();
  if (!named) return failure(named.error());
  std::map<std::string, uint64_t> left;
  for (const std::string& route : *named) left[route] = 0;
  for (const auto& [route, use] : parts.budget.routes()) {
    if (use.taken() > 0) left[route] = use.taken();
  }
  left.erase(std::string());
  std::erase_if(left, [&](const auto& route) { return parts.rules.is_configured(route.first); });
  return left;
}

Result<Forgotten> what_is_left_of(const Forgetting& forgetting, const std::string& route) {
  Route left(forgetting, route, {});
  if (auto checked = left.check(); !checked) return failure(checked.error());
  return left.look();
}

Result<Forgotten> forget_route(const Forgetting& forgetting, const std::string& route,
                               const std::stop_token& stop) {
  Route left(forgetting, route, stop);
  if (auto checked = left.check(); !checked) return failure(checked.error());
  return left.forget();
}

}  // namespace breakwater::store

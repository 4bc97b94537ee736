#include "store/upkeep/usage.h"

#include <optional>
#include <utility>

#include "store/base/disk.h"
#include "store/catalog/catalog.h"
#include "store/catalog/catalog_holders.h"
#include "store/files/files.h"
#include "store/references/pins.h"
#include "store/references/route_rules.h"

namespace breakwater::store {
namespace {

constexpr size_t kBlobsAtOnce = 256;

ClientUsage& client_of(Usage& usage, const std::string& route, const std::string& client) {
  const auto key = std::make_pair(route, client);
  const auto known = usage.clients.find(key);
  if (known != usage.clients.end()) return known->second;
  const bool has_place = client.empty() || usage.clients.size() < UsageWalk::kClientsMax;
  return has_place ? usage.clients[key] : usage.clients_left_out[route];
}

}  // namespace

// Adds up blob by blob. Of those who have the present blob only the first ones are remembered: whether there
// is a second route or repository is known when the next name comes.
class UsageWalk::Adding final : public CatalogHolders::Visitor {
 public:
  Adding(Usage& usage, const Pins& pins, size_t repositories_max)
      : usage_(usage), pins_(pins), repositories_max_(repositories_max) {}
  ~Adding() override { end(); }
  Adding(const Adding&) = delete;
  Adding& operator=(const Adding&) = delete;

  void blob(const UsedBlob& blob) override {
    end();
    blob_ = blob;
    bytes_ = on_disk(blob.record.size);
    payer_ = blob.record.route;
    ++usage_.blobs;
    usage_.blobs_bytes += bytes_;
    RouteUsage& payer = usage_.routes[payer_];
    ++payer.blobs;
    payer.paid_bytes += bytes_;
    ClientUsage& client = client_of(usage_, blob.record.route, blob.record.client);
    ++client.blobs;
    client.bytes += bytes_;
    is_begun_ = true;
  }

  void holder(const RepositoryKey& repository) override {
    if (first_) {
      if (!is_shared_) repository_of(*first_).shared_bytes += bytes_;
      is_shared_ = true;
      repository_of(repository).shared_bytes += bytes_;
    } else {
      first_ = repository;
    }
    if (repository.route == last_route_) return;
    may_be_pinned_ = may_be_pinned_ || pins_.has_any_of(repository.route);
    if (last_route_) usage_.routes[*last_route_].shared_bytes += bytes_;
    has_several_routes_ = last_route_.has_value();
    last_route_ = repository.route;
  }

  // Those of a route with pins: whether a pin covers them is to be asked when the pass is over.
  std::vector<UsedBlob> take_maybe_pinned() {
    end();
    return std::move(maybe_pinned_);
  }

 private:
  void end() {
    if (!std::exchange(is_begun_, false)) return;
    if (std::exchange(may_be_pinned_, false)) maybe_pinned_.push_back(*blob_);
    if (!first_) usage_.unheld_bytes += bytes_;
    if (is_shared_) usage_.shared_bytes += bytes_;
    if (first_ && !is_shared_) repository_of(*first_).unique_bytes += bytes_;
    if (last_route_) {
      RouteUsage& last = usage_.routes[*last_route_];
      (has_several_routes_ ? last.shared_bytes : last.unique_bytes) += bytes_;
    }
    const bool is_of_payer = !last_route_ || (!has_several_routes_ && *last_route_ == payer_);
    if (is_of_payer) usage_.routes[payer_].freed_bytes += bytes_;
    first_.reset();
    last_route_.reset();
    is_shared_ = has_several_routes_ = false;
  }

  RepositoryUsage& repository_of(const RepositoryKey& repository) {
    const auto known = usage_.repositories.find(repository);
    if (known != usage_.repositories.end()) return known->second;
    if (usage_.repositories.size() < repositories_max_) return usage_.repositories[repository];
    usage_.is_cut = true;
    return usage_.left_out;
  }

  Usage& usage_;
  const Pins& pins_;
  const size_t repositories_max_;
  std::vector<UsedBlob> maybe_pinned_;
  std::optional<UsedBlob> blob_;
  bool may_be_pinned_ = false;
  bool is_begun_ = false;
  uint64_t bytes_ = 0;
  std::string payer_;
  std::optional<RepositoryKey> first_;
  std::optional<std::string> last_route_;
  bool is_shared_ = false;           // several repositories have it
  bool has_several_routes_ = false;  // so do several routes
};

Result<> UsageWalk::step() {
  if (has_ended_) return {};
  const auto skip = [this](const Error& error) {
    parts_.log.error("record_malformed", {{"error", error.message}});
  };
  Adding adding(usage_, parts_.pins, repositories_max_);
  const auto seen = parts_.catalog.holders().next(position_, kBlobsAtOnce, skip, adding);
  if (!seen) return failure(seen.error());
  if (auto added = add_pinned(adding.take_maybe_pinned()); !added) return added;
  if (*seen == kBlobsAtOnce) return {};
  has_ended_ = true;
  return add_the_rest();
}

Result<> UsageWalk::add_pinned(const std::vector<UsedBlob>& maybe_pinned) {
  for (const UsedBlob& blob : maybe_pinned) {
    const auto pinned = is_pinned(parts_.catalog, parts_.pins, blob.digest);
    if (!pinned) return failure(pinned.error());
    const bool is_of_mirror = parts_.rules.is_mirror(blob.record.route);
    if (*pinned && is_of_mirror) usage_.routes[blob.record.route].pinned_bytes += on_disk(blob.record.size);
  }
  return {};
}

Result<> UsageWalk::add_the_rest() {
  if (auto added = add_incoming(); !added) return added;
  if (auto added = add_trash(); !added) return added;
  usage_.catalog_bytes = parts_.catalog.disk_bytes();
  return add_other();
}

Result<> UsageWalk::add_incoming() {
  const auto partials = parts_.files.partials();
  if (!partials) return failure(partials.error());
  for (const Files::Partial& partial : *partials) {
    const auto owner = owner_of_partial(partial.id);
    if (!owner) return failure(owner.error());
    RouteUsage& route = usage_.routes[owner->route];
    client_of(usage_, owner->route, owner->client).incoming_bytes += partial.stat.on_disk;
    route.incoming_bytes += partial.stat.on_disk;
    route.freed_bytes += partial.stat.on_disk;
    usage_.incoming_bytes += partial.stat.on_disk;
  }
  return {};
}

// Of an upload that is one request there is no record; the account of its route is all that knows of it.
Result<UploadRecord> UsageWalk::owner_of_partial(const std::string& id) const {
  const auto record = parts_.catalog.upload(id, Reach::disk);
  if (!record && record.error().kind != Error::Kind::corrupt) return failure(record.error());
  return record && *record ? **record : UploadRecord();
}

Result<> UsageWalk::add_trash() {
  const auto trashed = parts_.files.trashed();
  if (!trashed) return failure(trashed.error());
  for (const Digest& digest : *trashed) {
    // It may be freed already.
    if (const auto file = parts_.files.stat_trashed(digest)) usage_.trash_bytes += file->on_disk;
  }
  return {};
}

// The folders themselves, the files beside them, and broken logs of the catalog, which are folders of files.
Result<> UsageWalk::add_other() {
  const auto& root = parts_.files.root();
  usage_.other_bytes = parts_.files.directory_bytes();
  const auto entries = parts_.disk.list(root);
  if (!entries) return failure(entries.error());
  for (const DirectoryEntry& entry : *entries) {
    const bool is_counted =
        entry.name == "blobs" || entry.name == "incoming" || entry.name == "trash" || entry.name == "catalog";
    if (is_counted) continue;
    if (const auto found = parts_.disk.stat(root / entry.name)) usage_.other_bytes += found->on_disk;
    const auto below =
        entry.is_directory ? parts_.disk.list(root / entry.name) : Result<std::vector<DirectoryEntry>>();
    if (!below) continue;
    for (const DirectoryEntry& one : *below) {
      if (const auto found = parts_.disk.stat(root / entry.name / one.name))
        usage_.other_bytes += found->on_disk;
    }
  }
  return {};
}

}  // namespace breakwater::store

#include "store/upkeep/removal.h"

#include <algorithm>
#include <utility>

#include "store/base/disk.h"
#include "store/blobs/blobs.h"
#include "store/blobs/trash.h"
#include "store/catalog/catalog.h"
#include "store/references/references.h"
#include "store/references/route_rules.h"
#include "store/upkeep/removal_plan.h"

namespace breakwater::store {
namespace {

constexpr size_t kTrashedAtOnce = 1000;

// Does what was planned, step by step. Each step is complete by itself.
class Remover {
 public:
  Remover(const Removing& removing, RemovalPlan plan, const ManifestGone& gone, std::stop_token stop)
      : parts_(removing.parts),
        blobs_(removing.blobs),
        trash_(removing.trash),
        plan_(std::move(plan)),
        gone_(gone),
        stop_(std::move(stop)) {}

  Result<Removal> remove() {
    done_.is_of_mirror = plan_.removal.is_of_mirror;
    done_.is_cut = plan_.removal.is_cut;
    done_.kept = plan_.removal.kept;
    done_.kept_total = plan_.removal.kept_total;
    auto removed = remove_tags();
    if (removed && done_.is_of_mirror) removed = remove_content();
    if (removed && !done_.is_of_mirror) foretell();
    // What went into the trash before an error is freed all the same.
    auto emptied = trash_.empty();
    if (!removed) return failure(removed.error());
    if (!emptied) return failure(emptied.error());
    if (auto synced = parts_.catalog.sync(); !synced) return failure(synced.error());
    return std::move(done_);
  }

 private:
  bool is_stopped() {
    if (stop_.stop_requested()) done_.is_cut = true;
    return stop_.stop_requested();
  }

  Result<> remove_tags() {
    for (Removal::Tag& tag : plan_.removal.tags) {
      if (is_stopped()) break;
      // One that belongs to a manifest goes with it.
      const auto gone = tag.belongs && !done_.is_of_mirror
                            ? Result<bool>(true)
                            : parts_.references.delete_tag_if_unchanged(tag.repository, tag.tag);
      if (!gone) return failure(gone.error());
      if (!*gone) continue;
      if (!done_.is_of_mirror) tell(tag);
      done_.tags.push_back(std::move(tag));
    }
    return {};
  }

  void tell(const Removal::Tag& tag) const {
    parts_.log.info("tag_removed", {{"route", tag.repository.route},
                                    {"repository", tag.repository.repository},
                                    {"tag", tag.tag.tag},
                                    {"digest", tag.tag.record.digest.text()},
                                    {"reason", "an operator has deleted it"}});
  }

  // Of a registry, the rest goes by itself.
  void foretell() {
    done_.manifests = std::move(plan_.removal.manifests);
    done_.blobs = std::move(plan_.removal.blobs);
    done_.links = plan_.removal.links;
    done_.bytes = plan_.removal.bytes;
  }

  Result<> remove_content() {
    if (auto removed = remove_manifests(); !removed) return removed;
    if (auto removed = remove_links(); !removed) return removed;
    return remove_blobs();
  }

  Result<> remove_manifests() {
    for (Removal::Manifest& manifest : plan_.removal.manifests) {
      if (is_stopped()) break;
      const auto gone = parts_.references.delete_manifest_if_unneeded(manifest.repository, manifest.digest);
      if (!gone) return failure(gone.error());
      if (!*gone) continue;
      if (gone_) gone_(manifest.repository, manifest.digest);
      done_.manifests.push_back(std::move(manifest));
    }
    return {};
  }

  Result<> remove_links() {
    for (const LinkOf& link : plan_.links) {
      if (is_stopped()) break;
      const auto gone = parts_.references.delete_link_if_unneeded(link);
      if (!gone) return failure(gone.error());
    }
    done_.links = plan_.removal.links;
    return {};
  }

  // All that has left a repository is looked at, also what others have: it may be on the account of a route
  // that has it no more.
  Result<> remove_blobs() {
    size_t trashed = 0;
    for (const Removal::Blob& blob : plan_.leaving) {
      if (is_stopped()) break;
      const auto record = parts_.catalog.blob(blob.digest, Reach::disk);
      if (!record) return failure(record.error());
      // What a registry pays for is the collector's.
      if (!*record || !parts_.rules.is_mirror((*record)->route)) continue;
      const auto left = blobs_.leave_account(blob.digest, (*record)->route);
      if (!left) return failure(left.error());
      if (!left->blob) continue;
      done_.bytes += blob.bytes;
      done_.blobs.push_back(blob);
      // What cannot be removed now stays in the trash; remove() tells of it.
      if (++trashed % kTrashedAtOnce == 0) (void)trash_.empty();
    }
    return {};
  }

  const Parts& parts_;
  Blobs& blobs_;
  Trash& trash_;
  RemovalPlan plan_;
  const ManifestGone& gone_;
  const std::stop_token stop_;
  Removal done_;
};

}  // namespace

Result<Removal> plan_removal(const Removing& removing, const ImagePattern& what,
                             const std::stop_token& stop) {
  auto plan = RemovalPlan::of(removing.parts, what, removing.things_max, stop);
  if (!plan) return failure(plan.error());
  return std::move(plan->removal);
}

Result<Removal> remove(const Removing& removing, const ImagePattern& what, const ManifestGone& gone,
                       const std::stop_token& stop) {
  auto plan = RemovalPlan::of(removing.parts, what, removing.things_max, stop);
  if (!plan) return failure(plan.error());
  removing.parts.log.info("removing", {{"what", what.text()},
                                       {"tags", static_cast<int64_t>(plan->removal.tags.size())},
                                       {"manifests", static_cast<int64_t>(plan->removal.manifests.size())}});
  auto done = Remover(removing, *std::move(plan), gone, stop).remove();
  if (!done) return done;
  removing.parts.log.info("removed", {{"what", what.text()},
                                      {"tags", static_cast<int64_t>(done->tags.size())},
                                      {"manifests", static_cast<int64_t>(done->manifests.size())},
                                      {"bytes", static_cast<int64_t>(done->bytes)}});
  return done;
}

}  // namespace breakwater::store

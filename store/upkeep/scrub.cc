#include "store/upkeep/scrub.h"

#include <span>
#include <utility>

#include "store/base/disk.h"
#include "store/blobs/blobs.h"
#include "store/blobs/child_survey.h"
#include "store/catalog/catalog.h"
#include "store/catalog/catalog_state.h"
#include "store/catalog/catalog_walk.h"
#include "store/files/files.h"
#include "store/references/broken.h"
#include "store/references/liveness.h"
#include "store/references/references.h"
#include "store/references/route_rules.h"

namespace breakwater::store {
namespace {

constexpr uint64_t kSavedEvery = 256U << 20;  // of worth: what a restart looks at again at most

constexpr size_t kSuspectedMax = 10'000;
constexpr auto kUnwellMax = std::chrono::minutes(10);  // what a disk that comes to its senses may take

int64_t number(uint64_t value) { return static_cast<int64_t>(value); }

}  // namespace

Scrub::Scrub(const Parts& parts, Blobs& blobs, ReadManifest read_manifest)
    : parts_(parts),
      blobs_(blobs),
      walked_{parts.catalog, parts.files, parts.disk,
              [&rules = parts.rules](const std::string& route) { return rules.is_mirror(route); },
              std::move(read_manifest)} {
  const auto saved = parts_.catalog.state().scrub();
  if (!saved) parts_.log.warning("scrub_begins_anew", {{"error", saved.error().message}});
  if (!saved || !*saved) return;
  position_ = (*saved)->position;
  passed_at_ = (*saved)->passed_at.time_since_epoch().count();
}

Scrub::~Scrub() = default;

Result<uint64_t> Scrub::step() {
  // While the folder is away nothing is found out about what is in it.
  if (auto there = parts_.disk.check(); !there) return failure(there.error());
  if (!walk_) {
    Findings& findings = *this;
    walk_.emplace(walked_, findings, position_);
    malformed_.clear();
  }
  auto worth = walk_->step();
  if (!worth) return worth;
  unsaved_ += *worth;
  position_ = walk_->position();
  const bool is_through = walk_->ended();
  pass_share_ = is_through ? -1 : CatalogWalk::share_before(position_);
  if (is_through) {
    walk_.reset();
    parts_.broken.set_malformed(malformed_);
    passed_at_ = parts_.clock.wall().time_since_epoch().count();
    parts_.log.info(
        "scrubbed",
        {{"bytes", number(bytes_)}, {"found", number(found_)}, {"broken", number(parts_.broken.size())}});
  }
  if (is_through || unsaved_ >= kSavedEvery) {
    unsaved_ = 0;
    const ScrubRecord record{Time(Time::duration(passed_at_)), position_};
    if (auto saved = parts_.catalog.state().set_scrub(record); !saved) return failure(saved.error());
  }
  return is_through ? 0 : *worth;
}

Scrub::Stats Scrub::stats() const {
  const double share = pass_share_;
  return {bytes_, found_, Time(Time::duration(passed_at_)), share < 0 ? std::nullopt : std::optional(share)};
}

// --- findings

// `real` is what the store says about it, under its locks.
void Scrub::found(const Result<bool>& real, std::string_view what, const Digest& digest,
                  std::string_view why) {
  if (!real)
    parts_.log.error("not_mended",
                     {{"what", what}, {"digest", digest.text()}, {"error", real.error().message}});
  if (real && !*real) return;
  ++found_;
  if (!why.empty()) parts_.log.error(what, {{"digest", digest.text()}, {"error", why}});
}

void Scrub::corrupt(const UsedBlob& blob, const Error& error) {
  found(blobs_.delete_damaged_if_unchanged(blob), "blob_corrupt", blob.digest, error.message);
}

// A registry's blob stays, because the disk may come to its senses. A mirror's is fetched again, once a later
// pass could not read it either.
void Scrub::unreadable(const UsedBlob& blob, const Error& error) {
  if (!parts_.disk.check()) return;
  const auto needed = is_needed_by_registry(parts_.catalog, parts_.rules, blob.digest);
  const auto mended = needed && *needed ? parts_.references.note_unreadable(blob.digest)
                      : needed          ? delete_if_suspected(blob)
                                        : needed;
  found(mended, "blob_unreadable", blob.digest, error.message);
}

Result<bool> Scrub::delete_if_suspected(const UsedBlob& blob) {
  const Time now = parts_.clock.now();
  const auto suspected = suspected_.find(blob.digest);
  if (suspected == suspected_.end()) {
    if (suspected_.size() < kSuspectedMax) suspected_.emplace(blob.digest, now);
    return true;
  }
  if (now - suspected->second < kUnwellMax) return true;
  suspected_.erase(suspected);
  return blobs_.delete_damaged_if_unchanged(blob);
}

void Scrub::readable(const UsedBlob& blob) {
  suspected_.erase(blob.digest);
  bytes_ += blob.record.size;
  parts_.broken.remove({Broken::Thing::Kind::unreadable, blob.digest});
}

void Scrub::missing(const Digest& blob) {
  found(parts_.references.note_missing(blob), "blob_missing", blob, {});
}

void Scrub::dangling(const TagOf& tag) {
  found(parts_.references.note_dangling(tag), "tag_dangling", tag.record.digest, {});
}

void Scrub::edge_missing(const NamedManifest& manifest, const Digest& child, const EdgeRecord& edge) {
  const auto mended = parts_.references.add_edge(manifest.repository, manifest.digest, child, edge);
  found(mended, "edge_missing", child, {});
  // An edge that was missing has kept its child from being looked for.
  missing(child);
}

void Scrub::lacking(const Edge& edge) {
  const auto said = parts_.catalog.edge(edge.child, edge.repository, edge.parent);
  if (!said || !*said) return;
  ChildSurvey children(parts_.catalog, blobs_, edge.repository, walked_.read_manifest);
  const auto surveyed = children.survey_child({edge.child, **said});
  const bool is_whole = surveyed && children.missing().empty();
  const auto mended = parts_.references.note_lacking(
      edge, is_whole ? std::span<const ChildManifest>(children.adopted()) : std::span<const ChildManifest>());
  found(mended, "manifest_lacking", edge.child, {});
}

void Scrub::size_differs(const NamedManifest& manifest, const ManifestContent::Child& child, uint64_t size) {
  found(true, "size_differs", child.digest,
        "the manifest " + manifest.digest.text() + " of " + manifest.repository.repository + " gives it " +
            std::to_string(child.edge.size) + " bytes, and it has " + std::to_string(size));
}

void Scrub::edge_stray(const Edge& edge) {
  found(parts_.references.delete_stray_edge(edge), "edge_stray", edge.child, {});
}

// It is no damage: it is not counted as found, and not told.
void Scrub::link_stray(const LinkOf& link) {
  const auto deleted = parts_.references.delete_stray_link(link);
  if (!deleted) found(deleted, "link_stray", link.digest, {});
}

void Scrub::malformed(const Error& error) { malformed_.insert(error.message); }

}  // namespace breakwater::store

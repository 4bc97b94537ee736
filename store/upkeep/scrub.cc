#include "store/upkeep/scrub.h"

#include <utility>

namespace breakwater::store {
namespace {

constexpr uint64_t kSavedEvery = 256U << 20;  // of worth: what a restart looks at again at most

int64_t number(uint64_t value) { return static_cast<int64_t>(value); }

}  // namespace

Scrub::Scrub(Store& store, Disk& disk, const Clock& clock, Log& log, ReadManifest read_manifest)
    : store_(store),
      clock_(clock),
      log_(log),
      parts_{store.catalog(), store.blobs(), disk,
             [&store](const std::string& route) { return store.is_mirror(route); },
             std::move(read_manifest)} {
  const auto saved = store_.catalog().scrub();
  if (!saved) log_.warning("scrub_begins_anew", {{"error", saved.error().message}});
  if (!saved || !*saved) return;
  position_ = (*saved)->position;
  passed_at_ = (*saved)->passed_at.time_since_epoch().count();
}

Scrub::~Scrub() = default;

Result<uint64_t> Scrub::step() {
  if (!walk_) {
    Findings& findings = *this;
    walk_.emplace(parts_, findings, position_);
    malformed_.clear();
  }
  auto worth = walk_->step();
  if (!worth) return worth;
  unsaved_ += *worth;
  position_ = walk_->position();
  const bool is_through = walk_->ended();
  if (is_through) {
    walk_.reset();
    store_.note_malformed(malformed_);
    passed_at_ = clock_.now().time_since_epoch().count();
    log_.info(
        "scrubbed",
        {{"bytes", number(bytes_)}, {"found", number(found_)}, {"broken", number(store_.broken().size())}});
  }
  if (is_through || unsaved_ >= kSavedEvery) {
    unsaved_ = 0;
    const ScrubRecord record{Time(Time::duration(passed_at_)), position_};
    if (auto saved = store_.catalog().set_scrub(record); !saved) return failure(saved.error());
  }
  return is_through ? 0 : *worth;
}

Scrub::Stats Scrub::stats() const { return {bytes_, found_, Time(Time::duration(passed_at_))}; }

// --- findings

// `real` is what the store says about it, under its locks.
void Scrub::found(const Result<bool>& real, std::string_view what, const Digest& digest,
                  std::string_view why) {
  if (!real)
    log_.error("not_mended", {{"what", what}, {"digest", digest.text()}, {"error", real.error().message}});
  if (real && !*real) return;
  ++found_;
  if (!why.empty()) log_.error(what, {{"digest", digest.text()}, {"error", why}});
}

void Scrub::corrupt(const UsedBlob& blob, const Error& error) {
  found(store_.mend_corrupt(blob), "blob_corrupt", blob.digest, error.message);
}

void Scrub::unreadable(const UsedBlob& blob, const Error& error) {
  found(store_.mend_unreadable(blob), "blob_unreadable", blob.digest, error.message);
}

void Scrub::readable(const UsedBlob& blob) {
  bytes_ += blob.record.size;
  store_.note_readable(blob.digest);
}

void Scrub::missing(const Digest& blob) { found(store_.note_missing(blob), "blob_missing", blob, {}); }

void Scrub::unnamed(const TagOf& tag) {
  found(store_.note_unnamed(tag), "tag_unnamed", tag.record.digest, {});
}

void Scrub::edge_missing(const NamedManifest& manifest, const Digest& child, const EdgeRecord& edge) {
  found(store_.mend_edge(manifest.repository, manifest.digest, child, edge), "edge_missing", child, {});
  // An edge that was missing has kept its child from being looked for.
  missing(child);
}

void Scrub::edge_stray(const Edge& edge) { found(store_.drop_stray(edge), "edge_stray", edge.child, {}); }

void Scrub::malformed(const Error& error) { malformed_.insert(error.message); }

}  // namespace breakwater::store

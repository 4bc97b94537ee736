// The part of Store that makes blobs and manifests unknown again, and that notes when they were used.
#include <algorithm>
#include <utility>

#include "store/store.h"

namespace breakwater::store {
namespace {

// A pull of a hot blob changes its record at most once in this time.
constexpr auto kUseGranularity = std::chrono::minutes(1);

}  // namespace

Result<> Store::forget_blob(const Digest& digest) {
  const std::lock_guard lock(change_of(digest));
  return forget_locked(digest);
}

Result<> Store::forget_locked(const Digest& digest) {
  const auto record = catalog_->blob(digest, Reach::disk);
  if (!record) return failure(record.error());
  auto removed = blobs_.remove(digest);
  if (!removed && removed.error().kind != Error::Kind::not_found) {
    must_reconcile_ = true;
    return removed;
  }
  const std::lock_guard references(references_);
  auto forgotten = forget_record(digest, *record);
  if (!forgotten) must_reconcile_ = true;
  if (forgotten && *record) budget_.release((*record)->route, (*record)->size);
  if (!forgotten) return forgotten;
  const auto missed = is_missed(digest);
  if (!missed) return failure(missed.error());
  if (!*missed) return {};
  const auto noted = note_broken({Broken::Thing::Kind::missing, digest, std::nullopt, {}});
  return noted ? Result<>() : failure(noted.error());
}

// What the file takes is still on its account.
Result<> Store::forget_record(const Digest& digest, const std::optional<BlobRecord>& record) {
  Catalog::Batch batch;
  if (record) batch.remove_blob(digest, *record);
  if (auto forgotten = forget_in_mirrors(batch, digest); !forgotten) return forgotten;
  if (batch.empty()) return {};
  return catalog_->write(std::move(batch), Durability::buffered);
}

// A mirror asks upstream again; a registry's manifest or link is a promise. Left behind, links would
// outnumber what is stored.
Result<> Store::forget_in_mirrors(Catalog::Batch& batch, const Digest& digest) {
  const auto manifests = catalog_->manifests_of(digest);
  if (!manifests) return failure(manifests.error());
  for (const NamedManifest& manifest : *manifests) {
    if (!is_mirror(manifest.repository.route)) continue;
    if (auto removed = unrefer(batch, manifest); !removed) return removed;
  }
  const auto links = catalog_->links(digest);
  if (!links) return failure(links.error());
  for (const RepositoryKey& repository : *links) {
    if (is_mirror(repository.route)) batch.remove_link(digest, repository);
  }
  return {};
}

// Takes a manifest out of its repository, with its tags. What it has needed may be dead now, and what refers
// to it, and it itself.
Result<> Store::unrefer(Catalog::Batch& batch, const NamedManifest& manifest) {
  const RepositoryKey& repository = manifest.repository;
  batch.remove_manifest(repository, manifest.digest);
  batch.remove_link(manifest.digest, repository);
  const auto children = catalog_->children(repository, manifest.digest);
  if (!children) return failure(children.error());
  for (const Digest& child : *children) {
    batch.remove_edge(child, repository, manifest.digest);
    look_soon(batch, repository, child);
  }
  if (manifest.record.subject) batch.remove_referrer(repository, *manifest.record.subject, manifest.digest);
  const auto referrers = catalog_->referrers(repository, manifest.digest, std::nullopt, SIZE_MAX);
  if (!referrers) return failure(referrers.error());
  for (const NamedReferrer& referrer : *referrers) look_soon(batch, repository, referrer.digest);
  const auto tags = catalog_->tags_of(repository, manifest.digest);
  if (!tags) return failure(tags.error());
  for (const std::string& tag : *tags) {
    const auto record = catalog_->tag(repository, tag, Reach::disk);
    if (!record) return failure(record.error());
    if (*record) batch.remove_tag(repository, tag, **record);
  }
  look_soon(batch, repository, manifest.digest);
  return {};
}

Result<> Store::flush_uses() {
  std::unordered_map<Digest, Time, DigestHash> uses;
  {
    const std::lock_guard lock(uses_mutex_);
    uses.swap(uses_);
  }
  // One batch for each lock, so that none is held for long and few writes are made.
  std::unordered_map<std::mutex*, std::vector<std::pair<Digest, Time>>> by_lock;
  for (const auto& use : uses) by_lock[&change_of(use.first)].emplace_back(use);
  for (const auto& [mutex, some] : by_lock) {
    const std::lock_guard lock(*mutex);
    Catalog::Batch batch;
    for (const auto& [digest, used_at] : some) add_use(batch, digest, used_at);
    if (batch.empty()) continue;
    if (auto written = catalog_->write(std::move(batch), Durability::buffered); !written) return written;
  }
  return {};
}

// A use that cannot be noted makes its blob look older than it is, and nothing worse.
void Store::add_use(Catalog::Batch& batch, const Digest& digest, Time used_at) {
  const auto record = catalog_->blob(digest, Reach::disk);
  if (!record) log_.warning("use_not_noted", {{"digest", digest.text()}, {"error", record.error().message}});
  if (!record || !*record || used_at - (*record)->used_at < kUseGranularity) return;
  BlobRecord used = **record;
  used.used_at = used_at;
  batch.put_blob(digest, used, *record);
}

}  // namespace breakwater::store

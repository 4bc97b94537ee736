#include "routes/transfer/mirror_importer.h"

#include <algorithm>

#include "routes/oci/manifest.h"
#include "routes/transfer/small_file.h"
#include "store/blobs/blobs.h"
#include "store/blobs/manifests.h"
#include "store/capacity/capacity.h"
#include "store/catalog/catalog.h"
#include "store/catalog/store_clock.h"
#include "store/references/references.h"

namespace breakwater::routes {

using store::Digest;
using store::Reach;

Result<> MirrorImporter::import_tag(ImportSource& source, const Repository& repository, const Tag& tag) {
  if (auto imported = import_image(source, repository, tag.manifest); !imported) return imported;
  auto& store = parts_.store;
  const Digest& digest = tag.manifest.digest;
  const auto known = store.catalog().tag(repository, tag.name, Reach::disk);
  if (!known) return failure(known.error());
  if (*known) {
    ++((*known)->digest == digest ? report_.counts.tags_here : report_.counts.tags_kept);
    return {};
  }
  ++(here_.contains(digest) ? report_.counts.tags : report_.counts.tags_skipped);
  if (!here_.contains(digest) || parts_.is_dry) return {};
  const auto manifest = store.catalog().manifest(repository, digest, Reach::disk);
  if (!manifest) return failure(manifest.error());
  if (!*manifest) return {};  // it was evicted meanwhile
  store::TagRecord record{digest, (*manifest)->media_type, std::min(tag.set_at, parts_.clock.wall())};
  record.checked_at = std::min(store.clock().of_wall(tag.set_at), store.clock().now() - fresh_);
  // If somebody has pulled it meanwhile, that is newer.
  const auto taken = store.references().take_tag(repository, tag.name, record, std::nullopt);
  if (taken || taken.error().kind == Error::Kind::not_found) return {};
  return failure(taken.error());
}

Result<> MirrorImporter::import_manifest(ImportSource& source, const Repository& repository,
                                         const Named& named, int level) {
  if (seen_in_ != repository) {
    seen_.clear();
    here_.clear();
  }
  seen_in_ = repository;
  const Digest& digest = named.digest;
  if (level > store::kManifestLevelsMax || !seen_.insert(digest).second) return {};
  if (auto goes_on = parts_.check_stop(); !goes_on) return goes_on;
  const bool is_first = needed_.insert(digest).second;
  auto bytes = read_small_file(parts_.disk, source.file_of(digest), kManifestBytesMax);
  if (!bytes && bytes.error().kind == Error::Kind::not_found) return {};
  if (!bytes) {
    report_.lost(digest.text(), bytes.error().message);
    return {};
  }
  if (store::digest_of(digest.algorithm(), *bytes) != digest) {
    report_.lost(bytes->empty() ? Damage::empty_blob : Damage::corrupt_blob, digest.text(),
                 "its bytes are not of that digest");
    return {};
  }
  const auto manifest = read_carried_manifest(*bytes, named.media_type, digest);
  if (is_first) bytes_ += bytes->size();
  const auto taken = take_manifest(repository, digest, *bytes, manifest);
  if (!taken) return failure(taken.error());
  if (!*taken) return {};
  here_.insert(digest);
  const auto import_child = [&](const store::ManifestContent::Child& child) {
    return is_manifest_of(source, child)
               ? import_manifest(source, repository, {child.digest, type_of(source, child)}, level + 1)
               : import_blob(source, repository, child.digest, child.edge.size);
  };
  for (const auto& child : manifest.content.children) {
    if (auto done = import_child(child); !done) return done;
  }
  for (const auto& child : manifest.content.foreign) {
    if (auto done = import_child(child); !done) return done;
  }
  return {};
}

// False if there is no room for it.
Result<bool> MirrorImporter::take_manifest(const Repository& repository, const Digest& digest,
                                           const std::string& bytes, const Manifest& manifest) {
  auto& store = parts_.store;
  const auto known = store.catalog().manifest(repository, digest, Reach::disk);
  if (!known) return failure(known.error());
  ++(*known ? report_.counts.manifests_here : report_.counts.manifests);
  if (*known || parts_.is_dry) return true;
  Result<> put;
  if (store.capacity().has_room(repository.route, bytes.size(), 0)) {
    put = store.manifests().put(repository, digest, bytes, manifest.content, "", store::Durability::buffered);
  } else {
    put = failure(Error::Kind::full, "there is no room");
  }
  if (!put) --report_.counts.manifests;
  if (put) return true;
  if (put.error().kind != Error::Kind::full) return failure(put.error());
  report_.no_room(bytes.size());
  return false;
}

Result<bool> MirrorImporter::is_held(const Digest& digest) {
  const auto record = parts_.store.catalog().blob(digest, Reach::disk);
  if (!record) return failure(record.error());
  return *record && parts_.store.blobs().open(digest);
}

Result<> MirrorImporter::import_blob(ImportSource& source, const Repository& repository, const Digest& digest,
                                     uint64_t size) {
  if (!needed_.insert(digest).second) return {};
  if (auto goes_on = parts_.check_stop(); !goes_on) return goes_on;
  const auto file = source.file_of(digest);
  const auto found = parts_.disk.stat_target(file);
  if (!found && found.error().kind == Error::Kind::not_found) return {};
  if (!found || !found->is_file) {
    report_.lost(digest.text(), found ? file.string() + " is no regular file" : found.error().message);
    return {};
  }
  // A size of 0 is what a manifest gives that tells none.
  if (size > 0 && found->size < size) {
    report_.lost(found->size == 0 ? Damage::empty_blob : Damage::short_blob, digest.text(),
                 std::to_string(found->size) + " of " + std::to_string(size) + " bytes");
    return {};
  }
  bytes_ += found->size;
  const auto held = is_held(digest);
  if (!held) return failure(held.error());
  if (*held) ++report_.counts.blobs_here;
  if (parts_.is_dry || *held) {
    if (parts_.bytes != nullptr) *parts_.bytes += found->size;
    return {};
  }
  auto& store = parts_.store;
  const auto taken = store::import_blob(store.parts(), store.blobs(), store.capacity(), repository, digest,
                                        parts_.outside(), file, store::Capacity::Effort::none);
  if (auto goes_on = parts_.check_stop(); !goes_on) return goes_on;
  if (taken) {
    ++(*taken == store::Imported::held     ? report_.counts.blobs_here
       : *taken == store::Imported::linked ? report_.counts.blobs_linked
                                           : report_.counts.blobs_copied);
    return {};
  }
  switch (taken.error().kind) {
    case Error::Kind::full: report_.no_room(found->size); return {};
    case Error::Kind::conflict: return {};  // a client is fetching it now
    case Error::Kind::corrupt:
      report_.lost(Damage::corrupt_blob, digest.text(), taken.error().message);
      return {};
    case Error::Kind::not_found:
    case Error::Kind::unavailable: report_.lost(digest.text(), taken.error().message); return {};
    default: return failure(taken.error());
  }
}

}  // namespace breakwater::routes

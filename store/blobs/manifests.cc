#include "store/blobs/manifests.h"

#include <optional>
#include <utility>

#include "store/blobs/blobs.h"
#include "store/blobs/child_survey.h"
#include "store/capacity/capacity.h"
#include "store/catalog/catalog.h"
#include "store/files/files.h"
#include "store/history/cache_generations.h"
#include "store/references/digest_locks.h"
#include "store/references/references.h"
#include "store/references/route_rules.h"

namespace breakwater::store {

Result<std::vector<Digest>> Manifests::push(const RepositoryKey& repository, const Digest& digest,
                                            std::string_view bytes, const ManifestContent& content,
                                            const std::vector<std::string>& tags, const ReadManifest& read,
                                            Capacity::Effort effort) {
  if (!content.contradiction.empty()) return failure(Error::Kind::invalid, content.contradiction);
  ChildSurvey children(parts_.catalog, blobs_, repository, read);
  if (auto surveyed = children.survey(content); !surveyed) return failure(surveyed.error());
  if (!children.missing().empty()) return children.missing();
  return add({repository, digest, content, tags, true, std::nullopt, children.adopted()}, bytes,
             Durability::synced, effort);
}

Result<> Manifests::put(const RepositoryKey& repository, const Digest& digest, std::string_view bytes,
                        const ManifestContent& content, const std::string& tag, Durability durability) {
  std::vector<std::string> tags;
  if (!tag.empty()) tags.push_back(tag);
  const auto added = add({repository, digest, content, tags}, bytes, durability, Capacity::Effort::make_room);
  return added ? Result<>() : failure(added.error());
}

Result<std::vector<Digest>> Manifests::add(References::NewManifest manifest, std::string_view bytes,
                                           Durability durability, Capacity::Effort effort) {
  const Digest& digest = manifest.digest;
  if (digest_of(digest.algorithm(), bytes) != digest) {
    return failure(Error::Kind::corrupt,
                   "a manifest of " + std::to_string(bytes.size()) + " bytes is not " + digest.text());
  }
  std::optional<Reservation> reservation;
  for (bool is_added = false; !is_added;) {
    {
      const DigestLock lock = parts_.locks.lock(digest);
      const auto held = has_bytes(digest, bytes);
      if (!held) return failure(held.error());
      if (!*held && reservation) {
        if (auto stored = store_bytes(lock, manifest, bytes, *reservation); !stored)
          return failure(stored.error());
      }
      is_added = *held || reservation;
      auto missing =
          is_added ? parts_.references.add_manifest(lock, manifest) : Result<std::vector<Digest>>();
      if (!missing || !missing->empty()) return missing;
    }
    // Without the digest's lock, because making room takes such locks too.
    auto reserved =
        is_added ? Result<Reservation>() : capacity_.reserve(manifest.repository.route, bytes.size(), effort);
    if (!reserved) return failure(reserved.error());
    if (!is_added) reservation = *std::move(reserved);
  }
  blobs_.note_use(digest);
  note_generation(manifest);
  // Synced behind the locks: others need not wait for the disk to see what is true already.
  if (durability == Durability::buffered) return std::vector<Digest>();
  if (auto synced = parts_.catalog.sync(); !synced) return failure(synced.error());
  return std::vector<Digest>();
}

// A push does not fail for want of what is only to be looked at.
void Manifests::note_generation(const References::NewManifest& manifest) {
  auto noted = parts_.generations.note_push(manifest.repository, manifest.digest, manifest.content.children,
                                            manifest.tags);
  if (!noted) parts_.log.warning("generation_not_noted", {{"error", noted.error().message}});
}

Result<bool> Manifests::has_bytes(const Digest& digest, std::string_view bytes) {
  const auto record = parts_.catalog.blob(digest, Reach::disk);
  if (!record) return failure(record.error());
  // What a start found without a record is on nobody's account until it is stored again.
  if (!*record || (*record)->route.empty()) return false;
  const auto blob = parts_.files.open(digest, (*record)->size);
  return blob && parts_.files.read(*blob) == bytes;  // one that has rotted is written anew
}

Result<> Manifests::store_bytes(const DigestLock& lock, References::NewManifest& manifest,
                                std::string_view bytes, Reservation& reservation) {
  const Digest& digest = manifest.digest;
  const std::string id = "manifest-" + std::string(name_of(digest.algorithm())) + "-" + digest.hex();
  auto writer = parts_.files.receive(id, digest.algorithm());
  if (!writer) return failure(writer.error());
  (*writer)->set_client(manifest.content.client);
  std::optional<Time> review_after;
  if (!parts_.rules.is_mirror(manifest.repository.route))
    review_after = parts_.clock.now() + parts_.rules.lease();
  const auto commit = [&]() -> Result<> {
    if (auto appended = (*writer)->append(bytes); !appended) return appended;
    if (auto verified = (*writer)->verify(digest); !verified) return verified;
    const auto blob = blobs_.commit_manifest_bytes(lock, **writer, reservation, review_after);
    return blob ? Result<>() : failure(blob.error());
  };
  auto committed = commit();
  if (!committed) (*writer)->delete_partial();
  if (committed) manifest.review_after = review_after;
  return committed;
}

Result<std::string> Manifests::bytes(const RepositoryKey& repository, const Digest& digest) {
  const auto record = parts_.catalog.manifest(repository, digest, Reach::disk);
  if (!record) return failure(record.error());
  if (!*record) {
    return failure(Error::Kind::not_found, repository.repository + " has no manifest " + digest.text());
  }
  auto bytes = blobs_.bytes(digest);
  if (!bytes) return bytes;
  blobs_.note_use(digest);
  return bytes;
}

}  // namespace breakwater::store

// Manifests are stored and read here. The bytes of a manifest are stored as a blob; References keeps what the
// manifest names. push() goes through these steps:
//
//   1. Are all children of the manifest here, in the roles that it gives them? If not, the missing ones are
//      returned and nothing is stored (child_survey.h).
//   2. The manifest's bytes are stored as a blob, unless they are stored already.
//   3. One transaction checks the children again and writes manifest, edges, referrer and tags, and the
//      children that become manifests with it.
//   4. The catalog is synced, and the push is acknowledged.
//
// May block; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "store/base/result.h"
#include "store/blobs/parts.h"
#include "store/capacity/capacity.h"
#include "store/catalog/rows.h"
#include "store/references/references.h"

namespace breakwater::store {

class Blobs;
class Reservation;

class Manifests {
 public:
  Manifests(const Parts& parts, Blobs& blobs, Capacity& capacity)
      : parts_(parts), blobs_(blobs), capacity_(capacity) {}

  // For a registry: stores a manifest under all of `tags`, and returns an empty list. If the repository lacks
  // children of the manifest, these are returned and the manifest is not added. A child that the manifest
  // needs as a manifest, and that came as a blob, is read by `read`, and becomes a manifest if it is one; it
  // is missing without a `read`. `invalid` if the manifest gives a child another size than that has, or if
  // there are more than kManifestLevelsMax levels below it. `corrupt` if `bytes` are not `digest`. Synced.
  [[nodiscard]] Result<std::vector<Digest>> push(const RepositoryKey& repository, const Digest& digest,
                                                 std::string_view bytes, const ManifestContent& content,
                                                 const std::vector<std::string>& tags,
                                                 const ReadManifest& read = {},
                                                 Capacity::Effort effort = Capacity::Effort::make_room);
  // For a mirror: stores a manifest under `tag`, or under no tag if that is empty, even if its children are
  // not stored yet. `corrupt` if `bytes` are not `digest`.
  [[nodiscard]] Result<> put(const RepositoryKey& repository, const Digest& digest, std::string_view bytes,
                             const ManifestContent& content, const std::string& tag, Durability durability);
  // The bytes of a manifest that this repository has; `not_found` if the repository has no such manifest. The
  // bytes are hashed: if they are not `digest`, the stored file is deleted and the error is `corrupt`.
  [[nodiscard]] Result<std::string> bytes(const RepositoryKey& repository, const Digest& digest);

 private:
  Result<std::vector<Digest>> add(References::NewManifest manifest, std::string_view bytes,
                                  Durability durability, Capacity::Effort effort);
  void note_generation(const References::NewManifest& manifest);
  Result<bool> has_bytes(const Digest& digest, std::string_view bytes);
  Result<> store_bytes(const DigestLock& lock, References::NewManifest& manifest, std::string_view bytes,
                       Reservation& reservation);

  const Parts parts_;
  Blobs& blobs_;
  Capacity& capacity_;
};

}  // namespace breakwater::store

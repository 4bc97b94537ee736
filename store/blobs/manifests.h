// Manifests as they come in and are read: their bytes are a blob, and what they name is References' business.
//
// push():  is all there that it needs?  -  its bytes, stored if they are not here  -  manifest, edges,
// referrer and tags
//          in one transaction, which asks once more  -  the catalog's sync  -  acknowledged
// May block; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "store/base/result.h"
#include "store/blobs/parts.h"
#include "store/catalog/rows.h"
#include "store/references/references.h"

namespace breakwater::store {

class Blobs;
class Capacity;
class Reservation;

class Manifests {
 public:
  Manifests(const Parts& parts, Blobs& blobs, Capacity& capacity)
      : parts_(parts), blobs_(blobs), capacity_(capacity) {}

  // Of a registry: stores a manifest under all of `tags`, or returns the children that the repository does
  // not have, and has stored nothing. `corrupt` if `bytes` are not `digest`. Synced.
  [[nodiscard]] Result<std::vector<Digest>> push(const RepositoryKey& repository, const Digest& digest,
                                                 std::string_view bytes, const ManifestContent& content,
                                                 const std::vector<std::string>& tags);
  // Of a mirror: whatever of its children is here. `tag` may be empty.
  [[nodiscard]] Result<> put(const RepositoryKey& repository, const Digest& digest, std::string_view bytes,
                             const ManifestContent& content, const std::string& tag, Durability durability);
  // The bytes of a manifest that this repository has; `not_found` else. Verified against the digest on the
  // way.
  [[nodiscard]] Result<std::string> bytes(const RepositoryKey& repository, const Digest& digest);

 private:
  Result<std::vector<Digest>> add(References::NewManifest manifest, std::string_view bytes,
                                  Durability durability);
  Result<bool> has_bytes(const Digest& digest, std::string_view bytes);
  Result<> store_bytes(const DigestLock& lock, References::NewManifest& manifest, std::string_view bytes,
                       Reservation& reservation);

  const Parts parts_;
  Blobs& blobs_;
  Capacity& capacity_;
};

}  // namespace breakwater::store

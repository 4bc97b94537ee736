// Questions about who needs what, answered from the catalog. Nothing is changed. References asks them under
// its lock when it decides something by the answer. Without that lock an answer may be out of date as soon as
// it is given. May block, unless Reach::memory is asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "store/catalog/catalog.h"
#include "store/references/manifest_content.h"
#include "store/references/route_rules.h"

namespace breakwater::store {

// Whether `repository` may serve the blob: by a link, or because a manifest of the repository names it.
[[nodiscard]] Result<bool> may_serve(const Catalog& catalog, const RepositoryKey& repository,
                                     const Digest& digest, Reach reach);
// The children of the manifest that the repository lacks: that are not stored, that it may not serve, or that
// it has in another role than the manifest gives them. `adopted` are manifests that the repository gets
// together with this one. `invalid` if the manifest gives a child, or a foreign layer that is here, another
// size than it has.
[[nodiscard]] Result<std::vector<Digest>> missing_children(const Catalog& catalog,
                                                           const RepositoryKey& repository,
                                                           const ManifestContent& content,
                                                           const std::set<Digest>& adopted);
// `invalid` if the manifest gives the child, which has `size` bytes, another size: such a manifest could not
// be imported elsewhere.
[[nodiscard]] Result<> check_size(const ManifestContent::Child& child, uint64_t size);
// Whether it is stored, and the repository may serve it as a blob.
[[nodiscard]] Result<bool> has_blob(const Catalog& catalog, const RepositoryKey& repository,
                                    const Digest& digest);
// Whether it is stored, and a manifest of the repository.
[[nodiscard]] Result<bool> has_manifest(const Catalog& catalog, const RepositoryKey& repository,
                                        const Digest& digest);

// Whether a manifest is alive: tagged, child of a manifest that is here, or referrer of one.
[[nodiscard]] Result<bool> is_alive(const Catalog& catalog, const NamedManifest& manifest);
// Whether some manifest needs the digest, or it is a manifest that is alive.
[[nodiscard]] Result<bool> is_needed(const Catalog& catalog, const Digest& digest);
// Whether a route that cannot fetch the digest again has it or needs it.
[[nodiscard]] Result<bool> is_needed_by_registry(const Catalog& catalog, const RouteRules& rules,
                                                 const Digest& digest);

// The repositories that may serve a digest, those of which a manifest needs it, and those in which it is a
// manifest.
struct Uses {
  std::vector<RepositoryKey> links;
  std::vector<RepositoryKey> needing;
  std::vector<NamedManifest> manifests;
  bool is_whole = true;  // false: there are more links or needing repositories than were asked for
};
// At most `limit` links, and as many needing repositories; without the manifests if there are more.
[[nodiscard]] Result<Uses> uses_of(const Catalog& catalog, const Digest& digest, size_t limit = SIZE_MAX);

// Whether a registry needs the digest (as a manifest, or as a manifest's child) and no blob of it is stored.
[[nodiscard]] Result<bool> is_missing(const Catalog& catalog, const RouteRules& rules, const Digest& digest);
// Whether the parent is here and needs the child as a manifest, and their repository has no such manifest.
[[nodiscard]] Result<bool> lacks_manifest(const Catalog& catalog, const Edge& edge);
// Whether the tag still names that digest, and its repository has no such manifest.
[[nodiscard]] Result<bool> is_dangling(const Catalog& catalog, const TagOf& tag);

}  // namespace breakwater::store

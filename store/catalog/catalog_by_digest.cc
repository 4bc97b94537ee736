#include "store/catalog/catalog_by_digest.h"

#include <string_view>
#include <utility>

#include "store/catalog/catalog_keys.h"
#include "store/catalog/database.h"

namespace breakwater::store {

Result<std::vector<NamedManifest>> CatalogByDigest::manifests_of(const Digest& digest) const {
  const std::string prefix = manifest_of_prefix(digest);
  std::vector<RepositoryKey> repositories;
  auto scanned = database_.scan(prefix, [&](std::string_view key, std::string_view) -> Result<bool> {
    KeyReader in(key, prefix.size());
    repositories.push_back(in.repository());
    if (in.failed()) return malformed_key();
    return true;
  });
  if (!scanned) return failure(scanned.error());
  std::vector<NamedManifest> manifests;
  for (RepositoryKey& repository : repositories) {
    auto record = database_.get<ManifestRecord>(manifest_key(repository, digest), Reach::disk);
    if (!record) return failure(record.error());
    if (*record) manifests.push_back({std::move(repository), digest, **std::move(record)});
  }
  return manifests;
}

Result<std::vector<Parent>> CatalogByDigest::parents(const Digest& child) const {
  const std::string prefix = edge_prefix(child);
  std::vector<Parent> parents;
  auto scanned = database_.scan(prefix, [&](std::string_view key, std::string_view value) -> Result<bool> {
    KeyReader in(key, prefix.size());
    RepositoryKey repository = in.repository();
    const Digest parent = in.digest();
    if (in.failed()) return malformed_key();
    auto edge = decode<EdgeRecord>(value);
    if (!edge) return failure(edge.error());
    parents.push_back({std::move(repository), parent, *std::move(edge)});
    return true;
  });
  if (!scanned) return failure(scanned.error());
  return parents;
}

Result<std::vector<RepositoryKey>> CatalogByDigest::repositories_naming(const Digest& child,
                                                                        size_t limit) const {
  const std::string prefix = edge_prefix(child);
  std::vector<RepositoryKey> repositories;
  auto leapt = database_.leap(prefix, prefix, [&](std::string_view key) -> Result<std::string> {
    KeyReader in(key, prefix.size());
    repositories.push_back(in.repository());
    if (in.failed()) return malformed_key();
    return repositories.size() < limit ? behind_name(edge_prefix(child, repositories.back())) : std::string();
  });
  if (!leapt) return failure(leapt.error());
  return repositories;
}

Result<std::vector<RepositoryKey>> CatalogByDigest::links(const Digest& blob, size_t limit) const {
  const std::string prefix = link_prefix(blob);
  std::vector<RepositoryKey> links;
  auto scanned = database_.scan(prefix, [&](std::string_view key, std::string_view) -> Result<bool> {
    KeyReader in(key, prefix.size());
    links.push_back(in.repository());
    if (in.failed()) return malformed_key();
    return links.size() < limit;
  });
  if (!scanned) return failure(scanned.error());
  return links;
}

Result<std::set<std::string>> CatalogByDigest::routes_of(const Digest& digest) const {
  return routes_beside(digest, {});
}

Result<std::set<std::string>> CatalogByDigest::routes_beside(const Digest& digest,
                                                             const RepositoryKey& but) const {
  std::set<std::string> routes;
  for (const std::string& prefix : {link_prefix(digest), edge_prefix(digest)}) {
    auto leapt = database_.leap(prefix, prefix, [&](std::string_view key) -> Result<std::string> {
      KeyReader in(key, prefix.size());
      const RepositoryKey repository = in.repository();
      if (in.failed()) return malformed_key();
      const std::string of_route = prefix + repository.route + '\0';
      if (repository == but) return behind_name(of_route + repository.repository + '\0');
      routes.insert(repository.route);
      return behind_name(of_route);
    });
    if (!leapt) return failure(leapt.error());
  }
  return routes;
}

}  // namespace breakwater::store

#include "store/references/liveness.h"

#include <algorithm>
#include <utility>

namespace breakwater::store {

Result<bool> may_serve(const Catalog& catalog, const RepositoryKey& repository, const Digest& digest,
                       Reach reach) {
  auto linked = catalog.has_link(digest, repository, reach);
  if (!linked || *linked) return linked;
  const auto parent = catalog.parent_in(digest, repository, reach);
  if (!parent) return failure(parent.error());
  return parent->has_value();
}

Result<std::vector<Digest>> missing_children(const Catalog& catalog, const RepositoryKey& repository,
                                             const ManifestContent& content) {
  std::vector<Digest> missing;
  for (const ManifestContent::Child& child : content.children) {
    const auto held = has_child(catalog, repository, child.digest);
    if (!held) return failure(held.error());
    if (!*held) missing.push_back(child.digest);
  }
  return missing;
}

Result<bool> has_child(const Catalog& catalog, const RepositoryKey& repository, const Digest& digest) {
  auto served = may_serve(catalog, repository, digest, Reach::disk);
  if (!served || !*served) return served;
  const auto record = catalog.blob(digest, Reach::disk);
  if (!record) return failure(record.error());
  return record->has_value();
}

Result<bool> is_alive(const Catalog& catalog, const NamedManifest& manifest) {
  const auto tags = catalog.tags_of(manifest.repository, manifest.digest);
  if (!tags) return failure(tags.error());
  if (!tags->empty()) return true;
  // The parent is here, or its edge would have gone with it.
  const auto parent = catalog.parent_in(manifest.digest, manifest.repository, Reach::disk);
  if (!parent) return failure(parent.error());
  if (*parent) return true;
  if (!manifest.record.subject) return false;
  const auto subject = catalog.manifest(manifest.repository, *manifest.record.subject, Reach::disk);
  if (!subject) return failure(subject.error());
  return subject->has_value();
}

Result<bool> is_needed(const Catalog& catalog, const Digest& digest) {
  const auto parents = catalog.parents(digest);
  if (!parents) return failure(parents.error());
  if (!parents->empty()) return true;
  const auto manifests = catalog.manifests_of(digest);
  if (!manifests) return failure(manifests.error());
  for (const NamedManifest& manifest : *manifests) {
    const auto alive = is_alive(catalog, manifest);
    if (!alive || *alive) return alive;
  }
  return false;
}

Result<bool> is_needed_by_registry(const Catalog& catalog, const RouteRules& rules, const Digest& digest) {
  const auto routes = catalog.routes_of(digest);
  if (!routes) return failure(routes.error());
  return !std::all_of(routes->begin(), routes->end(),
                      [&](const std::string& route) { return rules.is_mirror(route); });
}

Result<Uses> uses_of(const Catalog& catalog, const Digest& digest) {
  auto links = catalog.links(digest);
  if (!links) return failure(links.error());
  auto needing = catalog.repositories_naming(digest);
  if (!needing) return failure(needing.error());
  return Uses{*std::move(links), *std::move(needing)};
}

Result<bool> is_missing(const Catalog& catalog, const RouteRules& rules, const Digest& digest) {
  const auto record = catalog.blob(digest, Reach::disk);
  if (!record) return failure(record.error());
  if (*record) return false;
  const auto manifests = catalog.manifests_of(digest);
  if (!manifests) return failure(manifests.error());
  const auto needing = catalog.repositories_naming(digest);
  if (!needing) return failure(needing.error());
  const auto is_registry = [&](const RepositoryKey& repository) {
    return !rules.is_mirror(repository.route);
  };
  return std::any_of(manifests->begin(), manifests->end(),
                     [&](const NamedManifest& manifest) { return is_registry(manifest.repository); }) ||
         std::any_of(needing->begin(), needing->end(), is_registry);
}

Result<bool> is_dangling(const Catalog& catalog, const TagOf& tag) {
  const auto now = catalog.tag(tag.repository, tag.tag, Reach::disk);
  if (!now) return failure(now.error());
  if (!*now || (*now)->digest != tag.record.digest) return false;
  const auto manifest = catalog.manifest(tag.repository, tag.record.digest, Reach::disk);
  if (!manifest) return failure(manifest.error());
  return !manifest->has_value();
}

}  // namespace breakwater::store

#include "store/references/liveness.h"

#include <algorithm>
#include <utility>
#include "store/catalog/catalog_by_digest.h"

namespace breakwater::store {

Result<bool> may_serve(const Catalog& catalog, const RepositoryKey& repository, const Digest& digest,
                       Reach reach) {
  auto linked = catalog.has_link(digest, repository, reach);
  if (!linked || *linked) return linked;
  const auto parent = catalog.parent_in(digest, repository, reach);
  if (!parent) return failure(parent.error());
  return parent->has_value();
}

namespace {

enum class Role { blob, manifest };

// The blob, if it is stored and the repository has it in that role.
Result<std::optional<BlobRecord>> find_as(const Catalog& catalog, const RepositoryKey& repository,
                                          const Digest& digest, Role role) {
  if (role == Role::manifest) {
    const auto record = catalog.manifest(repository, digest, Reach::disk);
    if (!record) return failure(record.error());
    if (!*record) return std::nullopt;
  } else {
    const auto served = may_serve(catalog, repository, digest, Reach::disk);
    if (!served) return failure(served.error());
    if (!*served) return std::nullopt;
  }
  return catalog.blob(digest, Reach::disk);
}

}  // namespace

Result<std::vector<Digest>> missing_children(const Catalog& catalog, const RepositoryKey& repository,
                                             const ManifestContent& content,
                                             const std::set<Digest>& adopted) {
  std::vector<Digest> missing;
  for (const ManifestContent::Child& child : content.children) {
    const bool is_manifest = child.edge.is_manifest && !adopted.contains(child.digest);
    const auto held = find_as(catalog, repository, child.digest, is_manifest ? Role::manifest : Role::blob);
    if (!held) return failure(held.error());
    if (!*held) missing.push_back(child.digest);
    if (auto right = *held ? check_size(child, (*held)->size) : Result<>(); !right)
      return failure(right.error());
  }
  for (const ManifestContent::Child& child : content.foreign) {
    if (child.edge.size == 0) continue;
    const auto held = find_as(catalog, repository, child.digest, Role::blob);
    if (!held) return failure(held.error());
    if (auto right = *held ? check_size(child, (*held)->size) : Result<>(); !right)
      return failure(right.error());
  }
  return missing;
}

Result<> check_size(const ManifestContent::Child& child, uint64_t size) {
  if (size == child.edge.size) return {};
  return failure(Error::Kind::invalid, "manifest: it gives " + child.digest.text() + " a size of " +
                                           std::to_string(child.edge.size) + " bytes, and that has " +
                                           std::to_string(size));
}

Result<bool> has_blob(const Catalog& catalog, const RepositoryKey& repository, const Digest& digest) {
  const auto found = find_as(catalog, repository, digest, Role::blob);
  if (!found) return failure(found.error());
  return found->has_value();
}

Result<bool> has_manifest(const Catalog& catalog, const RepositoryKey& repository, const Digest& digest) {
  const auto found = find_as(catalog, repository, digest, Role::manifest);
  if (!found) return failure(found.error());
  return found->has_value();
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
  const auto naming = catalog.by_digest().repositories_naming(digest, 1);
  if (!naming) return failure(naming.error());
  if (!naming->empty()) return true;
  const auto manifests = catalog.by_digest().manifests_of(digest);
  if (!manifests) return failure(manifests.error());
  for (const NamedManifest& manifest : *manifests) {
    const auto alive = is_alive(catalog, manifest);
    if (!alive || *alive) return alive;
  }
  return false;
}

Result<bool> is_needed_by_registry(const Catalog& catalog, const RouteRules& rules, const Digest& digest) {
  const auto routes = catalog.by_digest().routes_of(digest);
  if (!routes) return failure(routes.error());
  return !std::all_of(routes->begin(), routes->end(),
                      [&](const std::string& route) { return rules.is_mirror(route); });
}

Result<Uses> uses_of(const Catalog& catalog, const Digest& digest, size_t limit) {
  auto links = catalog.by_digest().links(digest, limit);
  if (!links) return failure(links.error());
  auto needing = catalog.by_digest().repositories_naming(digest, limit);
  if (!needing) return failure(needing.error());
  Uses uses{*std::move(links), *std::move(needing), {}, true};
  uses.is_whole = uses.links.size() < limit && uses.needing.size() < limit;
  if (!uses.is_whole) return uses;
  auto manifests = catalog.by_digest().manifests_of(digest);
  if (!manifests) return failure(manifests.error());
  uses.manifests = *std::move(manifests);
  return uses;
}

Result<bool> is_missing(const Catalog& catalog, const RouteRules& rules, const Digest& digest) {
  const auto record = catalog.blob(digest, Reach::disk);
  if (!record) return failure(record.error());
  if (*record) return false;
  const auto manifests = catalog.by_digest().manifests_of(digest);
  if (!manifests) return failure(manifests.error());
  const auto needing = catalog.by_digest().repositories_naming(digest);
  if (!needing) return failure(needing.error());
  const auto is_registry = [&](const RepositoryKey& repository) {
    return !rules.is_mirror(repository.route);
  };
  return std::any_of(manifests->begin(), manifests->end(),
                     [&](const NamedManifest& manifest) { return is_registry(manifest.repository); }) ||
         std::any_of(needing->begin(), needing->end(), is_registry);
}

Result<bool> lacks_manifest(const Catalog& catalog, const Edge& edge) {
  const auto parent = catalog.manifest(edge.repository, edge.parent, Reach::disk);
  if (!parent) return failure(parent.error());
  const auto said = catalog.edge(edge.child, edge.repository, edge.parent);
  if (!said) return failure(said.error());
  if (!*parent || !*said || !(*said)->is_manifest) return false;
  const auto child = catalog.manifest(edge.repository, edge.child, Reach::disk);
  if (!child) return failure(child.error());
  return !child->has_value();
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

// The part of Store that mends what a walk through it has found, or names what it cannot mend.
#include <algorithm>
#include <utility>

#include "store/store.h"

namespace breakwater::store {
namespace {

constexpr size_t kTagsNamedMax = 20;  // in one line of the log

}  // namespace

Result<bool> Store::mend_corrupt(const UsedBlob& blob) {
  const std::lock_guard lock(change_of(blob.digest));
  const auto record = catalog_->blob(blob.digest, Reach::disk);
  if (!record) return failure(record.error());
  // Removed meanwhile, or stored anew: that one is another file.
  if (!*record || (*record)->stored_at != blob.record.stored_at) return false;
  if (auto forgotten = forget_locked(blob.digest); !forgotten) return failure(forgotten.error());
  return true;
}

Result<bool> Store::mend_unreadable(const UsedBlob& blob) {
  {
    const std::lock_guard references(references_);
    const auto missed = is_needed_elsewhere(blob.digest);
    if (!missed) return failure(missed.error());
    if (*missed) return note_broken({Broken::Thing::Kind::unreadable, blob.digest, std::nullopt, {}});
  }
  return mend_corrupt(blob);
}

Result<bool> Store::note_missing(const Digest& digest) {
  const std::lock_guard references(references_);
  auto missed = is_missed(digest);
  if (!missed || !*missed) return missed;
  return note_broken({Broken::Thing::Kind::missing, digest, std::nullopt, {}});
}

Result<bool> Store::note_unnamed(const TagOf& tag) {
  const std::lock_guard references(references_);
  auto unnamed = is_unnamed(tag);
  if (!unnamed || !*unnamed) return unnamed;
  return note_broken({Broken::Thing::Kind::unnamed, tag.record.digest, tag, {}});
}

Result<bool> Store::mend_edge(const RepositoryKey& repository, const Digest& parent, const Digest& child,
                              const EdgeRecord& edge) {
  const std::lock_guard references(references_);
  const auto manifest = catalog_->manifest(repository, parent, Reach::disk);
  if (!manifest) return failure(manifest.error());
  if (!*manifest) return false;
  const auto known = catalog_->children(repository, parent);
  if (!known) return failure(known.error());
  if (std::find(known->begin(), known->end(), child) != known->end()) return false;
  Catalog::Batch batch;
  batch.put_edge(child, repository, parent, edge);
  if (auto written = catalog_->write(std::move(batch), Durability::buffered); !written)
    return failure(written.error());
  log_.error("edge_mended", {{"route", repository.route},
                             {"repository", repository.repository},
                             {"parent", parent.text()},
                             {"child", child.text()}});
  return true;
}

Result<bool> Store::drop_stray(const Edge& edge) {
  const std::lock_guard references(references_);
  const auto manifest = catalog_->manifest(edge.repository, edge.parent, Reach::disk);
  if (!manifest) return failure(manifest.error());
  if (*manifest) return false;
  Catalog::Batch batch;
  batch.remove_edge(edge.child, edge.repository, edge.parent);
  look_soon(batch, edge.repository, edge.child);
  if (auto written = catalog_->write(std::move(batch), Durability::buffered); !written)
    return failure(written.error());
  log_.error("edge_dropped", {{"route", edge.repository.route},
                              {"repository", edge.repository.repository},
                              {"parent", edge.parent.text()},
                              {"child", edge.child.text()}});
  return true;
}

Result<> Store::look_at_broken() {
  for (const Broken::Thing& thing : broken_.things()) {
    const std::lock_guard references(references_);
    const auto broken = is_broken(thing);
    if (!broken) return failure(broken.error());
    if (!*broken) broken_.remove(thing);
  }
  return {};
}

// Whether there is no blob, and a manifest of a registry is it or names it.
Result<bool> Store::is_missed(const Digest& digest) {
  const auto record = catalog_->blob(digest, Reach::disk);
  if (!record) return failure(record.error());
  if (*record) return false;
  const auto manifests = catalog_->manifests_of(digest);
  if (!manifests) return failure(manifests.error());
  const auto parents = catalog_->parents(digest);
  if (!parents) return failure(parents.error());
  return std::any_of(manifests->begin(), manifests->end(),
                     [&](const NamedManifest& manifest) { return !is_mirror(manifest.repository.route); }) ||
         std::any_of(parents->begin(), parents->end(),
                     [&](const Parent& parent) { return !is_mirror(parent.repository.route); });
}

Result<bool> Store::is_unnamed(const TagOf& tag) {
  const auto now = catalog_->tag(tag.repository, tag.tag, Reach::disk);
  if (!now) return failure(now.error());
  if (!*now || (*now)->digest != tag.record.digest) return false;
  const auto manifest = catalog_->manifest(tag.repository, tag.record.digest, Reach::disk);
  if (!manifest) return failure(manifest.error());
  return !manifest->has_value();
}

Result<bool> Store::is_broken(const Broken::Thing& thing) {
  if (thing.kind == Broken::Thing::Kind::missing) return is_missed(thing.digest);
  if (thing.kind == Broken::Thing::Kind::unnamed) return is_unnamed(*thing.tag);
  const auto record = catalog_->blob(thing.digest, Reach::disk);
  if (!record) return failure(record.error());
  return record->has_value();  // whether its bytes can be read again, the scrub will say
}

// False if it was known.
Result<bool> Store::note_broken(Broken::Thing thing) {
  auto affected = affected_by(*catalog_, thing.digest, kTagsNamedMax);
  if (!affected) return failure(affected.error());
  if (thing.kind == Broken::Thing::Kind::unnamed) {
    affected->routes = {thing.tag->repository.route};
    affected->tags = {thing.name()};
  }
  std::erase_if(affected->routes, [this](const std::string& route) { return is_mirror(route); });
  thing.routes = std::move(affected->routes);
  if (!broken_.add(thing)) return false;
  const char* what =
      thing.kind == Broken::Thing::Kind::unreadable ? "the disk cannot read it" : "it is not there any more";
  log_.error("broken", {{"digest", thing.digest.text()}, {"what", what}, {"breaks", affected->text()}});
  return true;
}

void Store::note_readable(const Digest& digest) {
  broken_.remove({Broken::Thing::Kind::unreadable, digest, std::nullopt, {}});
}

void Store::note_malformed(const std::set<std::string>& records) {
  for (const std::string& record : broken_.set_malformed(records))
    log_.error("broken", {{"what", "a record of the catalog"}, {"error", record}});
}

}  // namespace breakwater::store

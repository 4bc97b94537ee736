// The part of Store that tells clients of a registry what it has, and keeps it for as long as they may rely
// on that.
#include <algorithm>
#include <utility>

#include "store/store.h"

namespace breakwater::store {

// Empty if it is just being collected, and waiting for that would block.
std::optional<Leases::Ticket> Store::take_lease(const RepositoryKey& repository, const Digest& digest,
                                                Leases::Kind kind, Reach reach) {
  auto ticket = leases_.take(digest, kind, repository);
  while (!ticket && reach == Reach::disk) {
    // Whoever removes it holds this.
    { const std::lock_guard lock(change_of(digest)); }
    ticket = leases_.take(digest, kind, repository);
  }
  return ticket;
}

Result<Blob> Store::hold_blob(const RepositoryKey& repository, const Digest& digest, Reach reach,
                              Leases::Kind lease) {
  const auto ticket = take_lease(repository, digest, lease, reach);
  if (!ticket) return failure(Error::Kind::would_block, digest.text() + " is being collected");
  const auto find = [&]() -> Result<Blob> {
    const auto served = may_serve(repository, digest, reach);
    if (!served) return failure(served.error());
    if (!*served)
      return failure(Error::Kind::not_found, repository.repository + " has no blob " + digest.text());
    return reach == Reach::memory ? open_blob_if_warm(digest) : open_blob(digest);
  };
  auto blob = find();
  if (!blob) leases_.undo(digest, *ticket);
  if (blob) note_use(digest);
  return blob;
}

Result<Store::HeldManifest> Store::hold_manifest(const RepositoryKey& repository, const Digest& digest,
                                                 Reach reach, Leases::Kind lease) {
  const auto ticket = take_lease(repository, digest, lease, reach);
  if (!ticket) return failure(Error::Kind::would_block, digest.text() + " is being collected");
  const auto record = catalog_->manifest(repository, digest, reach);
  // Its bytes may be lost, and then nobody must be told that it is there: a client that has it pushes it
  // anew.
  const auto blob = record && *record ? catalog_->blob(digest, reach) : Result<std::optional<BlobRecord>>();
  if (record && *record && blob && *blob) {
    note_use(digest);
    return HeldManifest{digest, **record};
  }
  leases_.undo(digest, *ticket);
  if (!record) return failure(record.error());
  if (!blob) return failure(blob.error());
  return failure(Error::Kind::not_found, repository.repository + " has no manifest " + digest.text());
}

Result<Store::HeldManifest> Store::hold_tag(const RepositoryKey& repository, const std::string& tag,
                                            Reach reach, Leases::Kind lease) {
  std::optional<Digest> looked_for;
  for (;;) {
    const auto record = catalog_->tag(repository, tag, reach);
    if (!record) return failure(record.error());
    if (!*record) return failure(Error::Kind::not_found, repository.repository + " has no tag " + tag);
    auto held = hold_manifest(repository, (*record)->digest, reach, lease);
    const bool is_gone = !held && held.error().kind == Error::Kind::not_found;
    // Collected between the two looks only if the tag was moved in between: it names another manifest now.
    if (!is_gone || looked_for == (*record)->digest) return held;
    looked_for = (*record)->digest;
  }
}

Result<bool> Store::mount_blob(const RepositoryKey& to, const std::string& from, const Digest& digest) {
  const auto ticket = take_lease(to, digest, Leases::Kind::delivered, Reach::disk);
  auto mounted = link_from(to, from, digest);
  if (!mounted || !*mounted) leases_.undo(digest, *ticket);
  if (!mounted || !*mounted) return mounted;
  if (auto synced = catalog_->sync(); !synced) return failure(synced.error());
  return true;
}

Result<bool> Store::link_from(const RepositoryKey& to, const std::string& from, const Digest& digest) {
  // Opened first: of a file that is gone nobody must be told.
  if (const auto blob = open_blob(digest); !blob) {
    if (blob.error().kind == Error::Kind::not_found) return false;
    return failure(blob.error());
  }
  const std::lock_guard references(references_);
  auto served = may_serve_any(to.route, from, digest);
  if (!served || !*served) return served;
  const auto record = catalog_->blob(digest, Reach::disk);
  if (!record) return failure(record.error());
  if (!*record) return false;
  const Time now = clock_.now();
  Catalog::Batch batch;
  batch.put_link(digest, to, {now});
  batch.put_look(now + settings_.lease, digest);
  if (auto written = catalog_->write(std::move(batch), Durability::buffered); !written)
    return failure(written.error());
  return true;
}

// Whether the repository called `name` may serve it, or any of the route if that is empty.
Result<bool> Store::may_serve_any(const std::string& route, const std::string& name, const Digest& digest) {
  if (!name.empty()) return may_serve({route, name}, digest, Reach::disk);
  const auto links = catalog_->links(digest);
  if (!links) return failure(links.error());
  return std::any_of(links->begin(), links->end(),
                     [&](const RepositoryKey& repository) { return repository.route == route; });
}

}  // namespace breakwater::store

// The part of Store that removes what a client wants to be gone, unless something that stays needs it.
#include <algorithm>
#include <utility>

#include "store/store.h"

namespace breakwater::store {
namespace {

constexpr size_t kTagsNamedMax = 5;

}  // namespace

Result<> Store::remove_tag(const RepositoryKey& repository, const std::string& tag) {
  {
    const std::lock_guard references(references_);
    const auto record = catalog_->tag(repository, tag, Reach::disk);
    if (!record) return failure(record.error());
    if (!*record) return failure(Error::Kind::not_found, repository.repository + " has no tag " + tag);
    if (auto removed = drop_tag(repository, {tag, **record}); !removed) return removed;
  }
  return catalog_->sync();
}

// False if it was pushed again since it was read as `tag`: then it is another promise. Not synced: if the
// power goes, it is decided again.
Result<bool> Store::remove_unchanged(const RepositoryKey& repository, const NamedTag& tag) {
  const std::lock_guard references(references_);
  const auto record = catalog_->tag(repository, tag.tag, Reach::disk);
  if (!record) return failure(record.error());
  if (!*record || (*record)->digest != tag.record.digest || (*record)->set_at != tag.record.set_at)
    return false;
  if (auto removed = drop_tag(repository, tag); !removed) return failure(removed.error());
  return true;
}

Result<> Store::drop_tag(const RepositoryKey& repository, const NamedTag& tag) {
  const Digest& digest = tag.record.digest;
  Catalog::Batch batch;
  batch.remove_tag(repository, tag.tag, tag.record);
  if (!is_mirror(repository.route)) {
    if (auto left = leave_untagged(batch, repository, digest); !left) return left;
  }
  return catalog_->write(std::move(batch), Durability::buffered);
}

Result<> Store::remove_manifest(const RepositoryKey& repository, const Digest& digest) {
  {
    const std::lock_guard references(references_);
    const auto record = catalog_->manifest(repository, digest, Reach::disk);
    if (!record) return failure(record.error());
    if (!*record)
      return failure(Error::Kind::not_found, repository.repository + " has no manifest " + digest.text());
    if (auto free = check_unneeded(repository, digest); !free) return free;
    Catalog::Batch batch;
    if (auto removed = unrefer(batch, {repository, digest, **record}); !removed) return removed;
    if (auto written = catalog_->write(std::move(batch), Durability::buffered); !written) return written;
  }
  return catalog_->sync();
}

Result<> Store::remove_blob(const RepositoryKey& repository, const Digest& digest) {
  {
    const std::lock_guard references(references_);
    const auto link = catalog_->link(digest, repository, Reach::disk);
    if (!link) return failure(link.error());
    if (!*link)
      return failure(Error::Kind::not_found, repository.repository + " has no blob " + digest.text());
    const auto manifest = catalog_->manifest(repository, digest, Reach::disk);
    if (!manifest) return failure(manifest.error());
    if (*manifest)
      return failure(Error::Kind::conflict, digest.text() + " is a manifest of " + repository.repository);
    if (auto free = check_unneeded(repository, digest); !free) return free;
    Catalog::Batch batch;
    batch.remove_link(digest, repository);
    look_soon(batch, repository, digest);
    if (auto written = catalog_->write(std::move(batch), Durability::buffered); !written) return written;
  }
  return catalog_->sync();
}

// `conflict` names a manifest of the repository that needs it, and tags of that.
Result<> Store::check_unneeded(const RepositoryKey& repository, const Digest& digest) {
  const auto parent = catalog_->parent_in(digest, repository, Reach::disk);
  if (!parent) return failure(parent.error());
  if (!*parent) return {};
  const auto tags = catalog_->tags_of(repository, (*parent)->parent);
  if (!tags) return failure(tags.error());
  std::string message = digest.text() + " is needed by the manifest " + (*parent)->parent.text();
  for (size_t i = 0; i < std::min(tags->size(), kTagsNamedMax); ++i)
    message += (i == 0 ? ", tagged " : ", ") + (*tags)[i];
  return failure(Error::Kind::conflict, message);
}

// Queues a look at something that has lost a reference: a registry's may be dead now. Mirrors lose what is
// least recently used instead.
void Store::look_soon(Catalog::Batch& batch, const RepositoryKey& repository, const Digest& digest) {
  if (!is_mirror(repository.route)) batch.put_look(clock_.now(), digest);
}

}  // namespace breakwater::store

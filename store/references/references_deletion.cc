// The part of References that deletes what a client asks for, and tags for those who decide by policy or
// room.
#include "store/references/references.h"

#include <algorithm>

#include "store/catalog/catalog.h"
#include "store/references/change.h"
#include "store/references/dependents.h"
#include "store/references/pins.h"

namespace breakwater::store {
namespace {

constexpr size_t kTagsNamedMax = 5;  // in the message of a refusal

}  // namespace

Result<> References::delete_tag(const RepositoryKey& repository, const std::string& tag) {
  {
    const Lock lock(mutex_);
    const auto record = catalog_.tag(repository, tag, Reach::disk);
    if (!record) return failure(record.error());
    if (!*record) return failure(Error::Kind::not_found, repository.repository + " has no tag " + tag);
    Change change = begin();
    if (auto deleted = change.delete_tag(repository, {tag, **record}); !deleted) return deleted;
    if (auto written = write(change); !written) return written;
  }
  return catalog_.sync();
}

Result<bool> References::delete_tag_if_unchanged(const RepositoryKey& repository, const NamedTag& tag) {
  const Lock lock(mutex_);
  return delete_unchanged(repository, tag);
}

Result<bool> References::delete_tag_if_orphaned(const RepositoryKey& repository, const NamedTag& tag) {
  const Lock lock(mutex_);
  const auto judged = judge(catalog_, repository, tag);
  if (!judged) return failure(judged.error());
  if (!judged->depends || judged->subject) return false;
  return delete_unchanged(repository, tag);
}

Result<bool> References::delete_unchanged(const RepositoryKey& repository, const NamedTag& tag) {
  const auto record = catalog_.tag(repository, tag.tag, Reach::disk);
  if (!record) return failure(record.error());
  if (!*record || (*record)->digest != tag.record.digest || (*record)->pushed() != tag.record.pushed())
    return false;
  if (pins_.covers_tag(repository, tag.tag)) return false;
  Change change = begin();
  if (auto deleted = change.delete_tag(repository, tag); !deleted) return failure(deleted.error());
  if (auto written = write(change); !written) return failure(written.error());
  return true;
}

Result<> References::delete_manifest(const RepositoryKey& repository, const Digest& digest) {
  {
    const Lock lock(mutex_);
    const auto record = catalog_.manifest(repository, digest, Reach::disk);
    if (!record) return failure(record.error());
    if (!*record) {
      return failure(Error::Kind::not_found, repository.repository + " has no manifest " + digest.text());
    }
    if (auto unneeded = check_unneeded(repository, digest); !unneeded) return unneeded;
    Change change = begin();
    if (auto deleted = change.delete_manifest({repository, digest, **record}); !deleted) return deleted;
    if (auto written = write(change); !written) return written;
  }
  return catalog_.sync();
}

Result<> References::delete_link(const RepositoryKey& repository, const Digest& digest) {
  {
    const Lock lock(mutex_);
    const auto linked = catalog_.has_link(digest, repository, Reach::disk);
    if (!linked) return failure(linked.error());
    if (!*linked)
      return failure(Error::Kind::not_found, repository.repository + " has no blob " + digest.text());
    const auto manifest = catalog_.manifest(repository, digest, Reach::disk);
    if (!manifest) return failure(manifest.error());
    if (*manifest) {
      return failure(Error::Kind::conflict, digest.text() + " is a manifest of " + repository.repository);
    }
    if (auto unneeded = check_unneeded(repository, digest); !unneeded) return unneeded;
    Change change = begin();
    change.batch().delete_link(digest, repository);
    if (auto queued = change.review_soon(repository, digest); !queued) return queued;
    if (auto written = write(change); !written) return written;
  }
  return catalog_.sync();
}

// `conflict` names a manifest of the repository that needs it, and tags of that.
Result<> References::check_unneeded(const RepositoryKey& repository, const Digest& digest) {
  const auto parent = catalog_.parent_in(digest, repository, Reach::disk);
  if (!parent) return failure(parent.error());
  if (!*parent) return {};
  const auto tags = catalog_.tags_of(repository, (*parent)->parent);
  if (!tags) return failure(tags.error());
  std::string message = digest.text() + " is needed by the manifest " + (*parent)->parent.text();
  for (size_t i = 0; i < std::min(tags->size(), kTagsNamedMax); ++i) {
    message += (i == 0 ? ", tagged " : ", ") + (*tags)[i];
  }
  return failure(Error::Kind::conflict, message);
}

}  // namespace breakwater::store

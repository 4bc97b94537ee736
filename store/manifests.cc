// The part of Store that takes manifests in: first their bytes, then in one batch what they refer to and what
// refers to them.
#include <algorithm>
#include <utility>

#include "store/store.h"

namespace breakwater::store {

// One manifest on its way in.
struct Store::Put {
  const RepositoryKey& repository;
  const Digest& digest;
  std::string_view bytes;
  const ManifestContent& content;
  const std::vector<std::string>& tags;
  bool needs_children = false;        // a push: nothing is stored while one is missing
  std::optional<Time> look_due = {};  // of the look that storing its bytes has queued
  std::vector<Digest> missing = {};   // those
};

Result<> Store::put_manifest(const RepositoryKey& repository, const Digest& digest, std::string_view bytes,
                             const ManifestContent& content, const std::string& tag, Durability durability) {
  std::vector<std::string> tags;
  if (!tag.empty()) tags.push_back(tag);
  Put one{repository, digest, bytes, content, tags};
  return put(one, durability);
}

Result<std::vector<Digest>> Store::push_manifest(const RepositoryKey& repository, const Digest& digest,
                                                 std::string_view bytes, const ManifestContent& content,
                                                 const std::vector<std::string>& tags) {
  // Asked before anything is stored, and so that the answer under the lock comes from memory. What has lost
  // its file is not there.
  for (const ManifestContent::Child& child : content.children) {
    const auto blob = open_blob(child.digest);
    if (!blob && blob.error().kind != Error::Kind::not_found) return failure(blob.error());
  }
  auto missing = missing_children(repository, content);
  if (!missing || !missing->empty()) return missing;
  Put one{repository, digest, bytes, content, tags, true};
  if (auto stored = put(one, Durability::synced); !stored) return failure(stored.error());
  return std::move(one.missing);
}

Result<> Store::put(Put& put, Durability durability) {
  if (digest_of(put.digest.algorithm(), put.bytes) != put.digest) {
    return failure(Error::Kind::corrupt, "a manifest of " + std::to_string(put.bytes.size()) +
                                             " bytes is not " + put.digest.text());
  }
  {
    std::unique_lock lock(change_of(put.digest));
    auto held = holds_bytes(put);
    if (!held) return failure(held.error());
    if (!*held) {
      // Reserved without the digest's lock, because making room takes such locks too.
      lock.unlock();
      auto reservation = reserve(put.repository.route, put.bytes.size());
      if (!reservation) return failure(reservation.error());
      lock.lock();
      if (auto stored = store_bytes(put, *reservation); !stored) return stored;
    }
    if (auto referred = refer(put); !referred) return referred;
  }
  note_use(put.digest);
  // Synced behind the locks: others need not wait for the disk to see what is true already.
  return durability == Durability::synced ? catalog_->sync() : Result<>();
}

Result<bool> Store::holds_bytes(const Put& put) {
  const auto record = catalog_->blob(put.digest, Reach::disk);
  if (!record) return failure(record.error());
  if (!*record) return false;
  const auto blob = blobs_.open(put.digest, (*record)->size);
  return blob && read_blob(*blob) == put.bytes;  // one that has rotted is written anew
}

Result<> Store::store_bytes(Put& put, Reservation& reservation) {
  const std::string id = "manifest-" + std::string(name_of(put.digest.algorithm())) + "-" + put.digest.hex();
  auto writer = blobs_.receive(id, put.digest.algorithm());
  if (!writer) return failure(writer.error());
  const auto commit = [&]() -> Result<> {
    if (auto appended = (*writer)->append(put.bytes); !appended) return appended;
    if (auto verified = (*writer)->verify(put.digest); !verified) return verified;
    const auto previous = catalog_->blob(put.digest, Reach::disk);
    if (!previous) return failure(previous.error());
    Catalog::Batch batch;
    const Time due = clock_.now() + settings_.lease;
    const bool is_pushed = !is_mirror(put.repository.route);
    if (is_pushed) batch.put_look(due, put.digest);
    auto blob = commit_locked(**writer, reservation, *previous, std::move(batch), Durability::buffered);
    if (!blob) return failure(blob.error());
    if (is_pushed) put.look_due = due;
    return {};
  };
  auto committed = commit();
  if (!committed) (*writer)->discard();
  return committed;
}

Result<> Store::refer(Put& put) {
  const RepositoryKey& repository = put.repository;
  const bool is_pushed = !is_mirror(repository.route);
  const std::lock_guard references(references_);
  if (put.needs_children) {
    auto missing = missing_children(repository, put.content);
    if (!missing) return failure(missing.error());
    put.missing = *std::move(missing);
    if (!put.missing.empty()) return {};
  }
  const auto known = catalog_->manifest(repository, put.digest, Reach::disk);
  if (!known) return failure(known.error());
  const Time now = clock_.now();
  ManifestRecord record = put.content.record;
  record.pushed_at = now;
  const bool is_untagged = is_pushed && put.tags.empty();
  const Time kept_until = is_untagged ? untagged_until(repository, put.digest) : Time();
  if (is_untagged && policy_for(repository).untagged_after) record.kept_until = kept_until;
  Catalog::Batch batch;
  batch.put_manifest(repository, put.digest, record);
  batch.put_link(put.digest, repository, {now});
  for (const ManifestContent::Child& child : put.content.children)
    batch.put_edge(child.digest, repository, put.digest, child.edge);
  std::vector<Digest> welcome;
  for (const ManifestContent::Child& child :
       is_pushed ? put.content.welcome : std::vector<ManifestContent::Child>()) {
    const auto held = has(repository, child.digest);
    if (!held) return failure(held.error());
    if (!*held) continue;
    batch.put_edge(child.digest, repository, put.digest, child.edge);
    welcome.push_back(child.digest);
  }
  // Of the same bytes a type of another kind may have another subject, or none.
  if (*known && (*known)->subject) batch.remove_referrer(repository, *(*known)->subject, put.digest);
  if (record.subject && !put.content.referrer_descriptor.empty()) {
    batch.put_referrer(repository, *record.subject, put.digest,
                       {put.content.referrer_descriptor, record.artifact_type});
  }
  for (const std::string& tag : put.tags) {
    if (auto added = add_tag(batch, repository, tag, put.digest, record.media_type); !added) return added;
  }
  // That was for the case that it does not come so far. Whatever takes a tag from it, or has none for it now,
  // queues one that is due in its time.
  if (put.look_due) batch.remove_look(*put.look_due, put.digest);
  if (is_untagged) batch.put_look(kept_until, put.digest);
  // Until a tag or a parent comes: an index is pushed after its children, a referrer maybe before its
  // subject.
  if (is_untagged) (void)leases_.take(put.digest, Leases::Kind::delivered, repository);
  if (auto written = catalog_->write(std::move(batch), Durability::buffered); !written) return written;
  // One that was here has had its deliveries: those of now are for others.
  if (!is_pushed || *known) return {};
  for (const ManifestContent::Child& child : put.content.children) leases_.fulfil(child.digest, repository);
  for (const Digest& child : welcome) leases_.fulfil(child, repository);
  return {};
}

// What the tag named before may be dead now. A push sets a tag anew, also to what it named: it is the newest
// then.
Result<> Store::add_tag(Catalog::Batch& batch, const RepositoryKey& repository, const std::string& tag,
                        const Digest& digest, const std::string& media_type) {
  const auto before = catalog_->tag(repository, tag, Reach::disk);
  if (!before) return failure(before.error());
  const Time now = clock_.now();
  TagRecord record{digest, media_type, now, now, now};
  if (*before) record.pulled_at = (*before)->pulled_at;
  const bool is_moved = *before && (*before)->digest != digest;
  if (is_moved && !is_mirror(repository.route)) {
    if (auto left = leave_untagged(batch, repository, (*before)->digest); !left) return left;
  }
  if (*before && !is_moved && is_mirror(repository.route)) record.set_at = (*before)->set_at;
  batch.put_tag(repository, tag, record, *before);
  return {};
}

Result<std::vector<Digest>> Store::missing_children(const RepositoryKey& repository,
                                                    const ManifestContent& content) {
  std::vector<Digest> missing;
  for (const ManifestContent::Child& child : content.children) {
    const auto held = has(repository, child.digest);
    if (!held) return failure(held.error());
    if (!*held) missing.push_back(child.digest);
  }
  return missing;
}

// Whether it is stored and this repository's.
Result<bool> Store::has(const RepositoryKey& repository, const Digest& child) {
  auto served = may_serve(repository, child, Reach::disk);
  if (!served || !*served) return served;
  const auto record = catalog_->blob(child, Reach::disk);
  if (!record) return failure(record.error());
  return record->has_value();
}

Result<> Store::put_tag(const RepositoryKey& repository, const std::string& tag, const TagRecord& record,
                        Durability durability) {
  const std::lock_guard references(references_);
  const auto manifest = catalog_->manifest(repository, record.digest, Reach::disk);
  if (!manifest) return failure(manifest.error());
  if (!*manifest)
    return failure(Error::Kind::not_found,
                   repository.repository + " has no manifest " + record.digest.text());
  const auto before = catalog_->tag(repository, tag, Reach::disk);
  if (!before) return failure(before.error());
  Catalog::Batch batch;
  batch.put_tag(repository, tag, record, *before);
  return catalog_->write(std::move(batch), durability);
}

Result<std::string> Store::manifest_bytes(const RepositoryKey& repository, const Digest& digest) {
  const auto record = catalog_->manifest(repository, digest, Reach::disk);
  if (!record) return failure(record.error());
  if (!*record)
    return failure(Error::Kind::not_found, repository.repository + " has no manifest " + digest.text());
  const auto blob = open_blob(digest);
  if (!blob) return failure(blob.error());
  auto bytes = read_blob(*blob);
  if (!bytes) return bytes;
  if (digest_of(digest.algorithm(), *bytes) != digest) {
    // Read again under the lock: a put may have replaced it by a right one.
    const std::lock_guard lock(change_of(digest));
    const auto again = blobs_.open(digest, blob->size);
    if (again) bytes = read_blob(*again);
    if (again && bytes && digest_of(digest.algorithm(), *bytes) == digest) return bytes;
    log_.error("blob_corrupt", {{"digest", digest.text()}});
    if (auto forgotten = forget_locked(digest); !forgotten) return failure(forgotten.error());
    return failure(Error::Kind::corrupt,
                   "the stored manifest " + digest.text() + " does not match its digest any more");
  }
  note_use(digest);
  return bytes;
}

}  // namespace breakwater::store

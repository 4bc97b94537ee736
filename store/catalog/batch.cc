#include "store/catalog/batch.h"

#include <string>

#include "store/catalog/batch_impl.h"
#include "store/catalog/catalog_keys.h"

namespace breakwater::store {

Batch::Batch() : impl_(std::make_unique<Impl>()) {}
Batch::~Batch() = default;
Batch::Batch(Batch&&) noexcept = default;

void Batch::put_tag(const RepositoryKey& repository, const std::string& tag, const TagRecord& record,
                    const std::optional<TagRecord>& previous) {
  impl_->changes_needs = true;
  if (previous) impl_->writes.Delete(tag_of_key(repository, previous->digest, tag));
  impl_->writes.Put(tag_key(repository, tag), encode(record));
  impl_->writes.Put(tag_of_key(repository, record.digest, tag), rocksdb::Slice());
}
void Batch::delete_tag(const RepositoryKey& repository, const std::string& tag, const TagRecord& previous) {
  impl_->changes_needs = true;
  impl_->writes.Delete(tag_of_key(repository, previous.digest, tag));
  impl_->writes.Delete(tag_key(repository, tag));
  impl_->writes.Delete(generations_key(repository, tag));
}

void Batch::put_history(const RepositoryKey& repository, const std::string& tag,
                        const TagHistoryRecord& record) {
  impl_->writes.Put(history_key(repository, tag), encode(record));
}
void Batch::delete_history(const RepositoryKey& repository, const std::string& tag) {
  impl_->writes.Delete(history_key(repository, tag));
}

void Batch::put_manifest(const RepositoryKey& repository, const Digest& digest,
                         const ManifestRecord& record) {
  impl_->writes.Put(manifest_key(repository, digest), encode(record));
  impl_->writes.Put(manifest_of_key(digest, repository), rocksdb::Slice());
}
void Batch::delete_manifest(const RepositoryKey& repository, const Digest& digest) {
  impl_->writes.Delete(manifest_key(repository, digest));
  impl_->writes.Delete(manifest_of_key(digest, repository));
}

void Batch::put_edge(const Digest& child, const RepositoryKey& repository, const Digest& parent,
                     const EdgeRecord& record) {
  impl_->writes.Put(edge_key(child, repository, parent), encode(record));
  impl_->writes.Put(child_key(repository, parent, child), rocksdb::Slice());
}
void Batch::delete_edge(const Digest& child, const RepositoryKey& repository, const Digest& parent) {
  impl_->writes.Delete(edge_key(child, repository, parent));
  impl_->writes.Delete(child_key(repository, parent, child));
}

void Batch::put_referrer(const RepositoryKey& repository, const Digest& subject, const Digest& digest,
                         const ReferrerRecord& record) {
  impl_->writes.Put(referrer_key(repository, subject, digest), encode(record));
}
void Batch::put_whole_referrer(const RepositoryKey& repository, const Digest& subject, const Digest& digest,
                               const ReferrerRecord& record) {
  impl_->writes.Put(whole_referrer_key(repository, subject, digest), encode(record));
}
void Batch::delete_referrer(const RepositoryKey& repository, const Digest& subject, const Digest& digest) {
  impl_->writes.Delete(whole_referrer_key(repository, subject, digest));
  impl_->writes.Delete(referrer_key(repository, subject, digest));
}

void Batch::put_link(const Digest& blob, const RepositoryKey& repository, const LinkRecord& record) {
  impl_->writes.Put(link_key(blob, repository), encode(record));
}
void Batch::delete_link(const Digest& blob, const RepositoryKey& repository) {
  impl_->writes.Delete(link_key(blob, repository));
}

void Batch::put_upload(const std::string& id, const UploadRecord& record) {
  impl_->writes.Put(upload_key(id), encode(record));
}
void Batch::delete_upload(const std::string& id) { impl_->writes.Delete(upload_key(id)); }

void Batch::put_pin(const PinKey& pin, const PinRecord& record) {
  impl_->writes.Put(pin_key(pin), encode(record));
}
void Batch::delete_pin(const PinKey& pin) { impl_->writes.Delete(pin_key(pin)); }

void Batch::put_token(const Digest& secret, const TokenRecord& record) {
  impl_->writes.Put(token_key(secret), encode(record));
}
void Batch::delete_token(const Digest& secret) { impl_->writes.Delete(token_key(secret)); }

void Batch::put_blob(const Digest& digest, const BlobRecord& record,
                     const std::optional<BlobRecord>& previous) {
  if (previous) impl_->writes.Delete(use_key(digest, *previous));
  impl_->writes.Put(blob_key(digest), encode(record));
  impl_->writes.Put(use_key(digest, record), rocksdb::Slice());
}
void Batch::delete_blob(const Digest& digest, const BlobRecord& previous) {
  impl_->writes.Delete(use_key(digest, previous));
  impl_->writes.Delete(blob_key(digest));
}

void Batch::put_review(Time review_after, const Digest& digest, const std::optional<RepositoryKey>& only) {
  impl_->changes_needs = true;
  impl_->writes.Put(review_key(review_after, digest),
                    only ? only->route + '\0' + only->repository + '\0' : std::string());
}
void Batch::delete_review(Time review_after, const Digest& digest) {
  impl_->writes.Delete(review_key(review_after, digest));
}

void Batch::put_traffic(TrafficRing ring, const TrafficRow& row) {
  impl_->writes.Put(traffic_key(ring, row.route, row.slot), encode(row.record));
}
void Batch::delete_traffic(TrafficRing ring, const std::string& route, uint64_t slot) {
  impl_->writes.Delete(traffic_key(ring, route, slot));
}
void Batch::put_heavy(HeavyKind kind, uint64_t slot, const HeavyRecord& record) {
  impl_->writes.Put(heavy_key(kind, slot), encode(record));
}
void Batch::put_counted(uint64_t id) { impl_->writes.Put(kCountedKey, std::to_string(id)); }

void Batch::put_generations(const RepositoryKey& repository, const std::string& tag,
                            const GenerationsRecord& record) {
  impl_->writes.Put(generations_key(repository, tag), encode(record));
}
void Batch::delete_generations(const RepositoryKey& repository, const std::string& tag) {
  impl_->writes.Delete(generations_key(repository, tag));
}

bool Batch::empty() const { return impl_->writes.Count() == 0; }

}  // namespace breakwater::store

// One change of meaning of the catalog: all of it is true after Catalog::write(), or none. Only store/ builds
// one.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "store/catalog/records.h"
#include "store/catalog/rows.h"

namespace breakwater::store {

class Batch {
 public:
  Batch();
  ~Batch();
  Batch(Batch&&) noexcept;

  // Keeps the tags of a digest too; `previous` is the record that this one replaces, as it was read.
  void put_tag(const RepositoryKey&, const std::string& tag, const TagRecord&,
               const std::optional<TagRecord>& previous);
  void delete_tag(const RepositoryKey&, const std::string& tag, const TagRecord& previous);
  void put_history(const RepositoryKey&, const std::string& tag, const TagHistoryRecord&);
  void delete_history(const RepositoryKey&, const std::string& tag);
  void put_manifest(const RepositoryKey&, const Digest&, const ManifestRecord&);
  void delete_manifest(const RepositoryKey&, const Digest&);
  void put_edge(const Digest& child, const RepositoryKey&, const Digest& parent, const EdgeRecord&);
  void delete_edge(const Digest& child, const RepositoryKey&, const Digest& parent);
  void put_referrer(const RepositoryKey&, const Digest& subject, const Digest& digest, const ReferrerRecord&);
  // The whole descriptor of a referrer whose record has only a part of it.
  void put_whole_referrer(const RepositoryKey&, const Digest& subject, const Digest& digest,
                          const ReferrerRecord&);
  void delete_referrer(const RepositoryKey&, const Digest& subject, const Digest& digest);
  void put_link(const Digest& blob, const RepositoryKey&, const LinkRecord&);
  void delete_link(const Digest& blob, const RepositoryKey&);
  void put_upload(const std::string& id, const UploadRecord&);
  void delete_upload(const std::string& id);
  void put_pin(const PinKey&, const PinRecord&);
  void delete_pin(const PinKey&);
  void put_token(const Digest& secret, const TokenRecord&);
  void delete_token(const Digest& secret);
  // Keeps the order of use too; `previous` is the record that this one replaces, as it was read.
  void put_blob(const Digest&, const BlobRecord&, const std::optional<BlobRecord>& previous);
  void delete_blob(const Digest&, const BlobRecord& previous);
  // Queues a review of whether anything still needs `digest`, not before `review_after`.
  // `only`: see Review. It replaces a review of the same digest at the same time.
  void put_review(Time review_after, const Digest&, const std::optional<RepositoryKey>& only = std::nullopt);
  void delete_review(Time review_after, const Digest&);
  void put_traffic(TrafficRing, const TrafficRow&);
  void delete_traffic(TrafficRing, const std::string& route, uint64_t slot);
  void put_heavy(HeavyKind, uint64_t slot, const HeavyRecord&);
  // Which counts of traffic this change adds: see CatalogHistory::counted().
  void put_counted(uint64_t id);
  // They go with the tag, too: delete_tag().
  void put_generations(const RepositoryKey&, const std::string& tag, const GenerationsRecord&);
  void delete_generations(const RepositoryKey&, const std::string& tag);
  bool empty() const;

 private:
  friend class Catalog;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace breakwater::store

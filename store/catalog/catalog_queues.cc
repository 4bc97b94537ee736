#include "store/catalog/catalog_queues.h"

#include <string_view>
#include <utility>

#include "store/catalog/catalog_keys.h"
#include "store/catalog/database.h"

namespace breakwater::store {
namespace {

Result<Review> review_of(std::string_view key, std::string_view value) {
  KeyReader in(key, 1);
  const Time review_after = in.time();
  Review review{review_after, in.digest()};
  if (in.failed()) return malformed_key();
  if (value.empty()) return review;
  KeyReader names(value, 0);
  review.only = names.repository();
  if (names.failed()) review.only.reset();
  return review;
}

}  // namespace

Result<std::vector<Review>> CatalogQueues::reviews(Time now, size_t limit,
                                                   const std::optional<Review>& after) const {
  std::vector<Review> reviews;
  if (limit == 0) return reviews;
  const std::string from = after ? review_key(after->review_after, after->digest) + '\0' : kReviews;
  auto scanned = database_.scan(kReviews, from, Reach::disk,
                                [&](std::string_view key, std::string_view value) -> Result<bool> {
                                  auto review = review_of(key, value);
                                  if (!review) return failure(review.error());
                                  if (review->review_after > now) return false;
                                  reviews.push_back(*std::move(review));
                                  return reviews.size() < limit;
                                });
  if (!scanned) return failure(scanned.error());
  return reviews;
}

Result<std::optional<Review>> CatalogQueues::queued_review(Time review_after, const Digest& digest) const {
  const std::string key = review_key(review_after, digest);
  const auto value = database_.value(key);
  if (!value) return failure(value.error());
  if (!*value) return std::nullopt;
  return review_of(key, **value);
}

// The digests that come from `from` on in the order of use, at most `limit`; and where to go on.
Result<std::vector<Digest>> CatalogQueues::used_digests(const std::string& prefix, std::string& from,
                                                        size_t limit) const {
  std::vector<Digest> digests;
  auto scanned =
      database_.scan(prefix, from, Reach::disk, [&](std::string_view key, std::string_view) -> Result<bool> {
        from = std::string(key) + '\0';
        KeyReader in(key, prefix.size());
        in.time();
        digests.push_back(in.digest());
        if (in.failed()) return malformed_key();
        return digests.size() < limit;
      });
  if (!scanned) return failure(scanned.error());
  return digests;
}

Result<std::vector<UsedBlob>> CatalogQueues::least_recently_used(const std::string& route, size_t limit,
                                                                 const Unreadable& unreadable) const {
  const std::string prefix = use_prefix(route);
  std::string from = prefix;
  std::vector<UsedBlob> blobs;
  while (blobs.size() < limit) {
    const auto digests = used_digests(prefix, from, limit - blobs.size());
    if (!digests) return failure(digests.error());
    if (digests->empty()) break;
    for (const Digest& digest : *digests) {
      auto record = database_.get<BlobRecord>(blob_key(digest), Reach::disk);
      if (!record && record.error().kind == Error::Kind::corrupt && unreadable) {
        unreadable(digest, record.error());
        continue;
      }
      if (!record) return failure(record.error());
      if (*record) blobs.push_back({digest, **std::move(record)});
    }
  }
  return blobs;
}

Result<std::vector<std::string>> CatalogQueues::upload_ids() const {
  std::vector<std::string> ids;
  auto scanned = database_.scan(kUploads, [&](std::string_view key, std::string_view) -> Result<bool> {
    ids.push_back(KeyReader(key, 1).rest());
    return true;
  });
  if (!scanned) return failure(scanned.error());
  return ids;
}

}  // namespace breakwater::store

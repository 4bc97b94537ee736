// The keys under which the catalog keeps its records: a letter, then the parts. A name ends with a NUL, which
// no name holds and which sorts before every byte that one does, so that keys are in byte order of the names.
// A digest says its own length. `*_prefix` are what a scan begins with.
//
//   t route repository tag             T route repository digest tag   (t, by digest)
//   m route repository digest          M digest route repository       (m, by digest)
//   e child route repository parent    E route repository parent child (e, by parent)
//   r route repository subject digest  R route repository subject digest (r, whole where r is not)
//   l digest route repository          u id
//   b digest                           o route used-at digest          (b, in the order of use)
//   q review-after digest              (the review queue)
//   p route repository tag digest      (pins: patterns, as text)
//   k digest                           (access tokens, by the digest of their text)
//   h route repository tag             (histories of tags; a version before them leaves them and R as they
//   are) L digest                           (leases that a clean stop has saved) !… (single values of
//   CatalogState)
//   H ring route slot                  Hr slot, Hc slot                (traffic; a day's heaviest
//                                                                       repositories and clients)
//   g route repository tag             (generations of cache tags)          N number (events)
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "store/base/clock.h"
#include "store/base/digest.h"
#include "store/base/result.h"
#include "store/catalog/records.h"
#include "store/catalog/rows.h"

namespace breakwater::store {

// All of one letter.
inline constexpr char kTags[] = "t";
inline constexpr char kHistories[] = "h";
inline constexpr char kManifests[] = "m";
inline constexpr char kChildren[] = "E";
inline constexpr char kLinks[] = "l";
inline constexpr char kUploads[] = "u";
inline constexpr char kBlobs[] = "b";
inline constexpr char kReviews[] = "q";
inline constexpr char kLeases[] = "L";
inline constexpr char kGenerations[] = "g";
inline constexpr char kPins[] = "p";
inline constexpr char kTokens[] = "k";

inline constexpr char kCleanKey[] = "!clean";
inline constexpr char kScrubKey[] = "!scrub";
inline constexpr char kBackupKey[] = "!backup";
inline constexpr char kClockKey[] = "!clock";
inline constexpr char kFolderKey[] = "!folder";    // the id of the data folder
inline constexpr char kMirrorKey[] = "!mirror:";   // and a route's name
inline constexpr char kCountedKey[] = "!counted";  // which counts of traffic were added last
inline constexpr char kLeasesKey[] = "!leases";    // a LeaseRecord; its `read` is SavedLeases::others_until

std::string repository_prefix(const std::string& route);  // of manifests
std::string route_tag_prefix(const std::string& route);   // of tags
std::string tag_prefix(const RepositoryKey& r);
std::string tag_key(const RepositoryKey& r, const std::string& tag);
std::string route_history_prefix(const std::string& route);
std::string history_key(const RepositoryKey& r, const std::string& tag);
std::string tag_of_prefix(const RepositoryKey& r, const Digest& d);
std::string tag_of_key(const RepositoryKey& r, const Digest& d, const std::string& tag);
std::string manifest_prefix(const RepositoryKey& r);
std::string manifest_key(const RepositoryKey& r, const Digest& d);
std::string manifest_of_prefix(const Digest& d);
std::string manifest_of_key(const Digest& d, const RepositoryKey& r);
std::string edge_prefix(const Digest& child);
std::string edge_prefix(const Digest& child, const RepositoryKey& r);
std::string edge_key(const Digest& child, const RepositoryKey& r, const Digest& parent);
std::string child_prefix(const RepositoryKey& r, const Digest& parent);
std::string child_key(const RepositoryKey& r, const Digest& parent, const Digest& child);
std::string referrers_prefix(const RepositoryKey& r);  // of all subjects
std::string referrer_prefix(const RepositoryKey& r, const Digest& subject);
std::string referrer_key(const RepositoryKey& r, const Digest& subject, const Digest& d);
std::string whole_referrer_key(const RepositoryKey& r, const Digest& subject, const Digest& d);
std::string link_prefix(const Digest& blob);
std::string link_key(const Digest& blob, const RepositoryKey& r);
std::string upload_key(const std::string& id);
std::string blob_key(const Digest& d);
std::string use_prefix(const std::string& route);
std::string review_key(Time review_after, const Digest& d);
std::string lease_key(const Digest& d);
std::string pin_key(const PinKey& pin);
std::string token_key(const Digest& secret);
std::string use_key(const Digest& d, const BlobRecord& record);
std::string traffic_prefix(TrafficRing ring);
std::string traffic_prefix(TrafficRing ring, const std::string& route);
std::string traffic_key(TrafficRing ring, const std::string& route, uint64_t slot);
std::string heavy_key(HeavyKind kind, uint64_t slot);
std::string route_generations_prefix(const std::string& route);
std::string generations_key(const RepositoryKey& r, const std::string& tag);

// The first key behind all that begin with `prefix`, which ends with a name.
std::string behind_name(std::string prefix);
// What a reader of keys says of one that it cannot take apart.
tl::unexpected<Error> malformed_key();

// Takes a key apart again. Like the records' decoder it fails once and for all, and is asked at the end.
class KeyReader {
 public:
  // Behind the first `skip` bytes, a prefix.
  KeyReader(std::string_view key, size_t skip) : rest_(key) {
    rest_.remove_prefix(std::min(skip, rest_.size()));
  }

  bool failed() const { return failed_; }
  std::string name();
  RepositoryKey repository();
  Time time();
  uint64_t number();
  Digest digest();
  std::string rest();

 private:
  std::string fail();
  void skip(size_t size);

  std::string_view rest_;
  bool failed_ = false;
};

}  // namespace breakwater::store

// What the catalog remembers, as values, and how a value is written: a version byte, then the fields in
// order. Fields are only ever added at the end; a reader ignores bytes behind the fields it knows and takes
// defaults for those that an older writer did not have. decode() takes bytes from the disk: anything
// malformed is `corrupt`, never a crash.
//
// Times are milliseconds of the store's clock (StoreClock), unless they are said to be of the wall clock.
// Names: route "dockerhub", repository "library/alpine".
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/base/clock.h"
#include "store/base/digest.h"
#include "store/base/result.h"

namespace breakwater::store {

struct RepositoryKey {
  std::string route;
  std::string repository;
  auto operator<=>(const RepositoryKey&) const = default;
};

// tag: route, repository, tag
struct TagRecord {
  Digest digest;
  std::string media_type;
  Time set_at{};  // wall clock: when it was last pushed; mirrors: when it was first seen to name this digest
  Time checked_at{};  // mirrors: when upstream last said that it is so
  // When it was last pushed, by StoreClock::next(): what was pushed later has the higher one. Zero in records
  // of versions that had only set_at.
  Time sequence{};
  // What its order and its age are counted from.
  Time pushed() const { return sequence == Time() ? set_at : sequence; }
};

// history: route, repository, tag. Which digests upstream has shown under a mirror's tag, each once; the one
// that it showed last is the last. It outlives the tag's record, which is deleted with an evicted manifest.
struct TagHistoryRecord {
  struct Sighting {
    Digest digest;
    Time first_seen{};
    auto operator<=>(const Sighting&) const = default;
  };
  static constexpr size_t kSightingsMax = 16;
  std::vector<Sighting> sightings;
};

// manifest: route, repository, digest
struct ManifestRecord {
  std::string media_type;
  uint64_t size = 0;
  std::optional<Digest> subject;
  std::string artifact_type;
  Time pushed_at{};   // wall clock
  Time kept_until{};  // as untagged_after promised when it was last left without a tag
};

// edge: child digest, route, repository, parent digest. The parent needs the child, and this is what it says
// of it.
struct EdgeRecord {
  std::string media_type;
  uint64_t size = 0;         // of the child
  bool is_manifest = false;  // child of an index
};

// referrer: route, repository, subject, digest. Short, so that one type can be looked for among many: long
// annotations are in a record of their own, with the same key, that has the whole descriptor. A version
// before had no such records, and its own are whole, however long.
struct ReferrerRecord {
  static constexpr size_t kShortBytes = 2048;  // a descriptor of so many bytes is never parted
  std::string descriptor;                      // the JSON that the referrers API lists, as far as it is here
  std::string artifact_type;                   // to filter by
  uint64_t whole_bytes = 0;                    // of the descriptor, if it is in a record of its own; else 0
  // What the list has of it.
  uint64_t listed_bytes() const { return whole_bytes == 0 ? descriptor.size() : whole_bytes; }
};

// link: blob digest, route, repository. This repository may serve this blob.
struct LinkRecord {};

// upload: id
struct UploadRecord {
  std::string route;
  std::string repository;
  Algorithm algorithm = Algorithm::sha256;
  Time touched_at{};
  bool is_abandoned = false;  // see IdlePartial
  Time begun_at{};            // zero in records of versions before
  std::string client = {};    // who began it, as the layer above names clients; "" if it does not say
};

// pin: route, repository, tag, digest (patterns, as ImagePattern has them; empty where it has none)
struct PinRecord {
  Time pinned_at{};  // wall clock
};
struct PinKey {
  std::string route;
  std::string repository;
  std::string tag;
  std::string digest;
};

// token: digest of its text, which nobody has but who uses it. A token that was revoked keeps its record, so
// that who still uses it is told so.
struct TokenRecord {
  std::string name;
  std::vector<std::string> may;           // names of actions, which the layers above understand
  std::vector<std::string> repositories;  // patterns
  std::string made_by;                    // who asked for it, as the audit log names them
  Time created_at{};                      // wall clock
  Time expires_at{};                      // zero: never
  Time expires_at_wall{};                 // the same moment as the wall clock foresaw it
  Time last_used_at{};                    // wall clock; zero: never
  Time revoked_at{};                      // wall clock; zero: it is not
};

// blob: digest. The index of what is in blobs/; recover() rebuilds it.
struct BlobRecord {
  uint64_t size = 0;
  std::string route;  // whose bound it counts against: who stored it first
  Time stored_at{};
  Time used_at{};  // also the key of the order in which blobs are evicted
  // Who pushed it, or asked a mirror for it first, as the layer above names clients; "" if that is not known.
  std::string client = {};
};

// lease: digest. Until when clients rely on it: see Leases.
struct LeaseRecord {
  Time read{};           // HEAD or GET
  Time upload{};         // an upload or a mount
  uint64_t uploads = 0;  // that no manifest has come for yet
  Time inherited{};      // from a manifest that named it, was read, and was deleted
};

// What a clean stop saves for the next start.
struct NamedLease {
  Digest digest;
  LeaseRecord record;
};
struct SavedLeases {
  Time others_until;  // until then every other digest that was stored counts as leased
  std::vector<NamedLease> leases;
};

// The one of StoreClock: it was `at` when the machine's clock was `machine`, in the boot of that name.
struct ClockRecord {
  Time at{};
  Time machine{};
  std::string boot;
  Time bound{};  // not reached before another record is saved
  Time wall{};   // the wall clock then
};

// The one of the scrub.
struct ScrubRecord {
  Time passed_at{};      // wall clock: when it was last through with everything
  std::string position;  // in the pass that is under way: see Inspection
};

// The last backup that was made of this folder.
struct BackupRecord {
  Time made_at{};  // wall clock
};

std::string encode(const TagRecord&);
std::string encode(const TagHistoryRecord&);
std::string encode(const ManifestRecord&);
std::string encode(const EdgeRecord&);
std::string encode(const ReferrerRecord&);
std::string encode(const LinkRecord&);
std::string encode(const UploadRecord&);
std::string encode(const BlobRecord&);
std::string encode(const LeaseRecord&);
std::string encode(const ClockRecord&);
std::string encode(const ScrubRecord&);
std::string encode(const PinRecord&);
std::string encode(const BackupRecord&);
std::string encode(const TokenRecord&);

template <class Record>
[[nodiscard]] Result<Record> decode(std::string_view bytes);  // for each of the fourteen
template <>
Result<TagRecord> decode<TagRecord>(std::string_view bytes);
template <>
Result<TagHistoryRecord> decode<TagHistoryRecord>(std::string_view bytes);
template <>
Result<ManifestRecord> decode<ManifestRecord>(std::string_view bytes);
template <>
Result<EdgeRecord> decode<EdgeRecord>(std::string_view bytes);
template <>
Result<ReferrerRecord> decode<ReferrerRecord>(std::string_view bytes);
template <>
Result<LinkRecord> decode<LinkRecord>(std::string_view bytes);
template <>
Result<UploadRecord> decode<UploadRecord>(std::string_view bytes);
template <>
Result<BlobRecord> decode<BlobRecord>(std::string_view bytes);
template <>
Result<LeaseRecord> decode<LeaseRecord>(std::string_view bytes);
template <>
Result<ClockRecord> decode<ClockRecord>(std::string_view bytes);
template <>
Result<ScrubRecord> decode<ScrubRecord>(std::string_view bytes);
template <>
Result<PinRecord> decode<PinRecord>(std::string_view bytes);
template <>
Result<BackupRecord> decode<BackupRecord>(std::string_view bytes);
template <>
Result<TokenRecord> decode<TokenRecord>(std::string_view bytes);

}  // namespace breakwater::store

// The types of the catalog's answers: each is a record together with its key. Also Reach, which says whether
// a read may use the disk, and Durability, which says what a write survives.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "store/base/clock.h"
#include "store/base/digest.h"
#include "store/base/result.h"
#include "store/catalog/history_records.h"
#include "store/catalog/records.h"

namespace breakwater::store {

enum class Reach { memory, disk };
enum class Durability {
  buffered,  // survives a crash of the process: mirrors
  synced     // survives a power cut: pushes
};

struct NamedTag {
  std::string tag;
  TagRecord record;
};
struct NamedManifest {
  RepositoryKey repository;
  Digest digest;
  ManifestRecord record;
};
struct Parent {
  RepositoryKey repository;
  Digest parent;
  EdgeRecord edge;
};
// Queued: whether anything still needs `digest` is to be found out, not before `review_after`.
struct Review {
  Time review_after;
  Digest digest;
  // Only this repository has lost something that needed it; empty: any may have.
  std::optional<RepositoryKey> only{};
};
struct NamedReferrer {
  Digest digest;
  ReferrerRecord record;
};
struct UsedBlob {
  Digest digest;
  BlobRecord record;
};
struct TagOf {
  RepositoryKey repository;
  std::string tag;
  TagRecord record;
};
struct TagHistory {
  RepositoryKey repository;
  std::string tag;
  TagHistoryRecord record;
};
struct Edge {
  RepositoryKey repository;
  Digest parent;
  Digest child;
};
struct LinkOf {
  Digest digest;
  RepositoryKey repository;
};
// What of the past is kept in rings, and by what a bucket's key begins.
enum class TrafficRing : char { minutes = 'm', hours = 'h' };
enum class HeavyKind : char { repositories = 'r', clients = 'c' };
struct TrafficRow {
  std::string route;
  uint64_t slot = 0;
  TrafficRecord record;
};
struct TagGenerations {
  RepositoryKey repository;
  std::string tag;
  GenerationsRecord record;
};

// Told of each record that cannot be understood, by whoever walks over many and leaves such a one out.
using Malformed = std::function<void(const Error&)>;

}  // namespace breakwater::store

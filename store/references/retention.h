// Which tags of a registry may be deleted, and why: pure decisions over names and ages. Nothing is deleted
// here: the Collector deletes expired tags, and RegistryEviction deletes cache tags.
//
//   protect      tags that match are never deleted
//   keep_last    the newest so many tags stay, by the time of their last push; a tag that is exactly as old
//                as the oldest of these stays too; protected tags do not count
//   keep_for     a tag that was pushed within this time stays
//   cache_tags   tags that match may be deleted when room is needed, the least recently used first
//
// A tag that names signatures of another manifest (subject_of_tag) stays while its repository has that
// manifest, and does not count for keep_last. When the manifest is gone, the tag is a tag as any other. If
// the tag also matches cache_tags, it may be deleted for room at any time.
//
// With both keep_last and keep_for a tag stays if either keeps it. With neither of them all tags stay.
// Patterns are those of fnmatch(3): `*` matches any characters, `/` included. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/base/clock.h"
#include "store/catalog/rows.h"

namespace breakwater::store {

struct RetentionPolicy {
  std::vector<std::string> repositories = {"*"};  // patterns of their names
  std::optional<uint64_t> keep_last;
  std::optional<Time::duration> keep_for;
  std::vector<std::string> protect;
  std::vector<std::string> cache_tags = {"*cache*"};
  // How long a manifest stays that no tag and no other manifest names any more, unless room is needed;
  // absent: the lease.
  std::optional<Time::duration> untagged_after;
};

bool matches_any(std::span<const std::string> patterns, const std::string& name);

// The first that speaks of the repository; a policy that keeps everything if none does.
const RetentionPolicy& policy_of(std::span<const RetentionPolicy> policies, const std::string& repository);

struct ExpiredTag {
  NamedTag tag;        // as it was when this was decided
  std::string reason;  // "not among the last 3, pushed 12 days ago"
};
// Of all tags of a repository those that go at `now`. `subjects`: those of subjects_of() that the repository
// has.
std::vector<ExpiredTag> expired_tags(const RetentionPolicy& policy, std::vector<NamedTag> tags,
                                     const std::set<Digest>& subjects, Time now);
// Of which manifests it must be known whether they are there.
std::set<Digest> subjects_of(const RetentionPolicy& policy, std::span<const NamedTag> tags);

// The manifest that a tag has signatures and the like of, as cosign and the fallback of the referrers API
// name it: sha256-<hex>, with .sig, .att, .sbom or nothing behind it. Nothing for any other tag.
std::optional<Digest> subject_of_tag(std::string_view tag);

bool is_protected(const RetentionPolicy& policy, const std::string& tag);
bool is_cache(const RetentionPolicy& policy, const std::string& tag);

}  // namespace breakwater::store

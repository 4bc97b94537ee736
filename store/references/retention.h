// Which tags of a registry may be deleted, and why: pure decisions over names and ages. Nothing is deleted
// here: the Collector deletes expired tags, and RegistryEviction deletes cache tags.
//
//   protect      tags that match are never deleted
//   keep_last    the newest so many tags stay, by the time of their last push; a tag that is exactly as old
//                as the oldest of these stays too; protected tags do not count
//   keep_for     a tag that was pushed within this time stays
//   cache_tags   tags that match may be deleted when room is needed, the least recently used first
//   immutable    tags that match name one manifest for as long as they are there: no push moves them
//
// Signatures, attestations, SBOMs and the like depend on another manifest, their subject. A tag of theirs
// (JudgedTag::depends) never counts for keep_last. It stays while its repository has the subject, and goes
// with that, or one lease after its push if the subject never came. `protect` goes before that, too. Only a
// policy that lets tags go at all lets orphans go that were left before, because without one every tag is a
// promise.
//
// With both keep_last and keep_for a tag stays if either keeps it. With neither of them all tags stay.
// Patterns are those of fnmatch(3): `*` matches any characters, `/` included. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/base/clock.h"
#include "store/base/digest.h"
#include "store/catalog/rows.h"

namespace breakwater::store {

struct RetentionPolicy {
  std::vector<std::string> repositories = {"*"};  // patterns of their names
  std::optional<uint64_t> keep_last;
  std::optional<Time::duration> keep_for;
  std::vector<std::string> protect;
  std::vector<std::string> cache_tags = {"*cache*"};
  std::vector<std::string> immutable;
  // How long a manifest stays that no tag and no other manifest names any more, unless room is needed;
  // absent: the lease.
  std::optional<Time::duration> untagged_after;
};

bool matches_any(std::span<const std::string> patterns, const std::string& name);

// The first that speaks of the repository; a policy that keeps everything if none does.
const RetentionPolicy& policy_of(std::span<const RetentionPolicy> policies, const std::string& repository);

bool is_immutable(const RetentionPolicy& policy, const std::string& tag);

// Whether any tag at all may expire by it.
bool lets_any_go(const RetentionPolicy& policy);

// The manifest that the name of a tag speaks of, as cosign, regclient and the fallback of the referrers API
// name what belongs to it: sha256-<hex>, with nothing or a suffix behind it (.sig, .att, .sbom). Of a longer
// digest the first 64 hex digits stand in the name (distribution specification, "Referrers Tag Schema").
struct NamedSubject {
  Algorithm algorithm;
  std::string hex;  // the digest begins with it
  bool has_suffix = false;
};
std::optional<NamedSubject> subject_of_tag(std::string_view tag);
// How the names of the tags begin that belong to `subject`: "sha256-<hex>".
std::string tag_stem_of(const Digest& subject);

// A tag, with what a policy must know of it: see dependents.h.
struct JudgedTag {
  NamedTag tag;
  bool depends = false;                // on a subject
  std::optional<Digest> subject = {};  // if the repository has it
};

struct ExpiredTag {
  NamedTag tag;        // as it was when this was decided
  std::string reason;  // "not among the last 3, pushed 12 days ago"
  Time since;          // from when on it goes
  bool is_orphan;      // it goes because its subject is not there
};
// Of all tags of a repository those that go at `now`.
std::vector<ExpiredTag> expired_tags(const RetentionPolicy& policy, std::vector<JudgedTag> tags,
                                     Time::duration lease, Time now);

bool is_protected(const RetentionPolicy& policy, const std::string& tag);
bool is_cache(const RetentionPolicy& policy, const std::string& tag);

}  // namespace breakwater::store

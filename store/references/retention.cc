#include "store/references/retention.h"

#include <fnmatch.h>

#include <algorithm>
#include <utility>

namespace breakwater::store {
namespace {

std::string age_text(Time::duration age) {
  using std::chrono::days, std::chrono::floor, std::chrono::hours, std::chrono::minutes, std::chrono::seconds;
  const auto told = [](auto count, const char* unit) { return std::to_string(count) + unit; };
  if (age >= days(2)) return told(floor<days>(age).count(), " days ago");
  if (age >= hours(2)) return told(floor<hours>(age).count(), " hours ago");
  if (age >= minutes(2)) return told(floor<minutes>(age).count(), " minutes ago");
  return told(floor<seconds>(age).count(), " seconds ago");
}

// Where a digest of any algorithm is cut off in a tag's name.
constexpr size_t kHexDigitsNamed = 64;

// Takes the orphans out of `tags`.
void expire_orphans(std::vector<JudgedTag>& tags, Time::duration lease, Time now,
                    std::vector<ExpiredTag>& expired) {
  std::erase_if(tags, [&](JudgedTag& tag) {
    if (!tag.depends) return false;
    const Time pushed = tag.tag.record.pushed();
    const Time::duration age = now - pushed;
    if (!tag.subject && age >= lease) {
      expired.push_back({std::move(tag.tag), "what it belongs to is not here, pushed " + age_text(age),
                         pushed + lease, true});
    }
    return true;
  });
}

}  // namespace

bool lets_any_go(const RetentionPolicy& policy) { return policy.keep_last || policy.keep_for; }

bool matches_any(std::span<const std::string> patterns, const std::string& name) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
  });
}

const RetentionPolicy& policy_of(std::span<const RetentionPolicy> policies, const std::string& repository) {
  static const RetentionPolicy kKeepsAll;
  const auto found = std::find_if(policies.begin(), policies.end(), [&](const RetentionPolicy& policy) {
    return matches_any(policy.repositories, repository);
  });
  return found == policies.end() ? kKeepsAll : *found;
}

bool is_immutable(const RetentionPolicy& policy, const std::string& tag) {
  return matches_any(policy.immutable, tag);
}

bool is_protected(const RetentionPolicy& policy, const std::string& tag) {
  return matches_any(policy.protect, tag);
}

bool is_cache(const RetentionPolicy& policy, const std::string& tag) {
  return !is_protected(policy, tag) && matches_any(policy.cache_tags, tag);
}

std::vector<ExpiredTag> expired_tags(const RetentionPolicy& policy, std::vector<JudgedTag> tags,
                                     Time::duration lease, Time now) {
  std::vector<ExpiredTag> expired;
  if (!lets_any_go(policy)) return expired;
  std::erase_if(tags, [&](const JudgedTag& tag) { return is_protected(policy, tag.tag.tag); });
  expire_orphans(tags, lease, now, expired);
  const auto pushed = [&](size_t index) { return tags[index].tag.record.pushed(); };
  std::stable_sort(tags.begin(), tags.end(), [](const JudgedTag& a, const JudgedTag& b) {
    return a.tag.record.pushed() > b.tag.record.pushed();
  });
  // Of those that are as old as the last that is kept none is older than the other: they stay with it.
  const size_t last = std::min<size_t>(policy.keep_last.value_or(0), tags.size());
  const auto kept_since = last > 0 ? pushed(last - 1) : Time::max();
  for (size_t i = 0; i < tags.size(); ++i) {
    const Time::duration age = now - pushed(i);
    if (pushed(i) >= kept_since) continue;
    if (policy.keep_for && age < *policy.keep_for) continue;
    std::string reason;
    if (policy.keep_last) reason = "not among the last " + std::to_string(*policy.keep_last) + ", ";
    const Time since = pushed(i) + policy.keep_for.value_or(Time::duration());
    expired.push_back({std::move(tags[i].tag), reason + "pushed " + age_text(age), since, false});
  }
  return expired;
}

std::optional<NamedSubject> subject_of_tag(std::string_view tag) {
  const size_t dash = tag.find('-'), dot = std::min(tag.find('.'), tag.size());
  if (dash > dot || dot + 1 == tag.size()) return std::nullopt;
  const std::string_view algorithm = tag.substr(0, dash), hex = tag.substr(dash + 1, dot - dash - 1);
  const bool is_long = algorithm == name_of(Algorithm::sha512);
  if (!is_long && algorithm != name_of(Algorithm::sha256)) return std::nullopt;
  const bool is_hex = std::all_of(hex.begin(), hex.end(), [](char digit) {
    return (digit >= '0' && digit <= '9') || (digit >= 'a' && digit <= 'f');
  });
  if (!is_hex || hex.size() != kHexDigitsNamed) return std::nullopt;
  return NamedSubject{is_long ? Algorithm::sha512 : Algorithm::sha256, std::string(hex), dot < tag.size()};
}

std::string tag_stem_of(const Digest& subject) {
  return std::string(name_of(subject.algorithm())) + "-" + subject.hex().substr(0, kHexDigitsNamed);
}

}  // namespace breakwater::store

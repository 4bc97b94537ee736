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

bool lets_any_go(const RetentionPolicy& policy) { return policy.keep_last || policy.keep_for; }

}  // namespace

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

bool is_protected(const RetentionPolicy& policy, const std::string& tag) {
  return matches_any(policy.protect, tag);
}

bool is_cache(const RetentionPolicy& policy, const std::string& tag) {
  return !is_protected(policy, tag) && matches_any(policy.cache_tags, tag);
}

std::vector<ExpiredTag> expired_tags(const RetentionPolicy& policy, std::vector<NamedTag> tags,
                                     const std::set<Digest>& subjects, Time now) {
  std::vector<ExpiredTag> expired;
  if (!lets_any_go(policy)) return expired;
  std::erase_if(tags, [&](const NamedTag& tag) {
    const auto subject = subject_of_tag(tag.tag);
    return is_protected(policy, tag.tag) || (subject && subjects.contains(*subject));
  });
  std::stable_sort(tags.begin(), tags.end(), [](const NamedTag& a, const NamedTag& b) {
    return a.record.pushed() > b.record.pushed();
  });
  // Of those that are as old as the last that is kept none is older than the other: they stay with it.
  const size_t last = std::min<size_t>(policy.keep_last.value_or(0), tags.size());
  const auto kept_since = last > 0 ? tags[last - 1].record.pushed() : Time::max();
  for (size_t i = 0; i < tags.size(); ++i) {
    const Time::duration age = now - tags[i].record.pushed();
    if (tags[i].record.pushed() >= kept_since) continue;
    if (policy.keep_for && age < *policy.keep_for) continue;
    std::string reason;
    if (policy.keep_last) reason = "not among the last " + std::to_string(*policy.keep_last) + ", ";
    expired.push_back({std::move(tags[i]), reason + "pushed " + age_text(age)});
  }
  return expired;
}

std::set<Digest> subjects_of(const RetentionPolicy& policy, std::span<const NamedTag> tags) {
  std::set<Digest> subjects;
  if (!lets_any_go(policy)) return subjects;
  for (const NamedTag& tag : tags) {
    if (const auto subject = subject_of_tag(tag.tag)) subjects.insert(*subject);
  }
  return subjects;
}

std::optional<Digest> subject_of_tag(std::string_view tag) {
  const size_t dash = tag.find('-'), dot = std::min(tag.find('.'), tag.size());
  const std::string_view kind = tag.substr(dot);
  const bool is_known = kind.empty() || kind == ".sig" || kind == ".att" || kind == ".sbom";
  if (!is_known || dash > dot) return std::nullopt;
  std::string text(tag.substr(0, dot));
  text[dash] = ':';
  const auto digest = Digest::parse(text);
  return digest ? std::optional(*digest) : std::nullopt;
}

}  // namespace breakwater::store

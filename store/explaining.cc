// The part of Store that tells the operator why something is kept, and what would go. It changes nothing;
// beside pushes and collection what it says is true of one moment or the next.
#include <algorithm>
#include <chrono>
#include <ctime>
#include <set>
#include <utility>

#include "store/store.h"

namespace breakwater::store {
namespace {

constexpr size_t kLinesMax = 10'000;
constexpr size_t kLooksAtOnce = 1000;

std::string time_text(Time time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[sizeof "2026-01-01T00:00:00Z"];
  (void)std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

// When collection looks at it last; nothing if it is not queued.
Result<std::optional<Time>> last_look(const Catalog& catalog, const Digest& digest) {
  std::optional<Time> due;
  for (std::optional<Look> last;;) {
    const auto looks = catalog.looks(Time::max(), kLooksAtOnce, last);
    if (!looks) return failure(looks.error());
    if (looks->empty()) return due;
    last = looks->back();
    for (const Look& look : *looks) {
      if (look.digest == digest) due = look.due;
    }
  }
}

// Whether anything of it is left to go.
Result<bool> is_there(const Catalog& catalog, const Digest& digest) {
  const auto record = catalog.blob(digest, Reach::disk);
  if (!record) return failure(record.error());
  if (*record) return true;
  const auto links = catalog.links(digest);
  if (!links) return failure(links.error());
  const auto manifests = catalog.manifests_of(digest);
  if (!manifests) return failure(manifests.error());
  return !links->empty() || !manifests->empty();
}

std::string name_text(const RepositoryKey& repository) {
  return repository.route + "/" + repository.repository;
}

// Of these manifests those that the repository has.
Result<std::set<Digest>> held_of(const Catalog& catalog, const RepositoryKey& repository,
                                 const std::set<Digest>& digests) {
  std::set<Digest> held;
  for (const Digest& digest : digests) {
    const auto manifest = catalog.manifest(repository, digest, Reach::disk);
    if (!manifest) return failure(manifest.error());
    if (*manifest) held.insert(digest);
  }
  return held;
}

// The longest that untagged_after keeps it, in whatever repository.
Result<Time> promised_until(const Catalog& catalog, const Digest& digest) {
  const auto manifests = catalog.manifests_of(digest);
  if (!manifests) return failure(manifests.error());
  Time until{};
  for (const NamedManifest& manifest : *manifests) until = std::max(until, manifest.record.kept_until);
  return until;
}

}  // namespace

// The lines of one answer, each below what it belongs to.
struct Store::Explanation {
  std::vector<std::string> lines = {};
  std::vector<std::string> later = {};  // lines for the end
  std::set<std::pair<RepositoryKey, Digest>> told = {};

  bool is_full() const { return lines.size() >= kLinesMax; }
  void add_later(std::string text) {
    if (later.size() < kLinesMax) later.push_back(std::move(text));
  }
  void add(size_t depth, std::string text) {
    if (!is_full()) lines.push_back(std::string(2 * depth, ' ') + std::move(text));
  }
};

Result<std::vector<std::string>> Store::why(const Digest& digest) {
  const auto record = catalog_->blob(digest, Reach::disk);
  if (!record) return failure(record.error());
  Explanation explanation;
  if (*record) {
    const std::string owner = (*record)->route.empty() ? "nobody" : (*record)->route;
    explanation.add(0, digest.text() + ": " + std::to_string((*record)->size) + " bytes, on the account of " +
                           owner + ", last used " + time_text((*record)->used_at));
  } else {
    explanation.add(0, digest.text() + ": not stored");
  }
  if (leases_.until(digest) > clock_.now())
    explanation.add(1, "leased until " + time_text(leases_.until(digest)));
  const auto parents = catalog_->parents(digest);
  if (!parents) return failure(parents.error());
  const auto links = catalog_->links(digest);
  if (!links) return failure(links.error());
  std::set<RepositoryKey> repositories(links->begin(), links->end());
  for (const Parent& parent : *parents) repositories.insert(parent.repository);
  for (const RepositoryKey& repository : repositories) {
    explanation.add(1, "in " + name_text(repository));
    if (auto told = tell_what_keeps(explanation, 2, repository, digest); !told) return failure(told.error());
  }
  return std::move(explanation.lines);
}

Result<std::vector<std::string>> Store::why(const std::string& name, const std::string& tag) {
  std::vector<std::string> lines;
  for (const auto& [route, use] : budget_.routes()) {
    const RepositoryKey repository{route, name};
    const auto record = catalog_->tag(repository, tag, Reach::disk);
    if (!record) return failure(record.error());
    if (!*record) continue;
    lines.push_back(name_text(repository) + ":" + tag + " names " + (*record)->digest.text() + ", set " +
                    time_text((*record)->set_at) + policy_text(repository, tag));
    auto more = why((*record)->digest);
    if (!more) return more;
    lines.insert(lines.end(), more->begin(), more->end());
  }
  if (lines.empty()) return failure(Error::Kind::not_found, "no route has a tag " + name + ":" + tag);
  return lines;
}

std::string Store::policy_text(const RepositoryKey& repository, const std::string& tag) const {
  if (is_mirror(repository.route)) return {};
  const RetentionPolicy& policy = policy_for(repository);
  if (is_protected(policy, tag)) return ", protected";
  if (is_cache(policy, tag)) return ", cache: goes when room is needed";
  const auto subject = subject_of_tag(tag);
  if (!subject || !(policy.keep_last || policy.keep_for)) return {};
  const auto manifest = catalog_->manifest(repository, *subject, Reach::disk);
  return manifest && *manifest ? ", stays as long as " + subject->text() + " is here" : "";
}

// Tags, parents up to their tags, the subject.
Result<> Store::tell_what_keeps(Explanation& explanation, size_t depth, const RepositoryKey& repository,
                                const Digest& digest) {
  if (explanation.is_full() || !explanation.told.emplace(repository, digest).second) return {};
  const size_t begun = explanation.lines.size();
  const auto tags = catalog_->tags_of(repository, digest);
  if (!tags) return failure(tags.error());
  for (const std::string& tag : *tags) explanation.add(depth, "tagged " + tag + policy_text(repository, tag));
  const auto parents = catalog_->parents(digest);
  if (!parents) return failure(parents.error());
  for (const Parent& parent : *parents) {
    if (parent.repository != repository) continue;
    explanation.add(depth, "needed by the manifest " + parent.parent.text());
    if (auto told = tell_what_keeps(explanation, depth + 1, repository, parent.parent); !told) return told;
  }
  const auto manifest = catalog_->manifest(repository, digest, Reach::disk);
  if (!manifest) return failure(manifest.error());
  if (*manifest && (*manifest)->subject) {
    explanation.add(depth, "refers to " + (*manifest)->subject->text());
    if (auto told = tell_what_keeps(explanation, depth + 1, repository, *(*manifest)->subject); !told)
      return told;
  }
  if (leases_.until(digest) > clock_.now() && depth > 2)
    explanation.add(depth, "leased until " + time_text(leases_.until(digest)));
  if (explanation.lines.size() > begun) return {};
  if (is_mirror(repository.route)) {
    explanation.add(depth, "pulled through the mirror: goes when it is the least recently used");
    return {};
  }
  const auto due = last_look(*catalog_, digest);
  if (!due) return failure(due.error());
  const Time promised = *manifest ? (*manifest)->kept_until : Time();
  const Time now = clock_.now(), until = std::max(due->value_or(Time()), promised),
             leased = leases_.until(digest);
  const bool is_kept = *manifest && policy_for(repository).untagged_after && until > std::max(now, leased);
  if (is_kept) {
    explanation.add(depth, "nothing names it: untagged_after keeps it until " + time_text(until));
  } else if (leased > now) {
    explanation.add(depth, "nothing but a lease keeps it");
  } else {
    explanation.add(depth, "nothing keeps it: it goes " +
                               (until > now ? "after " + time_text(until) : std::string("now")));
  }
  return {};
}

Result<std::vector<std::string>> Store::plan() {
  Explanation explanation;
  if (auto told = tell_expired(explanation); !told) return failure(told.error());
  if (auto told = tell_dead(explanation); !told) return failure(told.error());
  for (std::string& line : explanation.later) explanation.add(0, std::move(line));
  for (const auto& [route, use] : budget_.routes()) {
    const uint64_t over = is_mirror(route) ? budget_.shortage(route, 0).route : 0;
    if (over > 0)
      explanation.add(0, "if room is needed: " + std::to_string(over) + " bytes of the mirror " + route +
                             ", which is over its bound");
    if (is_mirror(route)) continue;
    const auto tags = cache_tags(route);
    if (!tags) return failure(tags.error());
    for (const CacheTag& tag : *tags) {
      explanation.add(0, "if room is needed: " + name_text(tag.repository) + ":" + tag.tag +
                             " (cache, last used " + time_text(tag.used_at) + ")");
    }
  }
  if (explanation.lines.empty()) explanation.add(0, "nothing would go");
  if (explanation.is_full()) explanation.lines.emplace_back("and more");
  return std::move(explanation.lines);
}

Result<> Store::tell_expired(Explanation& explanation) {
  for (const auto& [route, policies] : settings_.retention) {
    for (std::string last; !explanation.is_full();) {
      const auto names = catalog_->repositories(route, last, kLooksAtOnce);
      if (!names) return failure(names.error());
      if (names->empty()) break;
      for (const std::string& name : *names) {
        const auto tags = catalog_->tags({route, name}, "", SIZE_MAX);
        if (!tags) return failure(tags.error());
        const RetentionPolicy& policy = policy_of(policies, name);
        const auto subjects = held_of(*catalog_, {route, name}, subjects_of(policy, *tags));
        if (!subjects) return failure(subjects.error());
        for (const ExpiredTag& tag : expired_tags(policy, *tags, *subjects, clock_.now())) {
          explanation.add(0, "now: " + name_text({route, name}) + ":" + tag.tag.tag + " (" + tag.reason +
                                 ") and what only it needs");
        }
        // If no push comes before that.
        for (const ExpiredTag& tag : expired_tags(policy, *tags, *subjects, Time::max())) {
          const Time when = tag.tag.record.set_at + policy.keep_for.value_or(Time::duration());
          if (when <= clock_.now()) continue;
          explanation.add_later("after " + time_text(when) + ": " + name_text({route, name}) + ":" +
                                tag.tag.tag + " (keep_for, pushed " + time_text(tag.tag.record.set_at) +
                                ") and what only it needs");
        }
      }
      last = names->back();
    }
  }
  return {};
}

// What is in the queue of the collection and was found dead.
Result<> Store::tell_dead(Explanation& explanation) {
  std::set<Digest> told;
  std::optional<Look> last;
  while (!explanation.is_full()) {
    const auto looks = catalog_->looks(Time::max(), kLooksAtOnce, last);
    if (!looks) return failure(looks.error());
    if (looks->empty()) return {};
    last = looks->back();
    for (const Look& look : *looks) {
      const auto needed = is_needed(look.digest);
      if (!needed) return failure(needed.error());
      if (*needed || !told.insert(look.digest).second) continue;
      const auto there = is_there(*catalog_, look.digest);
      if (!there) return failure(there.error());
      if (!*there) continue;
      const auto promised = promised_until(*catalog_, look.digest);
      if (!promised) return failure(promised.error());
      const Time until = std::max({look.due, leases_.until(look.digest), *promised});
      const std::string when = until > clock_.now() ? "after " + time_text(until) : "now";
      explanation.add(0, when + ": " + look.digest.text() + " (no tag and no manifest needs it)");
    }
  }
  return {};
}

// Whether a repository of a registry needs it, as collection would see it.
Result<bool> Store::is_needed(const Digest& digest) {
  const auto parents = catalog_->parents(digest);
  if (!parents) return failure(parents.error());
  if (!parents->empty()) return true;
  const auto manifests = catalog_->manifests_of(digest);
  if (!manifests) return failure(manifests.error());
  for (const NamedManifest& manifest : *manifests) {
    const auto alive = is_alive(manifest);
    if (!alive || *alive) return alive;
  }
  return false;
}

}  // namespace breakwater::store

#include "store/upkeep/explaining.h"

#include <algorithm>
#include <set>
#include <utility>

#include "store/capacity/budget.h"
#include "store/catalog/catalog.h"
#include "store/catalog/catalog_by_digest.h"
#include "store/catalog/catalog_queues.h"
#include "store/references/dependents.h"
#include "store/references/leases.h"
#include "store/references/liveness.h"
#include "store/references/manifest_content.h"
#include "store/references/route_rules.h"

namespace breakwater::store {
namespace {

constexpr size_t kAnswersMax = 10'000;
constexpr size_t kReviewsAtOnce = 1000;

TagStanding standing_of(const Parts& parts, const RepositoryKey& repository, const NamedTag& tag) {
  const RetentionPolicy& policy = parts.rules.policy_for(repository);
  if (parts.rules.is_mirror(repository.route)) return {};
  if (is_protected(policy, tag.tag)) return {TagStanding::Kind::protected_};
  const auto judged = judge(parts.catalog, repository, tag);
  const auto named = named_subject(parts.catalog, repository, tag.tag);
  if (!judged || !named) return {};
  if (*named || (judged->subject && lets_any_go(policy)))
    return {TagStanding::Kind::follows, judged->subject};
  if (judged->depends && lets_any_go(policy))
    return {TagStanding::Kind::orphan, {}, parts.clock.to_wall(tag.record.pushed() + parts.rules.lease())};
  return {is_cache(policy, tag.tag) ? TagStanding::Kind::cache : TagStanding::Kind::plain};
}

// As a person reads it.
std::optional<BlobRecord> shown(const StoreClock& clock, std::optional<BlobRecord> record) {
  if (!record) return record;
  record->stored_at = clock.to_wall(record->stored_at);
  record->used_at = clock.to_wall(record->used_at);
  return record;
}

// When the last review of a digest is due; nothing if none is queued.
Result<std::optional<Time>> last_review(const Catalog& catalog, const Digest& digest) {
  std::optional<Time> found;
  for (std::optional<Review> last;;) {
    const auto reviews = catalog.queues().reviews(Time::max(), kReviewsAtOnce, last);
    if (!reviews) return failure(reviews.error());
    if (reviews->empty()) return found;
    last = reviews->back();
    for (const Review& review : *reviews) {
      if (review.digest == digest) found = review.review_after;
    }
  }
}

// The repositories that may serve a digest, by a link or through a manifest.
Result<std::set<RepositoryKey>> repositories_of(const Catalog& catalog, const Digest& digest) {
  const auto uses = uses_of(catalog, digest);
  if (!uses) return failure(uses.error());
  std::set<RepositoryKey> repositories(uses->links.begin(), uses->links.end());
  repositories.insert(uses->needing.begin(), uses->needing.end());
  return repositories;
}

// Goes from one digest up to the tags, within each repository.
class Explainer {
 public:
  explicit Explainer(const Parts& parts) : parts_(parts) {}

  // `level` manifests are between the digest and the one that was asked about, for which it is 0. What refers
  // to what refers to something may go on for ever, so it is told as far as what is in an index.
  Result<std::vector<Reason>> reasons(const RepositoryKey& repository, const Digest& digest, int level) {
    const bool is_asked = level == 0;
    std::vector<Reason> found;
    if (level > kManifestLevelsMax + 1) return std::vector<Reason>{{Reason::Kind::more}};
    if (told_.size() >= kAnswersMax || !told_.emplace(repository, digest).second) return found;
    const auto tags = parts_.catalog.tags_of(repository, digest);
    if (!tags) return failure(tags.error());
    for (const std::string& tag : *tags) {
      if (++tags_told_ > kAnswersMax) {
        found.push_back({Reason::Kind::more});
        break;
      }
      const auto record = parts_.catalog.tag(repository, tag, Reach::disk);
      if (!record) return failure(record.error());
      if (!*record) continue;
      found.push_back({Reason::Kind::tag, tag, standing_of(parts_, repository, {tag, **record})});
    }
    if (auto added = add_parents(repository, digest, level, found); !added) return failure(added.error());
    const auto manifest = parts_.catalog.manifest(repository, digest, Reach::disk);
    if (!manifest) return failure(manifest.error());
    if (*manifest && (*manifest)->subject) {
      auto because = reasons(repository, *(*manifest)->subject, level + 1);
      if (!because) return because;
      found.push_back({Reason::Kind::subject, {}, {}, (*manifest)->subject, {}, *std::move(because)});
    }
    const Time leased = parts_.leases.until(digest);
    if (!is_asked && leased > parts_.clock.now())
      found.push_back({Reason::Kind::lease, {}, {}, {}, parts_.clock.to_wall(leased)});
    if (!found.empty()) return found;
    const auto last = last_reason(repository, digest, *manifest);
    if (!last) return failure(last.error());
    found.push_back(*last);
    return found;
  }

 private:
  Result<> add_parents(const RepositoryKey& repository, const Digest& digest, int level,
                       std::vector<Reason>& found) {
    const auto parents = parts_.catalog.by_digest().parents(digest);
    if (!parents) return failure(parents.error());
    for (const Parent& parent : *parents) {
      if (parent.repository != repository) continue;
      auto because = reasons(repository, parent.parent, level + 1);
      if (!because) return failure(because.error());
      found.push_back({Reason::Kind::parent, {}, {}, parent.parent, {}, *std::move(because)});
    }
    return {};
  }

  // Where nothing names it.
  Result<Reason> last_reason(const RepositoryKey& repository, const Digest& digest,
                             const std::optional<ManifestRecord>& manifest) {
    if (parts_.rules.is_mirror(repository.route)) return Reason{Reason::Kind::mirror};
    const auto review_after = last_review(parts_.catalog, digest);
    if (!review_after) return failure(review_after.error());
    const Time now = parts_.clock.now(), leased = parts_.leases.until(digest);
    const Time until = std::max(review_after->value_or(Time()), manifest ? manifest->kept_until : Time());
    const bool is_promised = manifest && parts_.rules.policy_for(repository).untagged_after;
    if (is_promised && until > std::max(now, leased))
      return Reason{Reason::Kind::promise, {}, {}, {}, parts_.clock.to_wall(until)};
    if (leased > now) return Reason{Reason::Kind::lease_only};
    return Reason{Reason::Kind::nothing, {}, {}, {}, until > now ? parts_.clock.to_wall(until) : Time()};
  }

  const Parts& parts_;
  std::set<std::pair<RepositoryKey, Digest>> told_;
  size_t tags_told_ = 0;
};

}  // namespace

Result<Why> why(const Parts& parts, const Digest& digest) {
  const auto record = parts.catalog.blob(digest, Reach::disk);
  if (!record) return failure(record.error());
  Why answer{digest, shown(parts.clock, *record), std::nullopt, {}};
  if (const Time until = parts.leases.until(digest); until > parts.clock.now())
    answer.leased_until = parts.clock.to_wall(until);
  const auto repositories = repositories_of(parts.catalog, digest);
  if (!repositories) return failure(repositories.error());
  Explainer explainer(parts);
  for (const RepositoryKey& repository : *repositories) {
    auto reasons = explainer.reasons(repository, digest, 0);
    if (!reasons) return failure(reasons.error());
    const auto manifest = parts.catalog.manifest(repository, digest, Reach::disk);
    if (!manifest) return failure(manifest.error());
    std::optional<Time> pushed_at;
    if (*manifest) pushed_at = (*manifest)->pushed_at;
    answer.repositories.push_back({repository, pushed_at, *std::move(reasons)});
  }
  return answer;
}

Result<std::vector<WhyTag>> why(const Parts& parts, const std::string& name, const std::string& tag) {
  std::vector<WhyTag> answers;
  for (const auto& [route, use] : parts.budget.routes()) {
    const RepositoryKey repository{route, name};
    const auto record = parts.catalog.tag(repository, tag, Reach::disk);
    if (!record) return failure(record.error());
    if (!*record) continue;
    auto because = why(parts, (*record)->digest);
    if (!because) return failure(because.error());
    answers.push_back(
        {repository, {tag, **record}, standing_of(parts, repository, {tag, **record}), *std::move(because)});
  }
  if (answers.empty())
    return failure(Error::Kind::not_found,
                   "no route has a tag " + name + ":" + tag + ": it was never seen here, or is gone");
  return answers;
}

}  // namespace breakwater::store

#include "store/upkeep/collector.h"

#include <set>
#include <utility>

#include "store/blobs/blobs.h"
#include "store/blobs/trash.h"
#include "store/catalog/catalog.h"
#include "store/catalog/catalog_queues.h"
#include "store/references/dependents.h"
#include "store/references/leases.h"
#include "store/references/references.h"
#include "store/references/route_rules.h"

namespace breakwater::store {
namespace {

constexpr size_t kRepositoriesAtOnce = 100;  // of one step of retention
constexpr size_t kTagsAtOnce = 2000;

}  // namespace

// One call of collect(), which goes on where the one before ended. Two do not run at once.
class Collector::Step {
 public:
  explicit Step(Collector& collector) : collector_(collector) {
    const Lock lock(collector_.mutex_);
    is_ours_ = !std::exchange(collector_.is_collecting_, true);
    if (is_ours_) position = collector_.reviewed_to_;
  }
  ~Step() {
    const Lock lock(collector_.mutex_);
    if (!is_ours_) return;
    collector_.is_collecting_ = false;
    collector_.reviewed_to_ = position;
  }
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;
  bool is_ours() const { return is_ours_; }

  std::optional<Review> position;

 private:
  Collector& collector_;
  bool is_ours_ = false;
};

Result<size_t> Collector::collect(size_t reviews_max) {
  Step step(*this);
  return step.is_ours() ? collect_behind(step.position, reviews_max) : 0;
}

Result<size_t> Collector::collect_behind(std::optional<Review>& position, size_t reviews_max) {
  parts_.leases.prune();
  // Begun behind the last position, because RocksDB still steps over deleted keys for a while.
  const auto queued = parts_.catalog.queues().reviews(parts_.clock.now(), reviews_max, position);
  if (!queued) return failure(queued.error());
  position = queued->size() < reviews_max ? std::nullopt : std::optional(queued->back());
  const auto reviews = delete_repeated(*queued);
  if (!reviews) return failure(reviews.error());
  for (const Review& one : *reviews) {
    if (const auto done = review(one, References::For::upkeep); !done) {
      // One that cannot be decided now must not keep the others waiting.
      parts_.log.error("review_failed", {{"digest", one.digest.text()}, {"error", done.error().message}});
      auto postponed = parts_.references.postpone(one, parts_.clock.now() + parts_.rules.lease());
      if (!postponed) return failure(postponed.error());
    }
  }
  if (auto emptied = trash_.empty(); !emptied) return failure(emptied.error());
  return queued->size();
}

Result<bool> Collector::review(const Review& review, References::For purpose) {
  const auto reviewed = blobs_.review(review, purpose);
  if (!reviewed) return failure(reviewed.error());
  manifests_ += reviewed->manifests;
  if (reviewed->blob) {
    ++blobs_total_;
    bytes_ += reviewed->blob->bytes;
  }
  return !reviewed->is_postponed;
}

// Keeps one review of each digest, or of each repository that has lost it, which does for all that are due.
// The others are removed before that review is done, so that a review which is queued meanwhile is not
// removed.
Result<std::vector<Review>> Collector::delete_repeated(const std::vector<Review>& reviews) {
  std::set<std::pair<Digest, std::optional<RepositoryKey>>> seen;
  std::vector<Review> first;
  Batch batch;
  for (const Review& review : reviews) {
    // A review of all repositories does for one of them too.
    const bool is_done = seen.contains({review.digest, std::nullopt});
    if (!is_done && seen.emplace(review.digest, review.only).second) {
      first.push_back(review);
    } else {
      batch.delete_review(review.review_after, review.digest);
    }
  }
  if (batch.empty()) return first;
  if (auto written = parts_.catalog.write(std::move(batch), Durability::buffered); !written) {
    return failure(written.error());
  }
  return first;
}

Result<size_t> Collector::apply_retention() {
  size_t deleted = 0;
  for (const auto& [route, policies] : parts_.rules.retention()) {
    std::string position;
    {
      const Lock lock(mutex_);
      position = retention_at_[route];
    }
    const auto done = apply_retention(route, position);
    const Lock lock(mutex_);
    retention_at_[route] = position;
    if (!done) return done;
    deleted += *done;
  }
  return deleted;
}

Result<size_t> Collector::apply_retention(const std::string& route, std::string& position) {
  const auto names = parts_.catalog.repositories(route, position, kRepositoriesAtOnce);
  if (!names) return failure(names.error());
  size_t seen = 0, deleted = 0;
  for (const std::string& name : *names) {
    if (seen >= kTagsAtOnce) break;
    const RepositoryKey repository{route, name};
    const RetentionPolicy& policy = parts_.rules.policy_for(repository);
    auto tags = judged_tags(parts_.catalog, parts_.pins, repository, policy);
    if (!tags) return failure(tags.error());
    seen += tags->size();
    auto expired =
        expire(repository, expired_tags(policy, *std::move(tags), parts_.rules.lease(), parts_.clock.now()));
    if (!expired) return expired;
    deleted += *expired;
    position = name;
  }
  if (names->empty() || (names->size() < kRepositoriesAtOnce && position == names->back())) position.clear();
  return deleted;
}

Result<size_t> Collector::expire(const RepositoryKey& repository, const std::vector<ExpiredTag>& tags) {
  size_t deleted = 0;
  for (const ExpiredTag& tag : tags) {
    const auto gone = tag.is_orphan ? parts_.references.delete_tag_if_orphaned(repository, tag.tag)
                                    : parts_.references.delete_tag_if_unchanged(repository, tag.tag);
    if (!gone) return failure(gone.error());
    if (!*gone) continue;
    parts_.log.info("tag_expired", {{"route", repository.route},
                                    {"repository", repository.repository},
                                    {"tag", tag.tag.tag},
                                    {"digest", tag.tag.record.digest.text()},
                                    {"reason", tag.reason}});
    count_tag();
    ++deleted;
  }
  return deleted;
}

Collector::Collected Collector::collected() const { return {manifests_, blobs_total_, bytes_, tags_}; }

}  // namespace breakwater::store

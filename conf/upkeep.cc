#include "conf/upkeep.h"
#include "store/upkeep/collector.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "store/catalog/catalog.h"

namespace breakwater::conf {
namespace {

constexpr proxy::Millis kUpkeepInterval = proxy::Millis(30'000);
constexpr proxy::Millis kWatchInterval = proxy::Millis(1'000);
constexpr proxy::Millis kCollectInterval = proxy::Millis(1'000);
constexpr proxy::Millis kScrubRetry = proxy::Millis(10'000);
constexpr proxy::Millis kFolderInterval = proxy::Millis(1'000);
constexpr proxy::Millis kRetentionInterval = proxy::Millis(10'000);
// Reviews in one step of the collector. After a step that used them all the collector rests for as long as
// the step took, so that requests hardly notice it.
constexpr size_t kReviewsMax = 32;

}  // namespace

Upkeep::Upkeep(proxy::Loop& loop, proxy::Workers& workers, proxy::Workers& background, store::Store& store,
               store::Scrub& scrub, Registries& registries, store::Log& log,
               const store::ScrubSettings& settings)
    : loop_(loop),
      workers_(workers),
      background_(background),
      store_(store),
      scrub_(scrub),
      registries_(registries),
      log_(log),
      settings_(settings) {}

void Upkeep::start(proxy::Tasks& tasks) {
  tasks.spawn(keep_up());
  tasks.spawn(collect());
  tasks.spawn(scrub_forever());
  tasks.spawn(watch_folder());
  tasks.spawn(watch_catalog());
}

// Periodic work that would cost too much with every request.
proxy::Task<> Upkeep::keep_up() {
  for (;;) {
    co_await loop_.sleep(kUpkeepInterval);
    auto job = [&store = store_] { return store.tick(); };
    auto flushed = co_await workers_.run(std::move(job));
    if (!flushed) log_.warning("upkeep_failed", {{"reason", flushed.error().message}});
    for (auto& [route, registry] : registries_) {
      auto swept = co_await registry->sweep();
      if (!swept) log_.warning("uploads_not_swept", {{"route", route}, {"reason", swept.error().message}});
    }
  }
}

// Removes what nothing refers to and no lease keeps; and, less often, the tags that their policy lets go.
proxy::Task<> Upkeep::collect() {
  auto retention_due = loop_.now();
  for (;;) {
    const bool is_due = loop_.now() >= retention_due;
    if (is_due) retention_due = loop_.now() + kRetentionInterval;
    auto job = [&store = store_, is_due]() -> Result<size_t> {
      if (is_due) {
        if (auto removed = store.collector().apply_retention(); !removed) return removed;
      }
      return store.collector().collect(kReviewsMax);
    };
    const auto begun_at = loop_.now();
    auto reviewed = co_await background_.run(std::move(job));
    if (!reviewed) log_.warning("collection_failed", {{"reason", reviewed.error().message}});
    const bool is_more = reviewed && *reviewed == kReviewsMax;
    const auto worked = std::chrono::duration_cast<proxy::Millis>(loop_.now() - begun_at);
    const auto rest = is_more ? std::clamp(worked, proxy::Millis(1), kCollectInterval) : kCollectInterval;
    co_await loop_.sleep(rest);
  }
}

// Scrubs in small steps, whose distance gives the configured speed.
proxy::Task<> Upkeep::scrub_forever() {
  const auto speed = settings_.bytes_per_second;
  if (speed == 0) co_return;
  for (;;) {
    auto job = [&scrub = scrub_] { return scrub.step(); };
    auto worth = co_await background_.run(std::move(job));
    if (!worth) log_.warning("scrub_interrupted", {{"reason", worth.error().message}});
    // After an error the step is repeated, once what was the matter may have passed.
    const auto wait_ms = !worth        ? kScrubRetry.count()
                         : *worth == 0 ? settings_.pause_ms
                                       : static_cast<int64_t>(*worth * 1000 / speed);
    co_await loop_.sleep(proxy::Millis(std::max<int64_t>(wait_ms, 1)));
  }
}

// Notices that the data folder is away, or back, also when nobody asks for anything in it.
proxy::Task<> Upkeep::watch_folder() {
  for (;;) {
    co_await loop_.sleep(kFolderInterval);
    auto job = [&store = store_] {
      store.check_folder();
      return true;
    };
    co_await background_.run(std::move(job));  // not behind an eviction
  }
}

// A write mends a catalog that can be written no more; while nobody writes, this does.
proxy::Task<> Upkeep::watch_catalog() {
  for (;;) {
    co_await loop_.sleep(kWatchInterval);
    if (store_.catalog().why_not_writable().empty()) continue;
    auto job = [&store = store_] { return store.sync(); };
    (void)co_await background_.run(std::move(job));  // the catalog tells the log by itself
  }
}

}  // namespace breakwater::conf

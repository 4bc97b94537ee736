// The part of Store that makes room with what registries can spare: first what is dead, though its time has
// not come; then uploads that were refused for want of room, or that nobody has gone on with for the length
// of a lease; in the end tags that the policy calls cache, least recently used first. What a client was told
// exists stays for its lease, whatever is needed.
#include <algorithm>
#include <utility>

#include "store/store.h"

namespace breakwater::store {
namespace {

constexpr size_t kLooksAtOnce = 64;
constexpr auto kUploadKeptAtLeast = std::chrono::hours(1);
constexpr size_t kPageOfNames = 1000;
// A lease that ends within this is worth waiting for.
constexpr auto kWorthWaitingFor = std::chrono::seconds(10);

int64_t seconds_until(Time when, Time now) {
  return std::max<int64_t>(1, std::chrono::ceil<std::chrono::seconds>(when - now).count());
}

}  // namespace

bool Store::has_room(const std::string& route, uint64_t size) const {
  const Budget::Shortage needed = budget_.shortage(route, size);
  return needed.route == 0 && needed.whole == 0;
}

// `full`, with the time to wait, if something dead is kept by a short lease only.
Result<> Store::collect_for_room(const std::string& route, uint64_t size) {
  const std::lock_guard collecting(collecting_);
  while (can_cure(route, size)) {
    const auto done = look_at_all(route, size);
    if (!done) return failure(done.error());
    if (done->removed_any) continue;
    const Time now = clock_.now();
    if (!done->soon || *done->soon - now > kWorthWaitingFor) return {};
    Error error{Error::Kind::full,
                "no room in " + route + " for " + std::to_string(size) + " bytes before a lease ends",
                seconds_until(*done->soon, now)};
    return failure(std::move(error));
  }
  return {};
}

// Of what a look is at. One that is due in spite of its lease has left a repository: if that was the last,
// the lease keeps nothing.
Result<Time> Store::leased_until(const Look& look) const {
  const Time now = clock_.now();
  const Time until = leases_.until(look.digest);
  if (until <= now || look.due > now) return until;
  const auto routes = catalog_->routes_of(look.digest);
  if (!routes) return failure(routes.error());
  return routes->empty() ? now : until;
}

// One pass through the queue of looks, due or not, until there is room.
Result<Store::LooksDone> Store::look_at_all(const std::string& route, uint64_t size) {
  LooksDone done;
  std::optional<Look> last;
  while (can_cure(route, size)) {
    const auto looks = catalog_->looks(Time::max(), kLooksAtOnce, last);
    if (!looks) return failure(looks.error());
    if (looks->empty()) break;
    last = looks->back();
    const bool is_for_disk = is_short_of_disk(size);
    for (const Look& look : *looks) {
      const auto until = leased_until(look);
      if (until && *until > clock_.now()) {
        done.soon = std::min(done.soon.value_or(*until), *until);
        continue;
      }
      auto dead = until ? look_at(look, true) : failure(until.error());
      if (!dead) {
        // One that cannot be decided must not keep the others from making room. It stays for collect(), which
        // postpones it.
        log_.error("look_failed", {{"digest", look.digest.text()}, {"error", dead.error().message}});
        continue;
      }
      done.removed_any = true;  // the look, and maybe what it was at
      if (*dead) trash_.push_back(**std::move(dead));
    }
    std::vector<std::pair<uint64_t, bool>> gone;  // bytes, and whether they had another name
    for (const Trashed& one : is_for_disk ? trash_ : std::vector<Trashed>()) {
      const auto file = blobs_.stat_trashed(one.digest);
      gone.emplace_back(on_disk(one.bytes), file && file->names > 1);
    }
    if (auto emptied = empty_trash(); !emptied) return failure(emptied.error());
    for (const auto& [bytes, has_other_name] : gone) note_gone(bytes, has_other_name);
  }
  return done;
}

// What pushes have left that found no room themselves, then that broke off a while ago, oldest first: whoever
// comes back for one begins anew.
Result<> Store::evict_stale_uploads(const std::string& route, uint64_t size) {
  const Time::duration kept = std::max<Time::duration>(settings_.lease, kUploadKeptAtLeast);
  std::vector<std::pair<Time, std::string>> stale;
  {
    const std::lock_guard lock(partials_mutex_);
    for (const auto& [id, partial] : idle_partials_) {
      if (partial.route != route) continue;
      if (partial.is_spare) stale.emplace_back(Time(), id);
      if (!partial.is_spare && clock_.now() - partial.modified >= kept)
        stale.emplace_back(partial.modified, id);
    }
  }
  std::sort(stale.begin(), stale.end());
  for (const auto& [modified, id] : stale) {
    if (has_room(route, size)) return {};
    if (auto evicted = evict_partial(id); !evicted) return evicted;
    log_.info("stale_upload_evicted", {{"route", route}, {"upload", id}});
  }
  return {};
}

Result<> Store::evict_cache_tags(const std::string& route, uint64_t size) {
  if (!can_cure(route, size)) return {};
  const uint64_t wanted = size + low_water(route);
  auto tags = cache_tags(route);
  if (!tags) return failure(tags.error());
  for (const CacheTag& tag : *tags) {
    if (!can_cure(route, wanted)) return {};
    // What was imported just now, or pushed, is needed by somebody.
    if (leases_.until(tag.record.digest) > clock_.now()) continue;
    const auto removed = remove_unchanged(tag.repository, {tag.tag, tag.record});
    if (!removed) return failure(removed.error());
    if (!*removed) continue;
    log_.info("cache_tag_evicted",
              {{"route", route}, {"repository", tag.repository.repository}, {"tag", tag.tag}});
    ++collected_tags_;
    const auto collected = collect_for_room(route, wanted);
    if (!collected && !has_room(route, size)) return collected;
  }
  return {};
}

// Least recently used first.
Result<std::vector<Store::CacheTag>> Store::cache_tags(const std::string& route) {
  std::vector<CacheTag> found;
  std::string last;
  for (size_t named = kPageOfNames; named == kPageOfNames;) {
    const auto names = catalog_->repositories(route, last, kPageOfNames);
    if (!names) return failure(names.error());
    named = names->size();
    for (const std::string& name : *names) {
      last = name;
      const auto tags = catalog_->tags({route, name}, "", SIZE_MAX);
      if (!tags) return failure(tags.error());
      for (const NamedTag& tag : *tags) {
        if (!is_cache(policy_for({route, name}), tag.tag)) continue;
        const auto blob = catalog_->blob(tag.record.digest, Reach::disk);
        if (!blob) return failure(blob.error());
        const Time used_at = *blob ? std::max((*blob)->used_at, tag.record.set_at) : tag.record.set_at;
        found.push_back({{route, name}, tag.tag, tag.record, used_at});
      }
    }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const CacheTag& a, const CacheTag& b) { return a.used_at < b.used_at; });
  return found;
}

}  // namespace breakwater::store

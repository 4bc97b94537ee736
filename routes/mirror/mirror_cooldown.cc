// The part of MirrorManifests that holds back what upstream has shown under a tag for less than min_age. What
// is decided is in routes/oci/cooldown.h.
//
//   settle()  nothing is known of the tag: GET, store, serve, and remember when that was seen
//             else HEAD upstream; remember what it shows, and store that without moving the tag; then serve
//             what is due, from here or by its digest from upstream: the tag names that, checked now
#include <algorithm>
#include <utility>

#include "routes/mirror/mirror_manifests.h"
#include "routes/oci/date_text.h"
#include "store/catalog/catalog.h"
#include "store/catalog/store_clock.h"
#include "store/references/tag_histories.h"

namespace breakwater::routes {

using proxy::Millis;
using proxy::Task;
using store::Digest;
using store::RepositoryKey;
using store::TagRecord;

namespace {

// What is to be said of an answer with `served`.
std::string warning_of(const Sightings& seen, const Digest& served, const store::StoreClock& clock,
                       store::Time::duration min_age) {
  const auto now = clock.now();
  return why_held_back(seen, served, now, min_age, now - clock.to_wall(now));
}

}  // namespace

// Signatures and the like are not held back: they speak of an image that is served already, and bring none.
bool MirrorManifests::cools(const std::string& tag) const {
  return settings_.min_age_ms > 0 && !is_referrer_tag(tag);
}

// --- without asking upstream

// What is due by now, of what is held. Without min_age that is what the tag names.
Task<Result<ServedManifest>> MirrorManifests::held_meanwhile(RepositoryKey key, std::string tag,
                                                             TagRecord record) {
  if (!cools(tag)) co_return co_await held(key, record.digest);
  auto seen = co_await sightings(key, tag, record);
  if (!seen) co_return co_await held(key, record.digest);
  const Millis min_age(settings_.min_age_ms);
  const auto due = by_preference(*seen, parts_.clock.now(), min_age).front();
  auto here = co_await held(key, due);
  if (!here && due != record.digest) here = co_await held(key, record.digest);
  if (here) here->held_back = warning_of(*seen, here->digest, parts_.store.clock(), min_age);
  co_return here;
}

Task<std::string> MirrorManifests::cooldown_warning(RepositoryKey key, std::string tag, TagRecord record) {
  auto seen = co_await sightings(key, tag, record);
  if (!seen) co_return "";
  co_return warning_of(*seen, record.digest, parts_.store.clock(), Millis(settings_.min_age_ms));
}

Task<Result<Sightings>> MirrorManifests::sightings(RepositoryKey key, std::string tag,
                                                   std::optional<TagRecord> record) {
  auto history = parts_.store.catalog().history(key, tag, store::Reach::memory);
  if (!history && history.error().kind == Error::Kind::would_block) {
    auto job = [&catalog = parts_.store.catalog(), key, tag] {
      return catalog.history(key, tag, store::Reach::disk);
    };
    history = co_await parts_.readers.run(std::move(job));
  }
  if (!history) co_return failure(history.error());
  co_return sightings_of(*history, record);
}

Task<Result<>> MirrorManifests::remember(RepositoryKey key, std::string tag, Sightings seen) {
  auto job = [&histories = parts_.store.tag_histories(), key, tag, history = store::TagHistoryRecord{seen}] {
    return histories.put(key, tag, history);
  };
  auto put = co_await parts_.workers.run(std::move(job));
  if (!put) parts_.log.warning("tag_history_not_kept", {{"tag", tag}, {"reason", put.error().message}});
  co_return put;
}

// --- asking upstream

Task<Result<ServedManifest>> MirrorManifests::settle(RepositoryKey key, std::string tag,
                                                     std::optional<TagRecord> record, proxy::Hops hops) {
  auto seen = co_await sightings(key, tag, record);
  if (!seen) co_return failure(seen.error());
  if (seen->empty()) co_return co_await see_first(key, tag, std::move(hops));
  auto done = co_await see(key, tag, *seen, hops);
  if (!done) co_return failure(done.error());
  co_return co_await serve_due(key, tag, record, *std::move(seen), std::move(hops));
}

Task<Result<ServedManifest>> MirrorManifests::see_first(RepositoryKey key, std::string tag,
                                                        proxy::Hops hops) {
  auto first = co_await fetch(key, tag, std::nullopt, tag, std::move(hops));
  if (!first) co_return first;
  Sightings seen(1, Sighting{first->digest, parts_.clock.now()});
  (void)co_await remember(key, tag, std::move(seen));
  co_return first;
}

// Notes what upstream shows now, and keeps that manifest for when it is due. Without it the tag is served all
// the same, and the next question tries again.
Task<Result<>> MirrorManifests::see(RepositoryKey key, std::string tag, Sightings& seen, proxy::Hops hops) {
  auto attempt = [this, key, tag](const proxy::AskedUpstream& upstream) {
    return ask_digest(upstream, key.repository, tag);
  };
  auto shown = co_await parts_.upstreams.first_of(hops, std::move(attempt));
  if (!shown) co_return failure(shown.error());
  if (*shown) {
    co_await note(key, tag, **shown, seen);
    auto kept = co_await held(key, **shown);
    if (!kept) kept = co_await fetch(key, (*shown)->text(), *shown, "", hops);
    if (kept || kept.error().kind != Error::Kind::not_found) co_return Result<>();
  }
  // HEAD has told no digest, or one that upstream does not have: what GET brings is what upstream shows.
  auto got = co_await fetch(key, tag, std::nullopt, "", std::move(hops));
  if (!got) co_return failure(got.error());
  co_await note(key, tag, got->digest, seen);
  co_return Result<>();
}

Task<> MirrorManifests::note(RepositoryKey key, std::string tag, Digest shown, Sightings& seen) {
  const auto now = parts_.clock.now();
  const Millis min_age(settings_.min_age_ms);
  const bool is_new = std::none_of(seen.begin(), seen.end(),
                                   [&](const Sighting& sighting) { return sighting.digest == shown; });
  note_shown(seen, shown, now, min_age);
  (void)co_await remember(key, tag, seen);
  if (!is_new) co_return;
  const std::string until = date_text(parts_.store.clock().to_wall(now + min_age));
  parts_.log.info("tag_held_back", {{"route", key.route},
                                    {"repository", key.repository},
                                    {"tag", tag},
                                    {"digest", shown.text()},
                                    {"until", until}});
}

Task<Result<ServedManifest>> MirrorManifests::serve_due(RepositoryKey key, std::string tag,
                                                        std::optional<TagRecord> record, Sightings seen,
                                                        proxy::Hops hops) {
  const Millis min_age(settings_.min_age_ms);
  const auto preferred = by_preference(seen, parts_.clock.now(), min_age);
  Answer answer = failure(Error::Kind::not_found, "upstream has nothing that it has shown as " + tag);
  for (size_t i = 0; i < preferred.size() && !answer; ++i) {
    const Digest digest = preferred[i];
    answer = co_await held(key, digest);
    if (answer) answer->cache = CacheResult::revalidated;
    if (!answer) answer = co_await fetch(key, digest.text(), digest, "", hops);
    // Only what upstream does not have any more makes way for what is younger.
    if (!answer && answer.error().kind != Error::Kind::not_found) co_return answer;
  }
  if (!answer) co_return answer;
  answer->held_back = warning_of(seen, answer->digest, parts_.store.clock(), min_age);
  if (!record || record->digest != answer->digest) {
    const auto named = std::find_if(seen.begin(), seen.end(), [&](const Sighting& sighting) {
      return sighting.digest == answer->digest;
    });
    record = TagRecord{answer->digest,
                       answer->media_type,
                       parts_.store.clock().to_wall(named->first_seen),
                       {},
                       named->first_seen};
  }
  auto marked = co_await mark_checked(key, tag, *record);
  if (!marked) parts_.log.warning("tag_not_marked", {{"tag", tag}, {"reason", marked.error().message}});
  co_return answer;
}

Task<Result<ServedManifest>> MirrorManifests::fetch_now(RepositoryKey key, std::string tag) {
  auto moved = co_await fetch(key, tag, std::nullopt, tag, proxy::Hops());
  if (!moved || !cools(tag)) co_return moved;
  Sightings seen(1, Sighting{moved->digest, parts_.clock.now()});
  auto remembered = co_await remember(key, tag, std::move(seen));
  if (!remembered) co_return failure(remembered.error());
  co_return moved;
}

}  // namespace breakwater::routes

#include "routes/oci/cooldown.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "routes/oci/date_text.h"

namespace breakwater::routes {

using store::Digest;
using store::Time;

namespace {

auto find(Sightings& sightings, const Digest& digest) {
  return std::find_if(sightings.begin(), sightings.end(),
                      [&](const Sighting& sighting) { return sighting.digest == digest; });
}

// Which of too many is missed least. Never the one that is served, nor the first that is due after it, nor
// what upstream shows now.
size_t least_missed(const Sightings& sightings, Time old_enough) {
  const auto is_old = [&](const Sighting& sighting) { return sighting.first_seen <= old_enough; };
  const auto served = std::find_if(sightings.rbegin(), sightings.rend(), is_old);
  const bool is_first_served = served == sightings.rend() || std::next(served) == sightings.rend();
  if (!is_first_served) return 0;
  size_t least = sightings.size() - 2;
  Time::duration closest = Time::duration::max();
  for (size_t i = 2; i + 1 < sightings.size(); ++i) {
    const auto between = sightings[i + 1].first_seen - sightings[i - 1].first_seen;
    if (between >= closest) continue;
    closest = between;
    least = i;
  }
  return least;
}

}  // namespace

Sightings sightings_of(const std::optional<store::TagHistoryRecord>& history,
                       const std::optional<store::TagRecord>& tag) {
  Sightings sightings = history ? history->sightings : Sightings();
  if (!tag || find(sightings, tag->digest) != sightings.end()) return sightings;
  const auto later = std::find_if(sightings.begin(), sightings.end(), [&](const Sighting& sighting) {
    return sighting.first_seen > tag->pushed();
  });
  sightings.insert(later, Sighting{tag->digest, tag->pushed()});
  return sightings;
}

void note_shown(Sightings& sightings, const Digest& shown, Time now, Time::duration min_age) {
  const auto known = find(sightings, shown);
  if (known == sightings.end()) {
    sightings.push_back({shown, now});
  } else {
    std::rotate(known, std::next(known), sightings.end());
  }
  while (sightings.size() > store::TagHistoryRecord::kSightingsMax)
    sightings.erase(sightings.begin() + static_cast<std::ptrdiff_t>(least_missed(sightings, now - min_age)));
}

std::vector<Digest> by_preference(const Sightings& sightings, Time now, Time::duration min_age) {
  std::vector<Sighting> old, young;
  for (const Sighting& sighting : sightings)
    (now - sighting.first_seen >= min_age ? old : young).push_back(sighting);
  std::reverse(old.begin(), old.end());
  std::stable_sort(young.begin(), young.end(),
                   [](const Sighting& a, const Sighting& b) { return a.first_seen < b.first_seen; });
  std::vector<Digest> preferred;
  for (const auto& some : {old, young}) {
    for (const Sighting& sighting : some) preferred.push_back(sighting.digest);
  }
  return preferred;
}

std::string why_held_back(const Sightings& sightings, const Digest& served, Time now, Time::duration min_age,
                          Time::duration ahead_of_wall) {
  if (sightings.empty()) return "";
  const auto& [shown, first_seen] = sightings.back();
  const Time since = first_seen - ahead_of_wall;
  if (shown != served)
    return "upstream shows another digest since " + date_text(since) + ", which is served from " +
           date_text(since + min_age) + " on: " + shown.text();
  if (by_preference(sightings, now, min_age).front() == served) return "";
  return "upstream shows this only since " + date_text(since) +
         "; it is served because upstream has nothing older any more";
}

}  // namespace breakwater::routes

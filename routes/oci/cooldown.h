// What a mirror with `min_age` answers for a tag: not what upstream shows now, but what it has shown for long
// enough that others would have noticed something wrong with it. Pure; any thread.
//
//   upstream shows    A ............ B ........ C ..... A
//   the tag names     A .................. B ...... C?.. A     each min_age after it was first seen
//
// A digest is as old as the first time that this Breakwater saw it under this tag. One that upstream goes
// back to is served at once if it is old enough; what upstream went back from is not preferred any more. So
// long as nothing is old enough, what was seen first stays.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "store/base/clock.h"
#include "store/base/digest.h"
#include "store/catalog/records.h"

namespace breakwater::routes {

using Sighting = store::TagHistoryRecord::Sighting;
// Of one tag, each digest once. The one that upstream showed last is the last.
using Sightings = std::vector<Sighting>;

// What is known of a tag: its history, and what the tag names, in case no history was kept of that.
Sightings sightings_of(const std::optional<store::TagHistoryRecord>& history,
                       const std::optional<store::TagRecord>& tag);

// Upstream shows this digest now. At most TagHistoryRecord::kSightingsMax stay: first those go that upstream
// showed before the one that is served, then of those that are held back the ones that lie closest in time to
// their neighbours. So a tag moves on however often upstream moves it.
void note_shown(Sightings& sightings, const store::Digest& shown, store::Time now,
                store::Time::duration min_age);

// What the tag should be answered with: the first that can be had.
std::vector<store::Digest> by_preference(const Sightings& sightings, store::Time now,
                                         store::Time::duration min_age);

// What is to be said if the tag is answered with `served`; "" if that is simply what upstream shows. Times of
// the sightings are of the store's clock, which is `ahead_of_wall`.
std::string why_held_back(const Sightings& sightings, const store::Digest& served, store::Time now,
                          store::Time::duration min_age, store::Time::duration ahead_of_wall);

}  // namespace breakwater::routes

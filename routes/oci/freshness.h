// How old an answer may be. The functions are pure: they depend on the clock, on when upstream last confirmed
// a tag, and on what upstream says now. Only tags and lists age; an answer to a digest is right for ever.
//
//   before_asking()  serve ----------------------------------------> from the store
//        `-- ask --> HEAD upstream --> after_asking()  serve ------> from the store, checked now
//                                          |-- fetch --------------> the new manifest
//                                          |-- serve_stale --------> from the store, with Age and Warning 299
//                                          `-- fail ---------------> upstream's error is the answer
//
// Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "store/base/clock.h"
#include "store/base/result.h"

namespace breakwater::routes {

struct FreshnessSettings {
  int64_t fresh_ms = 60'000;  // upstream is not asked again within this time; 0: it is always asked
  // For how long an old tag is served while upstream is unwell or refuses.
  int64_t stale_ms = 30LL * 24 * 3600 * 1000;
  // For how long an old tag is served while upstream says 404; 0: not at all.
  int64_t missing_stale_ms = 24LL * 3600 * 1000;
  int64_t missing_fresh_ms = 30'000;  // for how long a 404 is believed without asking again
  // As missing_fresh_ms, for signatures and referrers, which appear soon after their image.
  int64_t missing_referrer_fresh_ms = 10'000;
};

enum class BeforeAsking { serve, ask };
BeforeAsking before_asking(const FreshnessSettings& settings, store::Time now, store::Time checked_at);

enum class UpstreamSaid { same, changed, missing, refused, unwell };
// What an error of the HEAD means: not_found is missing, denied is refused, everything else is unwell.
UpstreamSaid said_by(const Error& error);

enum class AfterAsking { serve, fetch, serve_stale, fail };
// `checked_at` is when upstream last confirmed the tag that we hold.
AfterAsking after_asking(const FreshnessSettings& settings, store::Time now, store::Time checked_at,
                         UpstreamSaid said);

// Whether cosign or the referrers fallback probes for such tags: sha256-<hex>, and that with .sig, .att or
// .sbom.
bool is_referrer_tag(std::string_view tag);
// For how long a 404 for `reference` (a tag or a digest) is believed.
int64_t missing_fresh_ms(const FreshnessSettings& settings, std::string_view reference);

// The value of `Age`: whole seconds, 0 if the clock went back.
std::string age_header(store::Time now, store::Time checked_at);
// The value of `Warning` of a stale answer: `299 - "…"`. Any text may be a reason; it is made safe for a
// header.
std::string stale_warning(std::string_view reason);

}  // namespace breakwater::routes

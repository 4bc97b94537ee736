#include "routes/oci/freshness.h"

#include <algorithm>
#include <cstdlib>

#include "routes/oci/client_text.h"
#include "store/references/retention.h"

namespace breakwater::routes {
namespace {

int64_t age_ms(store::Time now, store::Time checked_at) { return (now - checked_at).count(); }

}  // namespace

BeforeAsking before_asking(const FreshnessSettings& settings, store::Time now, store::Time checked_at) {
  // A check in the future was made before the clock was set back. It is trusted for no longer than any other.
  const int64_t age = std::abs(age_ms(now, checked_at));
  return age < settings.fresh_ms ? BeforeAsking::serve : BeforeAsking::ask;
}

UpstreamSaid said_by(const Error& error) {
  switch (error.kind) {
    case Error::Kind::not_found: return UpstreamSaid::missing;
    case Error::Kind::denied: return UpstreamSaid::refused;
    default: return UpstreamSaid::unwell;
  }
}

AfterAsking after_asking(const FreshnessSettings& settings, store::Time now, store::Time checked_at,
                         UpstreamSaid said) {
  const auto within = [age = age_ms(now, checked_at)](int64_t window_ms) {
    return age < window_ms ? AfterAsking::serve_stale : AfterAsking::fail;
  };
  switch (said) {
    case UpstreamSaid::same: return AfterAsking::serve;
    case UpstreamSaid::changed: return AfterAsking::fetch;
    case UpstreamSaid::missing: return within(std::min(settings.missing_stale_ms, settings.stale_ms));
    case UpstreamSaid::refused:
    case UpstreamSaid::unwell: break;
  }
  return within(settings.stale_ms);
}

bool is_referrer_tag(std::string_view tag) { return store::subject_of_tag(tag).has_value(); }

int64_t missing_fresh_ms(const FreshnessSettings& settings, std::string_view reference) {
  return is_referrer_tag(reference) ? settings.missing_referrer_fresh_ms : settings.missing_fresh_ms;
}

std::string age_header(store::Time now, store::Time checked_at) {
  return std::to_string(std::max<int64_t>(0, age_ms(now, checked_at) / 1000));
}

std::string stale_warning(std::string_view reason) {
  std::string value = "299 - \"";
  const std::string text = client_text(reason).substr(0, 200);
  for (const char c : text) {
    const bool safe = static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x7f;
    value += c == '"' || c == '\\' ? '\'' : safe ? c : ' ';
  }
  return value + '"';
}

}  // namespace breakwater::routes

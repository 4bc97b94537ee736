#include "proxy/upstream/host_health.h"

#include <algorithm>

#include "proxy/upstream/registry_rules.h"
#include "proxy/upstream/retry.h"

namespace breakwater::proxy {
namespace {

constexpr size_t kBreakersMax = 64;

CircuitBreakerSettings breaker_settings(const RegistryClientSettings& settings) {
  CircuitBreakerSettings breaker;
  breaker.open_max_ms = settings.backoff_max_ms;
  breaker.open_first_ms = std::min(breaker.open_first_ms, settings.backoff_max_ms);
  return breaker;
}

}  // namespace

std::shared_ptr<CircuitBreaker> HostHealth::breaker_of(const Endpoint& endpoint) {
  auto found = breakers_.find(endpoint);
  if (found != breakers_.end()) return found->second;
  if (breakers_.size() >= kBreakersMax) {
    store::Time time = now();
    std::erase_if(breakers_, [time](const auto& entry) { return entry.second->is_forgettable(time); });
  }
  auto breaker = std::make_shared<CircuitBreaker>(breaker_settings(settings_));
  breakers_.emplace(endpoint, breaker);
  return breaker;
}

void HostHealth::report_failure(AdmittedRequest& admitted, const Url& url, const Error& error,
                                Failed failed) {
  ++stats_.failures_total;
  // Neither the caller's impatience nor a refusal of our own says anything about the host.
  if (failed == Failed::impatient || error.kind != Error::Kind::unavailable) return;
  bool was_tripped = admitted.breaker().is_tripped();
  if (failed == Failed::soon)
    admitted.broken_off(now());
  else
    admitted.unreached(now());
  const auto host = url.endpoint().text();
  const store::Log::Field what[] = {{"route", settings_.name}, {"upstream", host}, {"error", error.message}};
  if (!admitted.breaker().is_tripped())
    log_.write(store::Log::Level::info, "upstream broke off", what);
  else if (!was_tripped)
    log_.write(store::Log::Level::warning, "upstream unreachable", what);
  if (url.endpoint() == registry_) stats_.unwell = true;
}

void HostHealth::report_answer(AdmittedRequest& admitted, const Url& url, const Head& head,
                               std::string_view error_text) {
  bool failed = head.status == 429 || is_server_error(head.status);
  if (!failed) return;  // reported when the head came
  ++stats_.failures_total;
  if (head.status == 429) return report_throttled(admitted, url, head, error_text);
  bool was_tripped = admitted.breaker().is_tripped();
  admitted.server_error(now());
  bool news = !was_tripped && admitted.breaker().is_tripped();
  if (news)
    log_.warning(
        "upstream fails",
        {{"route", settings_.name}, {"upstream", url.endpoint().text()}, {"status", int64_t{head.status}}});
}

void HostHealth::report_throttled(AdmittedRequest& admitted, const Url& url, const Head& head,
                                  std::string_view error_text) {
  ++stats_.refusals.throttled;
  int64_t wait_s = admitted.throttled(
      now(), retry_after_s(head.headers.get("Retry-After"), error_text, epoch_s(clock_.wall())));
  log_.warning("upstream throttles",
               {{"route", settings_.name}, {"upstream", url.endpoint().text()}, {"wait_s", wait_s}});
  stats_.throttled_until = clock_.wall() + (breaker_of(registry_)->throttled_until() - now());
}

}  // namespace breakwater::proxy

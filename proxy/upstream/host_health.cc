#include "proxy/upstream/host_health.h"

#include <algorithm>
#include <utility>

#include "proxy/upstream/registry_rules.h"
#include "proxy/upstream/retry.h"
#include "proxy/upstream/upstream_words.h"

namespace breakwater::proxy {
namespace {

CircuitBreakerSettings breaker_settings(const RegistryClientSettings& settings) {
  CircuitBreakerSettings breaker;
  breaker.open_max_ms = settings.backoff_max_ms;
  breaker.open_first_ms = std::min(breaker.open_first_ms, settings.backoff_max_ms);
  return breaker;
}

// Hosts of a registry: its own, of tokens, of blobs. Forgotten as a whole, because a lost entry costs only
// that the log does not say when that host was well again.
constexpr size_t kTroubledMax = 64;

// The end of an error's message, behind the URL that was asked: clients that ask for something else are told
// it.
std::string_view cause_of(std::string_view message, std::string_view host) {
  const size_t url = message.find(host);
  const size_t colon = url == std::string_view::npos ? url : message.find(": ", url + host.size());
  return colon == std::string_view::npos ? std::string_view() : message.substr(colon + 2);
}

Question tokens_of(const Endpoint& registry) {
  Question question;
  question.host = registry;
  question.kind = Question::Kind::tokens;
  return question;
}

}  // namespace

HostHealth::HostHealth(const store::Clock& clock, store::Log& log, const RegistryClientSettings& settings,
                       const Endpoint& registry, RegistryClientStats& stats)
    : clock_(clock),
      log_(log),
      settings_(settings),
      registry_(registry),
      stats_(stats),
      circuits_(breaker_settings(settings)) {}

void HostHealth::report_failure(Circuits::Admitted& admitted, const Question& question, const Error& error,
                                Failed failed) {
  // Neither the caller's impatience nor a refusal of our own says anything about the host.
  if (failed == Failed::impatient || error.kind != Error::Kind::unavailable) return;
  const bool was_tripped = admitted.is_tripped();
  admitted.note_cause(cause_of(error.message, question.host.text()));
  switch (failed) {
    case Failed::to_reach_soon: admitted.unreached_soon(now()); break;
    case Failed::to_reach: admitted.unreached(now()); break;
    case Failed::to_answer_soon: admitted.unanswered_soon(now()); break;
    case Failed::to_answer:
    case Failed::impatient: admitted.unanswered(now()); break;
  }
  const std::string upstream = question.host.text(), asked = question.text();
  const store::Log::Field what[] = {
      {"route", settings_.name}, {"upstream", upstream}, {"asked", asked}, {"error", error.message}};
  if (!admitted.is_tripped())
    log_.write(store::Log::Level::info, "upstream_broke_off", what);
  else if (!was_tripped)
    log_.write(store::Log::Level::warning, "upstream_unreachable", what);
  if (admitted.is_tripped()) note_trouble(question.host);
  if (question.host == registry_) stats_.unwell = true;
}

void HostHealth::report_answer(Circuits::Admitted& admitted, const Question& question, const Head& head,
                               std::string_view error_text) {
  const bool failed = head.status == 429 || is_server_error(head.status);
  if (!failed) return;  // reported when the head came
  stats_.failures.count(head.status == 429 ? UpstreamFailure::throttled : UpstreamFailure::server_error);
  if (head.status == 429) return report_throttled(admitted, question, head, error_text);
  const bool was_tripped = admitted.is_tripped();
  admitted.note_cause(std::to_string(head.status) + " " + std::string(reason_of(head.status)));
  admitted.server_error(now());
  if (admitted.is_tripped()) note_trouble(question.host);
  const bool news = !was_tripped && admitted.is_tripped();
  if (news)
    log_.warning("upstream_fails", {{"route", settings_.name},
                                    {"upstream", question.host.text()},
                                    {"asked", question.text()},
                                    {"status", int64_t{head.status}}});
}

void HostHealth::report_throttled(Circuits::Admitted& admitted, const Question& question, const Head& head,
                                  std::string_view error_text) {
  ++stats_.refusals.throttled;
  const int64_t wait_s = admitted.throttled(now(), wait_of(head, error_text), upstream_words(error_text));
  log_.warning("upstream_throttles", {{"route", settings_.name},
                                      {"upstream", question.host.text()},
                                      {"asked", question.text()},
                                      {"wait_s", wait_s}});
  note_trouble(question.host);
  note_throttled_until();
}

void HostHealth::note_trouble(const Endpoint& host) {
  if (troubled_.size() >= kTroubledMax) troubled_.clear();
  troubled_.insert(host.text());
}

void HostHealth::report_head(const Endpoint& host, int status) {
  const bool was_unwell = host == registry_ && std::exchange(stats_.unwell, false);
  const auto trouble = troubled_.find(host.text());
  if (trouble == troubled_.end() && !was_unwell) return;
  if (trouble != troubled_.end()) {
    const bool is_well =
        status != 429 && !is_server_error(status) && circuits_.throttled_until(host) <= now();
    if (!is_well) return;
    troubled_.erase(trouble);
  }
  log_.info("upstream_answers_again", {{"route", settings_.name}, {"upstream", host.text()}});
}

void HostHealth::report_tokens_throttled(const Head& head, std::string_view error_text) {
  circuits_.throttle(tokens_of(registry_), now(), wait_of(head, error_text), upstream_words(error_text));
  note_throttled_until();
}

std::optional<Error> HostHealth::tokens_refused() { return circuits_.refusal(tokens_of(registry_), now()); }

std::optional<int64_t> HostHealth::wait_of(const Head& head, std::string_view error_text) const {
  return retry_after_s(head.headers.get("Retry-After"), error_text, epoch_s(clock_.wall()));
}

void HostHealth::note_throttled_until() {
  stats_.throttled_until = clock_.wall() + (circuits_.throttled_until(registry_) - now());
}

}  // namespace breakwater::proxy

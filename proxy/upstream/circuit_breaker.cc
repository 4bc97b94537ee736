#include "proxy/upstream/circuit_breaker.h"

#include <algorithm>
#include <string>

namespace breakwater::proxy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kThrottledMax(15 * 60);

int64_t seconds_up(store::Time::duration wait) {
  return std::max<int64_t>(1, std::chrono::ceil<seconds>(wait).count());
}

Error refusal(Error::Kind kind, std::string message, int64_t retry_after_s) {
  Error error;
  error.kind = kind;
  error.message = std::move(message);
  error.retry_after_s = retry_after_s;
  return error;
}

}  // namespace

Result<CircuitBreaker::Permit> CircuitBreaker::admit(store::Time now, std::string_view host) {
  // A wait that is longer than any we set means that the wall clock was put back.
  if (throttled_until_ - now > kThrottledMax) throttled_until_ = now;
  if (open_until_ - now > milliseconds(settings_.open_max_ms)) open_until_ = now;

  std::string name(host);
  if (now < throttled_until_) {
    std::string said = name + " said 429, too many requests";
    if (!throttled_words_.empty()) said.append(", and says \"").append(throttled_words_).append("\"");
    return failure(refusal(Error::Kind::throttled, std::move(said), seconds_up(throttled_until_ - now)));
  }
  if (trips_ == 0) return Permit::normal;
  const std::string cause = cause_.empty() ? "" : " (" + cause_ + ")";
  if (now < open_until_)
    return failure(
        refusal(Error::Kind::unavailable, name + " does not answer" + cause, seconds_up(open_until_ - now)));
  if (probing_)
    return failure(refusal(Error::Kind::unavailable,
                           name + " did not answer" + cause + ", and is being asked again", 1));
  probing_ = true;
  return Permit::probe;
}

void CircuitBreaker::answered(Permit permit) {
  end(permit);
  trips_ = 0;
  server_errors_ = 0;
  broken_off_at_.reset();
  cause_.clear();
}

void CircuitBreaker::unreached(Permit permit, store::Time now) {
  end(permit);
  // Requests that were on their way together fail together. That is one failure, not many.
  if (now >= open_until_) trip(now);
}

void CircuitBreaker::broken_off(Permit permit, store::Time began, store::Time now) {
  // Requests that were on their way when the first one broke off count as part of the same failure.
  bool first = !has_broken_off(now);
  if (first) broken_off_at_ = now;
  if (trips_ == 0 && (first || began < *broken_off_at_)) return end(permit);
  unreached(permit, now);
}

void CircuitBreaker::server_error(Permit permit, store::Time now) {
  end(permit);
  ++server_errors_;
  bool enough = permit == Permit::probe || server_errors_ >= settings_.server_errors_max;
  if (enough && now >= open_until_) trip(now);
}

int64_t CircuitBreaker::throttled(Permit permit, store::Time now, std::optional<int64_t> wait_s,
                                  std::string words) {
  throttled_words_ = std::move(words);
  end(permit);
  trips_ = 0;  // the host is up: it answered
  server_errors_ = 0;
  broken_off_at_.reset();
  auto wait = std::clamp(seconds(wait_s.value_or(settings_.throttled_default_s)), seconds(1), kThrottledMax);
  throttled_until_ = std::max(throttled_until_, now + wait);
  return seconds_up(throttled_until_ - now);
}

void CircuitBreaker::abandoned(Permit permit) { end(permit); }

// A failure of long ago says nothing about now. Neither does one in the future: the clock was put back.
bool CircuitBreaker::has_broken_off(store::Time now) const {
  return broken_off_at_ && now >= *broken_off_at_ &&
         now - *broken_off_at_ <= milliseconds(settings_.open_max_ms);
}

void CircuitBreaker::end(Permit permit) {
  if (permit == Permit::probe) probing_ = false;
}

void CircuitBreaker::trip(store::Time now) {
  int64_t open_ms = settings_.open_first_ms;
  for (uint32_t i = 0; i < trips_ && open_ms < settings_.open_max_ms; ++i) open_ms *= 2;
  open_until_ = now + milliseconds(std::min(open_ms, settings_.open_max_ms));
  ++trips_;
}

}  // namespace breakwater::proxy

#include "proxy/upstream/circuit.h"

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

Result<Circuit::Pass> Circuit::admit(store::Time now, std::string_view host) {
  // A wait longer than any that is ever set means that the wall clock was put back.
  if (throttled_until_ - now > kThrottledMax) throttled_until_ = now;
  if (silent_until_ - now > milliseconds(settings_.silence_max_ms)) silent_until_ = now;

  std::string name(host);
  if (now < throttled_until_)
    return failure(refusal(Error::Kind::throttled, name + " said 429, too many requests",
                           seconds_up(throttled_until_ - now)));
  if (silences_ == 0) return Pass::normal;
  if (now < silent_until_)
    return failure(
        refusal(Error::Kind::unavailable, name + " does not answer", seconds_up(silent_until_ - now)));
  if (probing_)
    return failure(refusal(Error::Kind::unavailable, name + " did not answer, and is being asked again", 1));
  probing_ = true;
  return Pass::probe;
}

void Circuit::answered(Pass pass) {
  end(pass);
  silences_ = 0;
  server_errors_ = 0;
  broken_at_.reset();
}

void Circuit::unreached(Pass pass, store::Time now) {
  end(pass);
  // Requests that were on their way together fail together: that is one failure.
  if (now >= silent_until_) fall_silent(now);
}

void Circuit::broken(Pass pass, store::Time began, store::Time now) {
  // Requests that were on their way when the first one broke have broken with it.
  bool first = !is_broken(now);
  if (first) broken_at_ = now;
  if (silences_ == 0 && (first || began < *broken_at_)) return end(pass);
  unreached(pass, now);
}

void Circuit::server_error(Pass pass, store::Time now) {
  end(pass);
  ++server_errors_;
  bool enough = pass == Pass::probe || server_errors_ >= settings_.server_errors_max;
  if (enough && now >= silent_until_) fall_silent(now);
}

int64_t Circuit::throttled(Pass pass, store::Time now, std::optional<int64_t> wait_s) {
  end(pass);
  silences_ = 0;  // it is there, and it speaks
  server_errors_ = 0;
  broken_at_.reset();
  auto wait = std::clamp(seconds(wait_s.value_or(settings_.throttled_default_s)), seconds(1), kThrottledMax);
  throttled_until_ = std::max(throttled_until_, now + wait);
  return seconds_up(throttled_until_ - now);
}

void Circuit::abandoned(Pass pass) { end(pass); }

// One that is long ago says nothing of now. (Nor one that is yet to come: the clock was put back.)
bool Circuit::is_broken(store::Time now) const {
  return broken_at_ && now >= *broken_at_ && now - *broken_at_ <= milliseconds(settings_.silence_max_ms);
}

void Circuit::end(Pass pass) {
  if (pass == Pass::probe) probing_ = false;
}

void Circuit::fall_silent(store::Time now) {
  int64_t silence_ms = settings_.silence_first_ms;
  for (uint32_t i = 0; i < silences_ && silence_ms < settings_.silence_max_ms; ++i) silence_ms *= 2;
  silent_until_ = now + milliseconds(std::min(silence_ms, settings_.silence_max_ms));
  ++silences_;
}

}  // namespace breakwater::proxy

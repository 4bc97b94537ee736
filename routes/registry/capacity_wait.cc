#include "routes/registry/capacity_wait.h"

#include <utility>

namespace breakwater::routes {
namespace {

constexpr proxy::Millis kPause = proxy::Millis(250);

}  // namespace

void CapacityLine::Place::trying() {
  end_try();
  seen_ = line_.given_back_;
  try_ = *line_.trying_.insert(line_.next_try_++).first;
}

void CapacityLine::Place::end_try() {
  if (!try_) return;
  line_.trying_.erase(*try_);
  try_.reset();
  line_.moved_.ring();
}

// Also of one that was refused while it found room after all.
void CapacityLine::Place::leave() {
  deadline_.reset();
  end_try();
  step_out();
  if (!std::exchange(is_refused_, false)) return;
  --line_.giving_back_;
  ++line_.given_back_;
  line_.moved_.ring();
}

void CapacityLine::Place::step_out() {
  const auto left = line_.for_leases_.erase(number_) + line_.for_others_.erase(number_);
  if (left > 0) line_.moved_.ring();
}

void CapacityLine::Place::refuse() {
  step_out();
  if (std::exchange(is_refused_, true)) return;
  ++line_.giving_back_;
  line_.moved_.ring();
}

proxy::Task<bool> CapacityLine::Place::wait(Error error) {
  end_try();
  if (error.kind != Error::Kind::full) co_return false;
  if (!deadline_) deadline_ = line_.loop_.now() + kCapacityWaitMax;
  bool again = !is_refused_ && line_.loop_.now() < *deadline_;
  if (again && error.retry_after_s > 0) {
    again = co_await wait_for_lease();
  } else if (again) {
    again = co_await wait_for_others();
  }
  if (!again) refuse();
  co_return again && !is_refused_;
}

// True too when its time is over: that is the last try.
proxy::Task<bool> CapacityLine::Place::wait_for_lease() {
  line_.for_leases_.emplace(number_, this);
  if (is_first(line_.for_leases_)) {
    co_await line_.loop_.sleep(kPause);
    co_return true;
  }
  while (!is_first(line_.for_leases_) && line_.loop_.now() < *deadline_) {
    co_await line_.moved_.wait_until(*deadline_);
  }
  co_return true;
}

// The first in line asks, and the last is refused for it.
proxy::Task<bool> CapacityLine::Place::wait_for_others() {
  line_.for_others_.emplace(number_, this);
  const uint64_t came = line_.next_try_;
  for (;;) {
    if (is_refused_ || line_.loop_.now() >= *deadline_) co_return false;
    if (is_first(line_.for_others_)) {
      if (line_.given_back_ != seen_) co_return true;
      Place* last = line_.for_others_.rbegin()->second;
      const bool is_alone = line_.trying_.empty() || *line_.trying_.begin() >= came;
      if (line_.giving_back_ == 0 && last != this) last->refuse();
      if (line_.giving_back_ == 0 && is_alone) co_return false;
    }
    co_await line_.moved_.wait_until(*deadline_);
  }
}

}  // namespace breakwater::routes

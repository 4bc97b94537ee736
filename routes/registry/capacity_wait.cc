#include "routes/registry/capacity_wait.h"

namespace breakwater::routes {
namespace {

constexpr proxy::Millis kPause = proxy::Millis(250);

}  // namespace

CapacityLine::Place::~Place() {
  if (!at_) return;
  line_.places_.erase(*at_);
  line_.moved_.ring();
}

proxy::Task<bool> CapacityLine::Place::wait(Error error) {
  const bool is_near = error.kind == Error::Kind::full && error.retry_after_s > 0;
  if (!is_near || line_.loop_.now() >= deadline_) co_return false;
  if (!at_) at_ = line_.places_.insert(line_.places_.end(), this);
  if (is_first()) {
    co_await line_.loop_.sleep(kPause);
    co_return true;
  }
  while (!is_first() && line_.loop_.now() < deadline_) co_await line_.moved_.wait_until(deadline_);
  co_return true;
}

}  // namespace breakwater::routes

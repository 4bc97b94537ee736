#include "routes/registry/capacity_wait.h"

namespace breakwater::routes {
namespace {

constexpr proxy::Millis kPause = proxy::Millis(250);

}  // namespace

proxy::Task<bool> wait_for_capacity(proxy::Loop& loop, Error error, proxy::Moment deadline) {
  const bool is_near = error.kind == Error::Kind::full && error.retry_after_s > 0 && loop.now() < deadline;
  if (is_near) co_await loop.sleep(kPause);
  co_return is_near;
}

}  // namespace breakwater::routes

#include "proxy/upstream/upstream_order.h"

#include <algorithm>
#include <numeric>

namespace breakwater::proxy {

using std::chrono::milliseconds;

std::vector<size_t> UpstreamOrder::at(store::Time now) const {
  std::vector<size_t> order(states_.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto due = [this, now](size_t index) {
    return std::max({states_[index].rests_until, states_[index].tried_until, now});
  };
  std::stable_sort(order.begin(), order.end(), [&due](size_t a, size_t b) { return due(a) < due(b); });
  return order;
}

void UpstreamOrder::asked(size_t index, store::Time now) {
  auto& state = states_[index];
  if (state.in_trouble && now >= state.rests_until)
    state.tried_until = now + milliseconds(settings_.silence_max_ms);
}

void UpstreamOrder::answered(size_t index) { states_[index] = State(); }

void UpstreamOrder::failed(size_t index, const Error& error, store::Time now) {
  auto& state = states_[index];
  state.tried_until = store::Time();
  if (error.kind == Error::Kind::throttled) return;
  if (error.kind != Error::Kind::unavailable) return answered(index);
  // Attempts that were on their way together fail together. That is one failure, not many.
  if (now < state.rests_until) return;
  int64_t rest_ms = settings_.rest_first_ms;
  for (uint32_t i = 0; i < state.failures && rest_ms < settings_.rest_max_ms; ++i) rest_ms *= 2;
  state.rests_until = now + milliseconds(std::min(rest_ms, settings_.rest_max_ms));
  state.in_trouble = true;
  ++state.failures;
}

void UpstreamOrder::silent(size_t index, store::Time now) {
  auto& state = states_[index];
  state.rests_until = std::max(state.rests_until, now + milliseconds(settings_.silence_remembered_ms));
  state.in_trouble = true;
}

}  // namespace breakwater::proxy

#include "proxy/clients/connection_share.h"

#include <algorithm>

namespace breakwater::proxy {
namespace {

// How many connections beyond connections_max get a 503 at a time.
constexpr size_t kRefusedMax = 64;
// Among which the one that gives way is chosen.
constexpr size_t kLookedAtMax = 64;
// A client that has so many at most may take any place that is free, and that of an idle one of any other.
constexpr size_t kFew = 2;
constexpr size_t kRefusedOf = 8;  // but at most this part of a small share, and one at least

}  // namespace

ConnectionShare::ConnectionShare(size_t connections_max)
    : connections_max_(connections_max),
      refused_max_(std::clamp<size_t>(connections_max / kRefusedOf, 1, kRefusedMax)) {}

bool ConnectionShare::make_place(size_t of_client) {
  const size_t free = connections_max_ - std::min(served_, connections_max_);
  if (2 * of_client < free || (of_client <= kFew && free > 0)) return true;
  const Place* idle = widest_of(idle_);
  if (idle != nullptr && idle->of_client() < of_client && of_client > kFew) idle = nullptr;
  const Place* awaited = widest_of(awaited_);
  if (awaited != nullptr && awaited->of_client() <= of_client) awaited = nullptr;
  const bool is_awaited_wider =
      awaited != nullptr && (idle == nullptr || awaited->of_client() > idle->of_client());
  const Place* found = is_awaited_wider ? awaited : idle;
  if (found == nullptr) return false;
  found->give_way_();
  return served_ < connections_max_;
}

// Of the first ones the one whose client has most; null if there is none.
const ConnectionShare::Place* ConnectionShare::widest_of(const std::list<Place*>& places) {
  const Place* widest = nullptr;
  size_t looked_at = 0;
  for (const Place* place : places) {
    if (looked_at++ == kLookedAtMax) break;
    if (widest == nullptr || place->of_client() > widest->of_client()) widest = place;
  }
  return widest;
}

ConnectionShare::Place::Place(ConnectionShare& share, Kind kind, std::function<void()> give_way,
                              const ConnectionShare* of_client)
    : share_(&share), kind_(kind), give_way_(std::move(give_way)), of_client_(of_client) {
  ++(kind_ == Kind::served ? share_->served_ : share_->refused_);
}

std::list<ConnectionShare::Place*>& ConnectionShare::Place::list_of(State state) {
  if (state == State::busy) return alone_;
  return state == State::idle ? share_->idle_ : share_->awaited_;
}

// Every request comes here twice, so the entry moves, and none is made. Who is refused has no place to give.
void ConnectionShare::Place::set(State state) {
  if (share_ == nullptr || kind_ == Kind::refused || state == state_) return;
  auto& to = list_of(state);
  to.splice(to.end(), list_of(state_), entry_);
  state_ = state;
}

void ConnectionShare::Place::leave() {
  if (share_ == nullptr) return;
  set(State::busy);
  --(kind_ == Kind::served ? share_->served_ : share_->refused_);
  share_ = nullptr;
}

}  // namespace breakwater::proxy

#include "proxy/clients/connection_share.h"

#include <algorithm>

namespace breakwater::proxy {
namespace {

// How many connections beyond connections_max get a 503 at a time.
constexpr size_t kRefusedMax = 64;
constexpr size_t kRefusedOf = 8;  // but at most this part of a small share, and one at least

}  // namespace

ConnectionShare::ConnectionShare(size_t connections_max)
    : connections_max_(connections_max),
      refused_max_(std::clamp<size_t>(connections_max / kRefusedOf, 1, kRefusedMax)) {}

bool ConnectionShare::make_place() {
  if (served_ >= connections_max_ && !idle_.empty()) idle_.front()->give_way_();
  return served_ < connections_max_;
}

ConnectionShare::Place::Place(ConnectionShare& share, Kind kind, std::function<void()> give_way)
    : share_(&share), kind_(kind), give_way_(std::move(give_way)) {
  ++(kind_ == Kind::served ? share_->served_ : share_->refused_);
}

void ConnectionShare::Place::set_idle(bool is_idle) {
  if (share_ == nullptr || is_idle == is_idle_) return;
  is_idle_ = is_idle;
  if (is_idle_) {
    at_ = share_->idle_.insert(share_->idle_.end(), this);
  } else {
    share_->idle_.erase(at_);
  }
}

void ConnectionShare::Place::leave() {
  if (share_ == nullptr) return;
  set_idle(false);
  --(kind_ == Kind::served ? share_->served_ : share_->refused_);
  share_ = nullptr;
}

}  // namespace breakwater::proxy

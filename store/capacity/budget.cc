#include "store/capacity/budget.h"

#include <algorithm>
#include <utility>

#include "store/base/byte_text.h"

namespace breakwater::store {
namespace {

// Whether `more` goes in on top of `taken`; written so that no sum can overflow.
bool fits(uint64_t taken, uint64_t more, uint64_t bytes_max) {
  return taken <= bytes_max && more <= bytes_max - taken;
}

uint64_t missing(uint64_t taken, uint64_t more, uint64_t bytes_max) {
  if (fits(taken, more, bytes_max)) return 0;
  const uint64_t over = taken > bytes_max ? taken - bytes_max : 0;
  const uint64_t room = taken > bytes_max ? 0 : bytes_max - taken;
  return over + (more - std::min(more, room));
}

// The disk's bound moves with what others write there, and can lie below what is stored.
tl::unexpected<Error> disk_is_full(uint64_t taken, uint64_t bytes_max, uint64_t asked) {
  const uint64_t left = bytes_max - std::min(taken, bytes_max);
  return failure(Error(Error::Kind::full,
                       "the disk is full: it has " + byte_text(left) +
                           " left for what is stored here, and this "
                           "needs " +
                           byte_text(asked) + " more",
                       0, "make room on the disk or delete tags"));
}

// `what` names the bound: "route private".
tl::unexpected<Error> is_full(const std::string& what, uint64_t taken, uint64_t bytes_max, uint64_t asked,
                              const char* remedy) {
  return failure(Error(Error::Kind::full,
                       what + " is full: " + byte_text(taken) + " of " + byte_text(bytes_max) +
                           ", and this needs " + byte_text(asked) + " more",
                       0, remedy));
}

// A size near 2^64, as a lying upstream may name it, must not wrap to a small one.
bool countable(uint64_t size) { return size <= UINT64_MAX - 4095; }

tl::unexpected<Error> never_fits(uint64_t size) {
  return failure(
      Error(Error::Kind::full, "no store has room for " + byte_text(size), 0, "tell the real length"));
}

}  // namespace

// --- Reservation

Reservation::Reservation(Reservation&& other) noexcept
    : budget_(std::exchange(other.budget_, nullptr)),
      route_(std::move(other.route_)),
      held_(std::exchange(other.held_, 0)) {}

Reservation& Reservation::operator=(Reservation&& other) noexcept {
  if (this == &other) return *this;
  if (budget_) budget_->give_back(route_, held_);
  budget_ = std::exchange(other.budget_, nullptr);
  route_ = std::move(other.route_);
  held_ = std::exchange(other.held_, 0);
  return *this;
}

Reservation::~Reservation() {
  if (budget_) budget_->give_back(route_, held_);
}

Result<> Reservation::grow(uint64_t size) {
  if (!budget_) return failure(Error::Kind::internal, "an empty reservation cannot grow");
  if (!countable(size)) return never_fits(size);
  const uint64_t wanted = on_disk(size);
  if (wanted <= held_) return {};
  if (auto taken = budget_->take(route_, wanted - held_); !taken) return taken;
  held_ = wanted;
  return {};
}

void Reservation::shrink(uint64_t size) {
  const uint64_t wanted = on_disk(size);
  if (!budget_ || wanted >= held_) return;
  budget_->give_back(route_, held_ - wanted);
  held_ = wanted;
}

void Reservation::commit(uint64_t size) {
  if (!budget_) return;
  budget_->settle(route_, held_, on_disk(size));
  budget_ = nullptr;
  held_ = 0;
}

// --- Budget

void Budget::set_bound(const std::string& route, uint64_t bytes_max) {
  const Lock lock(mutex_);
  routes_[route].bytes_max = bytes_max;
}

Result<Reservation> Budget::reserve(const std::string& route, uint64_t size) {
  Reservation reservation(*this, route);
  if (auto grown = reservation.grow(size); !grown) return failure(grown.error());
  return reservation;
}

Result<> Budget::check(const std::string& route, uint64_t size) const {
  if (!countable(size)) return never_fits(size);
  const Lock lock(mutex_);
  if (auto room = check_route(route, on_disk(size)); !room) return room;
  return check_whole(on_disk(size));
}

Result<Reservation> Budget::reclaim(const std::string& from, const std::string& to, uint64_t size) {
  const uint64_t bytes = on_disk(size);
  {
    const Lock lock(mutex_);
    // The whole holds them already; only the bound of another route can be in the way.
    if (from != to) {
      if (auto room = check_route(to, bytes); !room) return failure(room.error());
    }
    Use& source = routes_[from];
    take_away(source.stored, bytes);
    take_away(whole_.stored, bytes);
    routes_[to].reserved += bytes;
    whole_.reserved += bytes;
  }
  Reservation reservation(*this, to);
  reservation.held_ = bytes;
  return reservation;
}

void Budget::add_stored(const std::string& route, uint64_t size) {
  const Lock lock(mutex_);
  routes_[route].stored += on_disk(size);
  whole_.stored += on_disk(size);
}

void Budget::release(const std::string& route, uint64_t size) {
  const Lock lock(mutex_);
  Use& use = routes_[route];
  take_away(use.stored, on_disk(size));
  take_away(whole_.stored, on_disk(size));
}

void Budget::forget(const std::string& route) {
  const Lock lock(mutex_);
  const auto found = routes_.find(route);
  if (found == routes_.end()) return;
  if (found->second.taken() == 0 && found->second.bytes_max == kUnbounded) routes_.erase(found);
}

void Budget::set_overhead(uint64_t bytes) {
  const Lock lock(mutex_);
  overhead_ = bytes;
}

void Budget::set_headroom(uint64_t bytes) {
  const Lock lock(mutex_);
  headroom_ = bytes;
}

uint64_t Budget::overhead() const {
  const Lock lock(mutex_);
  return overhead_;
}

uint64_t Budget::headroom() const {
  const Lock lock(mutex_);
  return headroom_;
}

void Budget::set_disk_bound(uint64_t bytes_max) {
  const Lock lock(mutex_);
  disk_bound_ = bytes_max;
}

Budget::Use Budget::whole() const {
  const Lock lock(mutex_);
  return whole_;
}

Budget::Use Budget::of(const std::string& route) const {
  const Lock lock(mutex_);
  const auto found = routes_.find(route);
  return found == routes_.end() ? Use{} : found->second;
}

std::map<std::string, Budget::Use> Budget::routes() const {
  const Lock lock(mutex_);
  return routes_;
}

Budget::Shortage Budget::shortage(const std::string& route, uint64_t size) const {
  const uint64_t bytes = countable(size) ? on_disk(size) : UINT64_MAX;
  const Lock lock(mutex_);
  const auto found = routes_.find(route);
  const Use use = found == routes_.end() ? Use{} : found->second;
  return {missing(use.taken(), bytes, use.bytes_max), missing(whole_taken(), bytes, whole_bound())};
}

bool Budget::has_room(const std::string& route, uint64_t size) const {
  const Shortage needed = shortage(route, size);
  return needed.route == 0 && needed.whole == 0;
}

// An account that is wrong is counted and not wrapped: a wrapped one would refuse every byte from then on.
void Budget::take_away(uint64_t& from, uint64_t bytes) {
  if (from < bytes) ++accounting_errors_;
  from -= std::min(from, bytes);
}

uint64_t Budget::whole_bound() const {
  if (whole_.bytes_max == kUnbounded) return disk_bound_;
  return std::min(whole_.bytes_max - std::min(whole_.bytes_max, headroom_), disk_bound_);
}

uint64_t Budget::whole_taken() const { return whole_.taken() + overhead_; }

Result<> Budget::check_route(const std::string& route, uint64_t bytes) const {
  const auto found = routes_.find(route);
  if (found == routes_.end()) return {};
  const Use& use = found->second;
  if (fits(use.taken(), bytes, use.bytes_max)) return {};
  return is_full("route " + route, use.taken(), use.bytes_max, bytes,
                 "raise bytes_max of the route or delete tags");
}

Result<> Budget::check_whole(uint64_t bytes) const {
  if (fits(whole_taken(), bytes, whole_bound())) return {};
  if (disk_bound_ < whole_.bytes_max) return disk_is_full(whole_taken(), whole_bound(), bytes);
  return is_full("the store", whole_taken(), whole_bound(), bytes, "raise bytes_max or delete tags");
}

Result<> Budget::take(const std::string& route, uint64_t bytes) {
  const Lock lock(mutex_);
  if (auto room = check_route(route, bytes); !room) return room;
  if (auto room = check_whole(bytes); !room) return room;
  routes_[route].reserved += bytes;
  whole_.reserved += bytes;
  return {};
}

void Budget::give_back(const std::string& route, uint64_t bytes) { settle(route, bytes, 0); }

void Budget::settle(const std::string& route, uint64_t held, uint64_t stored) {
  const Lock lock(mutex_);
  Use& use = routes_[route];
  take_away(use.reserved, held);
  take_away(whole_.reserved, held);
  use.stored += stored;
  whole_.stored += stored;
}

}  // namespace breakwater::store

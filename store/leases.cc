#include "store/leases.h"

#include <algorithm>

namespace breakwater::store {

std::optional<Leases::Ticket> Leases::take(const Digest& digest) {
  const Time until = clock_.now() + length_;
  const std::lock_guard lock(mutex_);
  if (going_.contains(digest)) return std::nullopt;
  const auto [at, is_new] = leases_.try_emplace(digest);
  at->second = {until, ++last_ticket_, is_new};
  return last_ticket_;
}

void Leases::undo(const Digest& digest, Ticket ticket) {
  const std::lock_guard lock(mutex_);
  const auto at = leases_.find(digest);
  if (at != leases_.end() && at->second.ticket == ticket && at->second.is_first) leases_.erase(at);
}

bool Leases::is_leased(const Digest& digest) const {
  const std::lock_guard lock(mutex_);
  return is_leased_locked(digest);
}

bool Leases::is_leased_locked(const Digest& digest) const {
  const Time now = clock_.now();
  if (now < begun_at_ + length_) return true;
  const auto at = leases_.find(digest);
  return at != leases_.end() && now < at->second.until;
}

Time Leases::until(const Digest& digest) const {
  const std::lock_guard lock(mutex_);
  const auto at = leases_.find(digest);
  const Time first = begun_at_ + length_;
  return at == leases_.end() ? first : std::max(first, at->second.until);
}

bool Leases::begin_removal(const Digest& digest) {
  const std::lock_guard lock(mutex_);
  if (is_leased_locked(digest)) return false;
  going_.insert(digest);
  return true;
}

void Leases::end_removal(const Digest& digest) {
  const std::lock_guard lock(mutex_);
  going_.erase(digest);
}

void Leases::prune() {
  const Time now = clock_.now();
  const std::lock_guard lock(mutex_);
  std::erase_if(leases_, [now](const auto& lease) { return lease.second.until <= now; });
}

size_t Leases::size() const {
  const std::lock_guard lock(mutex_);
  return leases_.size();
}

}  // namespace breakwater::store

#include "store/references/leases.h"

#include <algorithm>

namespace breakwater::store {
namespace {

constexpr size_t kBucketsAtOnce = 1024;

}  // namespace

void Leases::Lease::add_upload(const RepositoryKey& repository) {
  ++uploads;
  for (auto& [to, times] : uploaded_to) {
    if (to == repository) {
      ++times;
      return;
    }
  }
  uploaded_to.emplace_back(repository, 1);
}

void Leases::Lease::fulfil(const RepositoryKey& repository) {
  uint64_t known = 0;
  for (const auto& [to, times] : uploaded_to) known += times;
  const auto mine = std::find_if(uploaded_to.begin(), uploaded_to.end(),
                                 [&](const auto& one) { return one.first == repository; });
  if (mine == uploaded_to.end() && uploads <= known) return;  // each was another's
  if (mine != uploaded_to.end() && --mine->second == 0) uploaded_to.erase(mine);
  if (--uploads == 0) upload = {};
}

Time Leases::Lease::until(For purpose) const {
  const Time own = std::max(read, upload);
  const Time rest = purpose == For::room ? std::min(inherited, read_at + kReadBeforeRoom) : inherited;
  return std::max(own, rest);
}

void Leases::resume(const SavedLeases& saved) {
  // None is longer than one that is granted now, whatever the clock of before said.
  const Time latest = clock_.now() + length_;
  const Lock lock(mutex_);
  others_until_ = std::min(saved.others_until, latest);
  for (const auto& [digest, record] : saved.leases) {
    Lease& lease = leases_[digest];
    lease.read = std::min(record.read, latest);
    lease.upload = std::min(record.upload, latest);
    lease.uploads = record.uploads;
    lease.inherited = std::min(record.inherited, latest);
    lease.read_at = clock_.now();  // nobody knows
  }
}

SavedLeases Leases::saved() const {
  const Time now = clock_.now();
  const Lock lock(mutex_);
  SavedLeases saved{others_until_, {}};
  for (const auto& [digest, lease] : leases_) {
    if (lease.until(For::upkeep) > now) saved.leases.push_back({digest, lease});
  }
  return saved;
}

std::optional<Leases::Ticket> Leases::take(const Digest& digest, Kind kind, const RepositoryKey& repository,
                                           Reach reach) {
  const Lock lock(mutex_);
  while (going_.contains(digest)) {
    if (reach == Reach::memory) return std::nullopt;
    collected_.wait(mutex_);
  }
  const Time now = clock_.now();
  const auto [at, is_new] = leases_.try_emplace(digest);
  Lease& lease = at->second;
  Time& until = kind == Kind::upload ? lease.upload : lease.read;
  until = std::max(until, now + (kind == Kind::probe ? std::min(kProbe, length_) : length_));
  if (kind == Kind::upload) lease.add_upload(repository);
  lease.read_at = now;
  lease.ticket = ++last_ticket_;
  lease.is_first = is_new;
  return last_ticket_;
}

void Leases::undo(const Digest& digest, Ticket ticket) {
  const Lock lock(mutex_);
  const auto at = leases_.find(digest);
  if (at != leases_.end() && at->second.ticket == ticket && at->second.is_first) leases_.erase(at);
}

void Leases::fulfil(const Digest& digest, const RepositoryKey& repository) {
  const Lock lock(mutex_);
  const auto at = leases_.find(digest);
  if (at != leases_.end()) at->second.fulfil(repository);
}

void Leases::inherit(const Digest& digest, const Digest& parent) {
  const Time now = clock_.now();
  const Lock lock(mutex_);
  const auto from = leases_.find(parent);
  // What others_until_ says of the parent it says of the digest too, unless that is new.
  const Time first = new_.contains(parent) ? Time{} : others_until_;
  const Time until = from == leases_.end() ? first : std::max(first, from->second.until(For::upkeep));
  if (until <= now) return;
  // Copied, because the next line may move it.
  const Time read_at = from == leases_.end() ? now : from->second.read_at;
  Lease& lease = leases_[digest];
  lease.inherited = std::max(lease.inherited, until);
  lease.read_at = std::max(lease.read_at, read_at);
}

void Leases::note_new(const Digest& digest) {
  const Time now = clock_.now();
  const Lock lock(mutex_);
  if (now < others_until_) new_.insert(digest);
}

void Leases::release(const Digest& digest) {
  const Lock lock(mutex_);
  leases_.erase(digest);
  new_.insert(digest);
}

Time Leases::until(const Digest& digest, For purpose) const {
  const Lock lock(mutex_);
  return until_locked(digest, purpose);
}

Time Leases::until_locked(const Digest& digest, For purpose) const {
  const auto at = leases_.find(digest);
  const Time first = new_.contains(digest) ? Time{} : others_until_;
  return at == leases_.end() ? first : std::max(first, at->second.until(purpose));
}

bool Leases::begin_collection(const Digest& digest, For purpose) {
  const Time now = clock_.now();
  const Lock lock(mutex_);
  if (now < until_locked(digest, purpose)) return false;
  going_.insert(digest);
  return true;
}

void Leases::end_collection(const Digest& digest) {
  const Lock lock(mutex_);
  going_.erase(digest);
  collected_.notify_all();
}

void Leases::prune() {
  const Time now = clock_.now();
  std::unordered_set<Digest, DigestHash> known_long_enough;  // freed behind the lock
  const Lock lock(mutex_);
  if (now >= others_until_) known_long_enough.swap(new_);
  std::vector<Digest> passed;
  for (size_t i = 0; i < std::min(kBucketsAtOnce, leases_.bucket_count()); ++i, ++pruned_to_) {
    if (pruned_to_ >= leases_.bucket_count()) pruned_to_ = 0;
    for (auto at = leases_.begin(pruned_to_); at != leases_.end(pruned_to_); ++at) {
      if (at->second.until(For::upkeep) <= now) passed.push_back(at->first);
    }
  }
  for (const Digest& digest : passed) leases_.erase(digest);
}

size_t Leases::size() const {
  const Lock lock(mutex_);
  return leases_.size();
}

}  // namespace breakwater::store

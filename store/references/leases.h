// What clients have been told exists, and until when they may rely on it. The collector asks here before it
// removes anything:
//
//   take() ... its time passes            begin_removal() --> being removed --> end_removal()
//     `-- until then begin_removal() is refused     `-- until then take() is refused
//
// So the one who tells and the one who removes never cross: whoever comes second knows. They are in memory; a
// clean stop saves them for the next start. After any other those of the process before are not known, so
// nothing that was there before may be removed until one lease has passed. May be called from any thread;
// never blocks.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "store/base/clock.h"
#include "store/base/digest.h"
#include "store/catalog/records.h"

namespace breakwater::store {

class Leases {
 public:
  Leases(const Clock& clock, Time::duration length)
      : clock_(clock), length_(length), others_until_(clock.now() + length) {}

  // Before anything is asked. What was saved is all that the process before had granted.
  void resume(const SavedLeases& saved);
  // Of now, those that have not passed.
  SavedLeases saved() const;

  enum class Kind {
    told,  // a HEAD of a digest, a manifest that was read: for the whole length
    // A HEAD of a tag: its GET follows at once, or it was a push that looked at what it is about to.
    glance,
    // replace
    // An upload or a mount: for the whole length, or until a manifest has come to that repository.
    delivered
    // that needs it, one for each: see fulfil()
  };
  static constexpr Time::duration kGlance = std::chrono::seconds(5);

  // Names one take(), to undo it.
  using Ticket = uint64_t;
  // Empty while it is being removed: wait for that, and look again whether it is there. `repository` is where
  // it was delivered to.
  std::optional<Ticket> take(const Digest& digest, Kind kind, const RepositoryKey& repository = {});
  // Nobody was told after all. Nothing happens if it was taken again meanwhile.
  void undo(const Digest& digest, Ticket ticket);
  // The manifest for which it was delivered to the repository is here, and keeps it from now on.
  void fulfil(const Digest& digest, const RepositoryKey& repository = {});

  // It was not there before: nobody was told of it but by this process.
  void note_new(const Digest& digest);

  // No repository has it any more, so there is nothing to rely on, whatever anybody was told.
  void release(const Digest& digest);

  // When it may go if nobody takes it again; the past if it may now.
  Time until(const Digest& digest) const;
  // False if it is leased.
  [[nodiscard]] bool begin_removal(const Digest& digest);
  void end_removal(const Digest& digest);

  // Forgets some of the leases that have passed, in steps that the loop does not feel: for every now and
  // then.
  void prune();
  size_t size() const;

 private:
  struct Lease : LeaseRecord {
    void deliver(const RepositoryKey& repository);
    void fulfil(const RepositoryKey& repository);

    std::vector<std::pair<RepositoryKey, uint64_t>>
        delivered_to;  // how often; of those from before a restart it is not known
    Ticket ticket = 0;
    bool is_first = false;  // there was none when it was taken last
  };
  Time until_locked(const Digest& digest) const;

  const Clock& clock_;
  const Time::duration length_;
  Time others_until_;  // set by resume() alone
  mutable std::mutex mutex_;
  Ticket last_ticket_ = 0;
  size_t pruned_to_ = 0;  // the bucket of leases_ where prune() goes on
  std::unordered_map<Digest, Lease, DigestHash> leases_;
  std::unordered_set<Digest, DigestHash> going_;
  std::unordered_set<Digest, DigestHash> new_;  // as long as it matters: until others_until_
};

}  // namespace breakwater::store

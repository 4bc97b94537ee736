// What clients have been told exists, and until when they may rely on that. The collector asks here before it
// takes anything away:
//
//   take() ... its time passes         begin_collection() --> being collected --> end_collection()
//     `-- until then begin_collection() is refused   `-- until then take() waits, or is refused
//
// So the one who tells and the one who collects never cross: whoever comes second knows. Leases are in
// memory; an orderly stop saves them for the next start. After any other stop those of the process before are
// not known, so nothing that was there before may be collected until one lease has passed. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "store/base/clock.h"
#include "store/base/digest.h"
#include "store/base/mutex.h"
#include "store/catalog/records.h"
#include "store/catalog/rows.h"

namespace breakwater::store {

class Leases {
 public:
  Leases(const Clock& clock, Time::duration length)
      : clock_(clock), length_(length), others_until_(clock.now() + length) {}

  // Before anything is asked. What was saved is all that the process before had granted.
  void resume(const SavedLeases& saved);
  // Those of now that have not passed.
  SavedLeases saved() const;

  enum class Kind {
    // A HEAD of a digest, a manifest that was read: for the whole length.
    read,
    // A HEAD of a tag: its GET follows at once, or it was a push that looked at what it is about to replace.
    probe,
    // An upload or a mount: for the whole length, or until a manifest that needs the digest has come to that
    // repository, one for each upload: see fulfil().
    upload
  };
  static constexpr Time::duration kProbe = std::chrono::seconds(5);

  // Names one take(), to undo it.
  using Ticket = uint64_t;
  // For Reach::memory it never waits, and is empty while the digest is being collected; for Reach::disk it
  // waits for the end of that. Either way look again whether the digest is there. `repository` is where an
  // upload went to.
  std::optional<Ticket> take(const Digest& digest, Kind kind, const RepositoryKey& repository, Reach reach);
  // Nobody was told after all. Nothing happens if the digest was leased again meanwhile.
  void undo(const Digest& digest, Ticket ticket);
  // The manifest for which the digest was uploaded to the repository is here, and keeps it from now on.
  void fulfil(const Digest& digest, const RepositoryKey& repository);

  // The digest was not there before: nobody was told of it but by this process.
  void note_new(const Digest& digest);
  // No repository has it any more, so there is nothing to rely on, whatever anybody was told.
  void release(const Digest& digest);

  // When it may go if nobody takes it again; the past if it may now.
  Time until(const Digest& digest) const;
  // False if it is leased.
  [[nodiscard]] bool begin_collection(const Digest& digest);
  void end_collection(const Digest& digest);

  // Lets go of some of the leases that have passed, in steps that the loop does not feel: for every now and
  // then.
  void prune();
  size_t size() const;

 private:
  struct Lease : LeaseRecord {
    void add_upload(const RepositoryKey& repository);
    void fulfil(const RepositoryKey& repository);

    // How often to each; of uploads from before a restart that is not known.
    std::vector<std::pair<RepositoryKey, uint64_t>> uploaded_to;
    Ticket ticket = 0;
    bool is_first = false;  // there was none when it was taken last
  };
  Time until_locked(const Digest& digest) const REQUIRES(mutex_);

  const Clock& clock_;
  const Time::duration length_;
  mutable Mutex mutex_;
  Condition collected_;
  // What has no lease here, and was there before this process, is leased until then.
  Time others_until_ GUARDED_BY(mutex_);
  Ticket last_ticket_ GUARDED_BY(mutex_) = 0;
  size_t pruned_to_ GUARDED_BY(mutex_) = 0;  // the bucket of leases_ where prune() goes on
  std::unordered_map<Digest, Lease, DigestHash> leases_ GUARDED_BY(mutex_);
  std::unordered_set<Digest, DigestHash> going_ GUARDED_BY(mutex_);
  std::unordered_set<Digest, DigestHash> new_
      GUARDED_BY(mutex_);  // as long as it matters: until others_until_
};

// While this lives nobody can be told that the digest exists.
class BeingCollected {
 public:
  BeingCollected(Leases& leases, const Digest& digest)
      : leases_(leases), digest_(digest), is_begun_(leases.begin_collection(digest)) {}
  BeingCollected(const BeingCollected&) = delete;
  BeingCollected& operator=(const BeingCollected&) = delete;
  ~BeingCollected() {
    if (is_begun_) leases_.end_collection(digest_);
  }
  bool is_begun() const { return is_begun_; }  // false: it is leased

 private:
  Leases& leases_;
  const Digest digest_;
  const bool is_begun_;
};

}  // namespace breakwater::store

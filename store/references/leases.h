// A lease keeps a digest from being collected for some time, because a client was told that the digest
// exists. References asks here before it collects anything:
//
//   take()              begins a lease; until the lease ends begin_collection() is refused
//   begin_collection()  begins a collection; until end_collection() take() waits, or is refused
//
// So a digest is never promised and collected at the same time: whoever comes second finds out.
//
// A client that has read a manifest relies on what the manifest names too. These need no leases of their own
// while the manifest is there, because it needs them. When it is deleted under its lease, what it names
// inherits the rest of that: inherit().
//
// Leases are in memory, and an orderly stop saves them for the next start. After any other stop, or after the
// machine was started anew, the earlier leases are not known, so nothing that was stored before may be
// collected until the length of one lease has passed. Any thread.
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

  // Takes over the leases that the process before has saved. To be called before anything else.
  void resume(const SavedLeases& saved);
  // The leases that have not ended, to be saved for the next start.
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
  // Leases the digest, whether it is stored or not: the caller must look afterwards whether it is there.
  // While the digest is being collected Reach::memory gives an empty answer, and Reach::disk waits for the
  // end of the collection. `repository` is the one that an upload went to.
  std::optional<Ticket> take(const Digest& digest, Kind kind, const RepositoryKey& repository, Reach reach);
  // Takes back a take() whose client was not told after all. Nothing happens if the digest had a lease before
  // that take(), or was leased again since: then the longer lease stays.
  void undo(const Digest& digest, Ticket ticket);
  // The manifest for which the digest was uploaded to the repository is here, and keeps it from now on.
  void fulfil(const Digest& digest, const RepositoryKey& repository);

  // The manifest `parent`, which names the digest, is being deleted: the digest is leased for as long as the
  // manifest still was. If room is needed, only until nobody has read the manifest nor the digest for
  // kReadBeforeRoom: what was deleted must not keep a full registry full.
  void inherit(const Digest& digest, const Digest& parent);
  static constexpr Time::duration kReadBeforeRoom = std::chrono::minutes(1);

  // Notes that the digest was first stored by this process, so that no lease of an earlier process can exist.
  void note_new(const Digest& digest);
  // Ends all leases of the digest, because no repository has it any more.
  void release(const Digest& digest);

  // What a digest is collected for. For room an inherited lease may end early.
  enum class For { upkeep, room };
  // The time at which the last lease of the digest ends; a time in the past if the digest has no lease.
  Time until(const Digest& digest, For purpose = For::upkeep) const;
  // False if it is leased.
  [[nodiscard]] bool begin_collection(const Digest& digest, For purpose = For::upkeep);
  void end_collection(const Digest& digest);

  // Forgets some of the leases that have ended. To be called every now and then: each call is short, because
  // the event loop waits for the mutex.
  void prune();
  size_t size() const;

 private:
  struct Lease : LeaseRecord {
    void add_upload(const RepositoryKey& repository);
    void fulfil(const RepositoryKey& repository);
    Time until(For purpose) const;

    // When it was last taken, or its parent; an inherited lease goes by it.
    Time read_at{};
    // How often to each; of uploads from before a restart that is not known.
    std::vector<std::pair<RepositoryKey, uint64_t>> uploaded_to;
    Ticket ticket = 0;
    bool is_first = false;  // there was none when it was taken last
  };
  Time until_locked(const Digest& digest, For purpose) const REQUIRES(mutex_);

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
  BeingCollected(Leases& leases, const Digest& digest, Leases::For purpose)
      : leases_(leases), digest_(digest), is_begun_(leases.begin_collection(digest, purpose)) {}
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

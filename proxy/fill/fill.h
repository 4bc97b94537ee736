// A Fill is a download in progress, shared by everyone who asked for the same digest. Fills holds all of
// them.
//
//   RegistryClient --body--> pending bytes --worker--> BlobWriter --(the file)--> reader 1, reader 2, ...
//
// The disk is the buffer: readers follow the file, not the socket. So a slow reader neither slows the
// download nor holds memory, and a reader that leaves wastes nothing. The phases of a Fill:
//
//   queued --> opening --> receiving <--> resuming --> verified --> stored
//                 |            |                          `-------> (the disk refused it: served, not stored)
//                 `------------`--> failed (error() says why)
//
// available() grows while the Fill is receiving. The last 64 KiB are withheld until the digest matches, so
// that no client can complete a corrupt blob. A transfer that breaks is resumed by Range, through the
// registry again, because a presigned URL may have expired. A partial file outlives the process, and the next
// Fill of the same digest resumes it. If the digest does not match, the file is deleted and the next request
// starts anew.
//
// When there is no room on the disk, the Fill fails with `full`, and its readers go on straight from upstream
// (proxy/fill/pass_through.h). Belongs to the loop's thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "proxy/loop/buffers.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"
#include "proxy/loop/workers.h"
#include "proxy/upstream/registry_client.h"
#include "proxy/upstream/retry.h"
#include "store/blobs/partials.h"
#include "store/store.h"

namespace breakwater::proxy {

struct FillSettings {
  // How many fills run at once; further ones are queued. When the limit is reached, an upstream that runs
  // fewer than fills_max / 8 may still begin one, so that an upstream that hangs cannot starve the others.
  uint32_t fills_max = 64;
  uint64_t hold_back_bytes = 64 << 10;     // how much is withheld until the digest matches
  uint64_t pending_bytes_max = 512 << 10;  // per fill: bytes received and not yet with a worker
  uint64_t growth_bytes = 16 << 20;        // how the disk reservation grows when the size is not known
  RetrySettings retry;
};

struct FillStats {
  uint64_t running = 0;
  uint64_t followers = 0;
  uint64_t resumes_total = 0;
  uint64_t discarded_total = 0;
  uint64_t stored_total = 0;
};

// What to download, and the repository that it is stored for.
struct FillRequest {
  FillRequest(const store::Digest& d, store::RepositoryKey r, RegistryClientRequest o)
      : digest(d), repository(std::move(r)), request(std::move(o)) {}
  store::Digest digest;
  store::RepositoryKey repository;
  RegistryClientRequest request;
  std::optional<uint64_t> size;  // from the descriptor in a manifest, if there is one
};

class Fill {
 public:
  Fill(Loop& loop, FillRequest request)
      : request_(std::move(request)), size_(request_.size), progress_(loop), arrived_(loop) {}
  Fill(const Fill&) = delete;
  Fill& operator=(const Fill&) = delete;

  const FillRequest& request() const { return request_; }

  // Rings whenever the result of a function below has changed.
  Signal& progress() { return progress_; }
  std::optional<uint64_t> size() const { return size_; }
  // How many bytes from the start may be sent to readers.
  uint64_t available() const { return available_; }
  bool begun() const { return begun_; }                         // whether upstream has begun to send
  bool verified() const { return verified_; }                   // if so, available() == size()
  const std::optional<Error>& error() const { return error_; }  // if set, no more bytes will come
  // Why the last attempt failed. Set from then until upstream sends again, while the fill waits before the
  // next attempt or makes it.
  const std::optional<Error>& last_failure() const { return last_failure_; }
  const store::SharedFile& file() const { return file_; }  // null before available() > 0

  // Counts one reader for as long as the object lives.
  class Follower {
   public:
    Follower(std::shared_ptr<Fill> fill, FillStats& stats) : fill_(std::move(fill)), stats_(stats) {
      ++stats_.followers;
    }
    ~Follower() { --stats_.followers; }
    Follower(const Follower&) = delete;
    Follower& operator=(const Follower&) = delete;
    Fill* operator->() const { return fill_.get(); }

   private:
    std::shared_ptr<Fill> fill_;
    FillStats& stats_;
  };

 private:
  friend class Fills;
  friend class FillSink;
  using Partial = std::shared_ptr<store::ReceivedPartial>;

  FillRequest request_;
  std::optional<uint64_t> size_;
  uint64_t written_ = 0;  // bytes that are in the file
  uint64_t available_ = 0;
  bool begun_ = false;
  bool verified_ = false;
  std::optional<Error> error_;
  std::optional<Error> last_failure_;
  store::SharedFile file_;
  Signal progress_;

  // The hand-over from the sink, which libcurl calls, to the Tasks that write.
  Partial partial_;
  Workers::Strand strand_;
  uint64_t granted_ = 0;                     // bytes of the blob that the disk reservation covers
  std::string pending_;                      // received, not yet with a worker
  std::vector<BufferReservation> reserved_;  // for pending_
  uint64_t unwritten_ = 0;                   // pending_ and what a worker is writing
  Signal arrived_;
  bool ending_ = false;  // no more bytes will arrive, so pump() ends
  std::optional<Error> disk_error_;
  Sink* sink_ = nullptr;  // the sink of the attempt in progress
};

class Fills {
 public:
  // `workers` write; `room_makers` evict, for fills that found no room.
  Fills(Loop& loop, Workers& workers, Workers& room_makers, Buffers& buffers, store::Store& store,
        store::Log& log, const FillSettings& settings);
  ~Fills();  // Partial files stay for the next start.
  Fills(const Fills&) = delete;
  Fills& operator=(const Fills&) = delete;

  // The fill of that digest, or null if none is in progress.
  std::shared_ptr<Fill> find(const store::Digest& digest) const;
  // The fill of the request's digest. If none is in progress, one is begun and downloads from `registry`,
  // which must outlive this object.
  std::shared_ptr<Fill> join(RegistryClient& registry, FillRequest request);

  const FillSettings& settings() const { return settings_; }
  FillStats& stats() { return stats_; }
  size_t size() const { return fills_.size(); }
  bool idle() const { return running_.size() == 0; }
  Signal& ended() { return running_.ended(); }

 private:
  friend class FillSink;
  using Shared = std::shared_ptr<Fill>;
  class Slot;

  Task<> run(Shared fill, RegistryClient& registry);
  Task<Result<>> download(Shared fill, RegistryClient& registry);
  bool has_slot(const RegistryClient& registry) const;
  Task<bool> find_stored(Shared fill);
  Task<Result<>> open(Shared fill);
  Task<Result<>> receive(Shared fill, RegistryClient& registry);
  Task<Result<>> attempt(Shared fill, RegistryClient& registry);
  Task<Result<>> catch_up(Shared fill);
  Task<Result<>> grow(Shared fill, uint64_t bytes);
  Task<Result<>> verify(Shared fill);
  Task<> commit(Shared fill);
  Task<> pump(Shared fill);
  bool worth_another(const Fill& fill, const Error& error, uint32_t attempts, Moment::duration silence,
                     int64_t& delay_ms);
  Task<> end_partial(Shared fill, store::Partials::End end);
  store::Partials::End fail(Fill& fill, Error error);
  void publish(Fill& fill);
  void unregister(const Fill& fill);

  Loop& loop_;
  Workers& workers_;
  Workers& room_makers_;
  Buffers& buffers_;
  store::Store& store_;
  store::Log& log_;
  FillSettings settings_;
  FillStats stats_;
  Signal slot_freed_;
  std::map<const RegistryClient*, uint32_t> slots_;  // fills that run, by upstream
  std::minstd_rand random_;
  std::map<store::Digest, Shared> fills_;
  std::set<store::Digest> ending_partials_;  // of fills that failed and still clean up
  Tasks running_;                            // last: destroyed before the members that its Tasks use
};

}  // namespace breakwater::proxy

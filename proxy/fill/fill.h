// A Fill is a download in progress, shared by everyone who asked for the same digest. Fills holds all of
// them.
//
//   RegistryClient --body--> pending bytes --worker--> BlobWriter --(the file)--> reader 1, reader 2, ...
//
// The disk is the buffer: readers follow the file, not the socket. So a slow reader neither slows the
// download nor holds memory, and a reader that leaves wastes nothing. The phases of a Fill:
//
//   queued --> opening --> receiving <--> resuming --> verified --> stored
//     ^           |            |                          `-------> (the disk refused it: served, not stored)
//     `--(slow)---+------------`--> failed (error() says why)
//
// available() grows while the Fill is receiving. The last 64 KiB are withheld until the digest matches, so
// that no client can complete a corrupt blob. A transfer that breaks is resumed by Range, through the
// registry again, because a presigned URL may have expired. A partial file outlives the process, and the next
// Fill of the same digest resumes it.
//
// A Fill has the sources of all who asked (proxy/fill/fill_sources.h). An attempt that fails goes on with the
// next source where it was, and so does one that is silent while another source stands by. If the digest does
// not match, the file is deleted, and what is there begins anew from the sources that brought none of it. So
// it does, once for each source, if one contradicts what is there, such as its length, and no byte is
// available. The Fill fails when no source is left. Where it is stored the first source says.
//
// How many run at once, and which give way, proxy/fill/fill_slots.h says. A Fill that nobody reads goes on
// while nobody needs its slot, and leaves the queue when it waits for one; its partial file stays.
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
#include <utility>
#include <vector>

#include "proxy/fill/fill_file.h"
#include "proxy/fill/fill_slots.h"
#include "proxy/fill/fill_sources.h"
#include "proxy/loop/buffers.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"
#include "proxy/loop/workers.h"
#include "proxy/upstream/retry.h"
#include "store/blobs/partials.h"
#include "store/store.h"

namespace breakwater::proxy {

class FillSink;

struct FillSettings {
  uint32_t fills_max = 64;  // how many run at once; see proxy/fill/fill_slots.h
  // How many may wait for their turn, in all and for one upstream. Further ones fail at once.
  uint32_t queued_max = 2048;
  uint32_t queued_per_upstream_max = 512;
  uint64_t hold_back_bytes = 64 << 10;     // how much is withheld until the digest matches
  uint64_t pending_bytes_max = 512 << 10;  // per fill: bytes received and not yet with a worker
  // How the disk reservation grows at most when the size is not known: it doubles up to such steps.
  uint64_t growth_bytes = 16 << 20;
  // While another source stands by, an attempt may be silent for this long: before its first byte, and later.
  int64_t first_byte_wait_ms = 5'000;
  int64_t silence_max_ms = 10'000;
  // For so long an upstream that was is asked only when no other source is there.
  int64_t silence_remembered_ms = 30'000;
  // While another source stands by, or another fill waits for a slot, a slower attempt counts as a stall.
  uint64_t slow_bytes_per_s = 8 << 10;
  int64_t slow_after_ms = 60'000;  // over which the rate is measured
  RetrySettings retry;
};

struct FillStats {
  uint64_t running = 0;
  uint64_t waiting = 0;  // for their turn
  uint64_t followers = 0;
  uint64_t resumes_total = 0;
  uint64_t discarded_total = 0;
  uint64_t stored_total = 0;
};

// What to download, and from where. The first source's repository is the one that it is stored for.
struct FillRequest {
  FillRequest(const store::Digest& d, FillSource source) : digest(d) { sources.push_back(std::move(source)); }
  store::Digest digest;
  std::vector<FillSource> sources;  // in the order of preference
  // From the descriptor in a manifest of the first source's repository, if there is one. A hint: what
  // upstream says counts, and in the end the digest.
  std::optional<uint64_t> size;
  std::string client;  // who asks, as BlobRecord has it
};

// One that is in progress, as an operator sees it.
struct RunningFill {
  store::Digest digest;
  store::RepositoryKey home;  // whose room its bytes take
  uint64_t available = 0;     // bytes that readers can have
  std::optional<uint64_t> size = {};
  uint32_t followers = 0;
  std::vector<std::string> clients =
      {};                      // who follows it, as FillRequest names them: some of them, each once
  uint64_t clients_count = 0;  // of all
  Millis age{};                // since it was asked for
  uint64_t resumed_from = 0;   // bytes that an earlier fill had left
  bool runs = false;           // else it waits for its turn
  std::string failure = {};  // why its last attempt failed, until the next one brings bytes; "" if it did not
};

class Fill {
 public:
  Fill(Loop& loop, FillRequest request, const FillFileParts& parts, Millis stall_cost)
      : digest_(request.digest),
        home_(request.sources.front().repository),
        hint_(request.size),
        sources_(request.sources, stall_cost),
        begun_at_(loop.now()),
        last_progress_at_(loop.now()),
        bytes_(loop, parts, digest_, home_.route, request.client),
        progress_(loop),
        attention_(loop) {}
  Fill(const Fill&) = delete;
  Fill& operator=(const Fill&) = delete;

  const store::Digest& digest() const { return digest_; }

  // Rings whenever the result of a function below has changed.
  Signal& progress() { return progress_; }
  // As upstream says, else as a manifest does.
  std::optional<uint64_t> size() const { return told_ ? told_ : hint_; }
  bool is_size_told() const { return told_.has_value(); }  // by upstream
  // How many bytes from the start may be sent to readers.
  uint64_t available() const { return available_; }
  // How often it began anew: what was available before is not what is available now.
  uint32_t generation() const { return generation_; }
  bool begun() const { return begun_; }                         // whether upstream has begun to send
  bool verified() const { return verified_; }                   // if so, available() == size()
  const std::optional<Error>& error() const { return error_; }  // if set, no more bytes will come
  // Why the last attempt failed. Set from then until upstream sends again, while the fill waits before the
  // next attempt or makes it.
  const std::optional<Error>& last_failure() const { return last_failure_; }
  const store::SharedFile& file() const { return file_; }  // null before available() > 0

  // What came of the sources of one repository; see FillSources.
  bool has_source_of(const store::RepositoryKey& repository) const { return sources_.has(repository); }
  bool is_shown_by(const store::RepositoryKey& repository) const {
    return sources_.is_shown_by(repository, told_);
  }
  std::optional<Error> failure_of(const store::RepositoryKey& repository) const {
    return sources_.failure_of(repository);
  }
  bool is_doubtful(const RegistryClient& registry) const { return sources_.is_doubtful(registry); }

  // One who reads the fill, or waits for it, for as long as the object lives. Whoever keeps a Fill has one;
  // it must end before the Fills does.
  class Follower {
   public:
    Follower(Follower&& other) noexcept
        : fill_(std::move(other.fill_)), client_(other.client_), stats_(other.stats_) {}
    Follower& operator=(Follower&&) = delete;
    ~Follower();
    Fill* operator->() const { return fill_.get(); }
    Fill& operator*() const { return *fill_; }

   private:
    friend class Fills;
    Follower(std::shared_ptr<Fill> fill, const std::string& client, FillStats& stats);

    std::shared_ptr<Fill> fill_;
    std::map<std::string, uint32_t>::iterator client_;  // in the fill's clients_
    FillStats& stats_;
  };

 private:
  friend class Fills;
  friend class FillSink;
  // Whether it goes on after its bytes have ended without success.
  enum class Again { no, from_start, in_turn };

  bool is_giving_way() const { return claim_->gives_way() && followers_ == 0; }
  void begin_anew();

  const store::Digest digest_;
  const store::RepositoryKey home_;  // whose room its bytes take
  std::optional<uint64_t> hint_;     // its size, as a manifest says
  std::optional<uint64_t> told_;     // as upstream says
  FillSources sources_;
  uint64_t available_ = 0;
  uint32_t generation_ = 0;
  uint32_t followers_ = 0;
  std::map<std::string, uint32_t> clients_;  // how often each follows it
  const Moment begun_at_;
  Moment last_progress_at_;
  size_t measured_source_ = SIZE_MAX;  // whose rate is measured
  Moment measured_at_;                 // since then
  uint64_t measured_from_ = 0;         // from this many bytes in the file
  bool begun_ = false;
  bool complete_ = false;             // all bytes are in the file, as far as upstream says
  std::optional<uint64_t> ended_at_;  // where a body without a length ended before the hint
  bool resumed_ = false;              // the file holds bytes that an earlier fill left
  uint64_t resumed_from_ = 0;         // so many
  bool discarded_resumed_ = false;    // those were thrown away once
  bool gave_way_ = false;
  Again again_ = Again::no;
  bool verified_ = false;
  std::optional<Error> error_;
  std::optional<Error> last_failure_;
  FillFile bytes_;
  store::SharedFile file_;  // that of bytes_, or of the blob that another fill has stored
  Signal progress_;

  Signal attention_;  // for run(): its slot, its sources, its readers or its attempt changed
  std::optional<FillSlots::Claim> claim_;  // until it has ended
};

class Fills {
 public:
  // `workers` write; `room_makers` evict, for fills that found no room.
  Fills(Loop& loop, Workers& workers, Workers& room_makers, Buffers& buffers, store::Store& store,
        store::Log& log, const FillSettings& settings);
  ~Fills();  // Partial files stay for the next start.
  Fills(const Fills&) = delete;
  Fills& operator=(const Fills&) = delete;

  // The fill of that digest, or null if none is in progress. Look at it before the next co_await.
  const Fill* find(const store::Digest& digest) const;
  // The fill of the request's digest, which gets the sources that it does not have yet. If none is in
  // progress, one is begun. The sources' RegistryClients must outlive this object. If too many wait, the fill
  // has failed with `unavailable`.
  Fill::Follower join(const FillRequest& request);

  const FillSettings& settings() const { return settings_; }
  FillStats stats() const;
  static constexpr size_t kClientsTold = 20;  // of each
  // At most so many of them, in no order that means anything.
  std::vector<RunningFill> in_progress(size_t most) const;
  size_t size() const { return fills_.size(); }
  bool idle() const { return running_.size() == 0; }
  Signal& ended() { return running_.ended(); }

 private:
  friend class FillSink;
  using Shared = std::shared_ptr<Fill>;

  void add_sources(Fill& fill, const FillRequest& request);
  void suspect_silent(Fill& fill);
  Task<> run(Shared fill);
  Task<Result<>> download(Shared fill);
  Task<Result<>> wait_for_turn(Shared fill);
  Task<bool> find_stored(Shared fill);
  Task<Result<>> download_once(Shared fill);
  Task<Result<>> open(Shared fill);
  Task<Result<>> receive(Shared fill);
  Task<Result<>> attempt(Shared fill, size_t index);
  std::optional<Error> reason_to_stop(Fill& fill, size_t index, FillSink& sink);
  Result<> judge_end(Fill& fill, const Head& answer);
  void note_failure(Fill& fill, size_t index, FailedAttempt attempt);
  Task<Result<>> verify(Shared fill);
  Task<> commit(Shared fill);
  Task<> write(Shared fill);
  store::Partials::End fail(Fill& fill, Error error);
  void publish(Fill& fill);
  void unregister(const Fill& fill);

  Loop& loop_;
  FillFileParts parts_;
  Buffers& buffers_;
  store::Log& log_;
  FillSettings settings_;
  FillStats stats_;
  FillSlots slots_;
  Signal partial_ended_;
  std::map<const RegistryClient*, Moment> silent_at_;  // upstreams that were, when they were asked last
  std::minstd_rand random_;
  std::map<store::Digest, Shared> fills_;
  std::set<store::Digest> ending_partials_;  // of fills that failed and still clean up
  Tasks running_;                            // last: destroyed before the members that its Tasks use
};

}  // namespace breakwater::proxy

// Upload sessions of the private registry: a request body becomes a partial file, in bounded pieces that are
// hashed as they arrive.
//
//   begin() --> open --append()*--> open --commit()--> a stored blob
//                 |  `-- client gone, idle, restart: open, with what was received
//                 `-- cancel(), wrong digest, expiry: nothing left
//
// A session is a catalog record and a partial file, so it survives its connections and a restart. This class
// keeps only the sessions whose file is open, and the names of the others. One request at a time works on a
// session: the one that holds its Turn. The next requests wait for a moment, one after the other, because
// their client may have abandoned the request before. Reading pauses while the disk falls behind.
//
// Sessions are bounded, in all and by client. Where there are too many in all, a new one takes the place of
// the one that was not touched for longest.
//
//   auto turn = co_await uploads.take_turn("team/app", id, client);
//   if (turn) appended = co_await uploads.append(*turn, exchange, chunk);
//   if (appended) blob = co_await uploads.commit(*turn, digest);
//
// Belongs to the loop's thread. Every Turn must end before the Uploads.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "proxy/http/exchange.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"
#include "routes/registry/body_receiver.h"
#include "routes/registry/capacity_wait.h"
#include "routes/registry/chunk_range.h"
#include "routes/registry/closing_puts.h"
#include "routes/registry/open_sessions.h"
#include "routes/registry/registry_parts.h"
#include "routes/registry/upload_session.h"
#include "routes/registry/upload_shares.h"
#include "store/store.h"

namespace breakwater::routes {

// One whose file is open, as an operator sees it.
struct OpenUpload {
  store::RepositoryKey repository;
  std::string id;
  uint64_t received = 0;    // bytes
  store::Time begun_at{};   // of the store's clock; zero if nobody knows
  std::string client = {};  // who began it; "" if nobody knows
};

struct UploadSettings {
  int64_t expiry_ms = 168LL * 3600 * 1000;  // a session that is idle for longer is removed
  int64_t takeover_wait_ms = 5'000;         // how long a request waits for the one before it
  // After this idle time the session's file is closed, and bytes that were reserved but not used are given
  // back.
  int64_t idle_close_ms = 60'000;
  // So many stay open that no request works on; the longest untouched is closed for the next one.
  size_t idle_open_max = 256;
  size_t uploads_max = 4096;  // sessions of the route
  // Those of one client on which it works, or worked within the last minute: one more is refused.
  size_t per_client = 64;
  uint64_t growth_bytes = 16 << 20;  // the longest step in which room is taken
};

class Uploads {
 public:
  // `line` is borrowed: the others of this route that need capacity.
  Uploads(const RegistryParts& parts, std::string route, const UploadSettings& settings, CapacityLine& line);
  ~Uploads();
  Uploads(const Uploads&) = delete;
  Uploads& operator=(const Uploads&) = delete;

  // The exclusive right to work on a session, given up by the destructor.
  class Turn {
   public:
    Turn(Turn&&) noexcept = default;
    Turn& operator=(Turn&&) = delete;
    ~Turn();

    const std::string& id() const;  // 32 hex digits
    uint64_t received() const;      // bytes

   private:
    friend class Uploads;
    Turn(Uploads& uploads, std::shared_ptr<UploadSession> session);
    Uploads& uploads_;
    std::shared_ptr<UploadSession> session_;
  };

  // Starts a session and returns its id. `throttled` if there are too many; has_share() says whose.
  proxy::Task<Result<std::string>> begin(std::string repository, store::Algorithm algorithm,
                                         proxy::ClientKey client);
  // Whether the client may have one more session.
  bool has_share(const proxy::ClientKey& client);
  // Starts a session for a monolithic upload and returns its only Turn. The session has no record, and its id
  // is told to nobody: the caller must commit(), cancel() or discard() it. `throttled` as begin().
  proxy::Task<Result<Turn>> begin_monolithic(std::string repository, store::Algorithm algorithm,
                                             proxy::ClientKey client);
  // `not_found` if this repository has no such session; `unavailable` if another request holds the session
  // for too long.
  proxy::Task<Result<Turn>> take_turn(std::string repository, std::string id, proxy::ClientKey client);
  // The bytes received so far. May be asked while a request works on the session.
  proxy::Task<Result<uint64_t>> received(std::string repository, std::string id);

  // Appends the exchange's body to what was received. After an error the session stays usable: `conflict` if
  // `chunk` does not begin at the received bytes (nothing is read), `corrupt` if the body's length differs
  // from the chunk's, `invalid` if the body broke off, `full` if there is no capacity. After `full` the
  // received bytes may be evicted for others, which ends the session.
  proxy::Task<Result<>> append(Turn& turn, proxy::Exchange& exchange, std::optional<ChunkRange> chunk);
  // Call this before append() for a closing PUT whose body has `length` bytes and no Content-Range. If the
  // same PUT came before and its bytes arrived, but it failed afterwards, the client now sends the whole body
  // again: the bytes of the first try are dropped. (A client that continues sends fewer bytes.)
  proxy::Task<Result<>> begin_closing(Turn& turn, store::Digest digest, uint64_t length);
  // Makes the received bytes a blob, synced to disk. `corrupt` if their digest differs from `digest`, and the
  // session is removed; after any other error the session stays. Once started, a commit runs to its end even
  // if the Task is destroyed.
  proxy::Task<Result<store::Blob>> commit(Turn& turn, store::Digest digest);
  // Whether this session was committed as `digest`. Only the most recent commits are remembered, and none
  // after a restart.
  bool was_committed(const std::string& repository, const std::string& id, const store::Digest& digest) const;
  proxy::Task<Result<>> cancel(Turn& turn);
  // cancel() for destructors, which cannot wait.
  void discard(const Turn& turn);

  // Removes expired sessions, counts the others and closes the files of idle ones. Called by the upkeep.
  proxy::Task<Result<>> sweep();

  size_t open_sessions() const { return sessions_.size(); }
  // At most so many of these, those on which a request works first.
  std::vector<OpenUpload> open_uploads(size_t most) const;

 private:
  using Shared = std::shared_ptr<UploadSession>;
  struct Progress {
    uint64_t received = 0;  // bytes
    uint64_t granted = 0;   // bytes that the reservation covers
    store::Time begun_at{};
    std::string client = {};
  };

  class Waiting;

  Shared session_of(const std::string& repository, const std::string& id);
  proxy::Task<Result<>> admit(UploadName name, proxy::ClientKey client);
  proxy::Task<> replace(UploadName name);
  proxy::Task<Result<Shared>> wait_for_turn(std::string repository, std::string id);
  void end_turn(const Shared& session);
  proxy::Task<Result<Progress>> open(Shared session);
  proxy::Task<Result<>> resume(Shared session);
  proxy::Task<Result<>> catch_up(Shared session);
  proxy::Task<> close_idle();
  proxy::Task<> close_surplus(Shared opened);
  proxy::Task<> close(Shared session);
  proxy::Task<Result<>> end_expired();
  std::string new_id();

  RegistryParts parts_;
  std::string route_;
  UploadSettings settings_;
  BodyReceiver bodies_;
  std::random_device random_;
  OpenSessions sessions_;
  UploadShares shares_;
  ClosingPuts closing_puts_;
  bool is_ending_ = false;
  proxy::Tasks closers_;  // last, because these Tasks use the other members
};

}  // namespace breakwater::routes

// Upload sessions of the private registry: bytes from the socket to a partial file, hashed on the way, in
// bounded pieces.
//
//   begin() --> open --append()*--> open --commit()--> a stored blob
//                 |  `-- client gone, idle, restart: open, at what was received
//                 `-- cancel(), wrong digest, expiry: nothing
//
// A session is a catalog record and a partial file, so it outlives connections and restarts; what is kept
// here is only which of them have their file open. One request at a time works on a session, and holds its
// Turn: the next one waits a moment, since its client may have left the one before. Bytes are reserved before
// they are read, and reading pauses while the disk is behind.
//
//   auto turn = co_await uploads.take_turn("team/app", id);
//   if (turn) appended = co_await uploads.append(*turn, exchange, chunk);
//   if (appended) blob = co_await uploads.commit(*turn, digest);
//
// Belongs to the loop's thread. Turns must end before the Uploads.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>

#include "proxy/http/exchange.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"
#include "routes/registry/chunk_range.h"
#include "routes/registry/registry_parts.h"
#include "store/store.h"

namespace breakwater::routes {

struct UploadSettings {
  int64_t expiry_ms = 168LL * 3600 * 1000;  // of a session that nobody touches
  int64_t takeover_wait_ms = 5'000;         // for the request before on the same session
  // Then its file is closed, and what it reserved and did not use is given back.
  int64_t idle_close_ms = 60'000;
  uint64_t growth_bytes = 16 << 20;  // step of the reservation when nobody tells a length
};

class Uploads {
  struct Session;

 public:
  Uploads(const RegistryParts& parts, std::string route, const UploadSettings& settings);
  ~Uploads();
  Uploads(const Uploads&) = delete;
  Uploads& operator=(const Uploads&) = delete;

  // The right to work on a session, until it is destroyed.
  class Turn {
   public:
    Turn(Turn&&) noexcept = default;
    Turn& operator=(Turn&&) = delete;
    ~Turn();

    const std::string& id() const;  // 32 hex digits
    uint64_t received() const;      // bytes

   private:
    friend class Uploads;
    explicit Turn(std::shared_ptr<Session> session);
    std::shared_ptr<Session> session_;
  };

  // A new session's id.
  proxy::Task<Result<std::string>> begin(std::string repository, store::Algorithm algorithm);
  // A new session whose id nobody is told, and its only turn: it has no record, and is of no use unless it is
  // committed. Whoever has the turn ends it, with abandon() at the latest.
  Turn begin_unnamed(const std::string& repository, store::Algorithm algorithm);
  // `not_found` if this repository has no such session, `unavailable` if another request works on it for too
  // long.
  proxy::Task<Result<Turn>> take_turn(std::string repository, std::string id);
  // What it received so far, also while a request works on it.
  proxy::Task<Result<uint64_t>> received(std::string repository, std::string id);

  // The exchange's body behind what was received. Whatever the error, the session lives on: `conflict` if
  // `chunk` does not begin there (nothing is read then), `corrupt` if the body has another length than it,
  // `invalid` if the body broke off, `full` if there is no room. After that what was received makes room for
  // others, if they need it: the session may be gone then.
  proxy::Task<Result<>> append(Turn& turn, proxy::Exchange& exchange, std::optional<ChunkRange> chunk);
  // Before append(), where the request is to end the session and brings `length` bytes without saying where
  // they belong. If the same has come before and what it brought is there, it has failed halfway and its
  // client sends it anew: that is thrown away. (Who goes on brings fewer bytes.)
  proxy::Task<Result<>> begin_end(Turn& turn, store::Digest digest, uint64_t length);
  // Makes a blob of what was received, synced. `corrupt` if it is not `digest`: the session is gone then;
  // else it lives on. Once begun it is finished, also if the Task is destroyed.
  proxy::Task<Result<store::Blob>> commit(Turn& turn, store::Digest digest);
  // Whether it did so a while ago. Forgotten at a restart, and when many have followed.
  bool has_become(const std::string& repository, const std::string& id, const store::Digest& digest) const;
  proxy::Task<Result<>> cancel(Turn& turn);
  // The same where nobody can wait for it.
  void abandon(const Turn& turn);

  // Ends sessions that expired and closes the files of idle ones; for the upkeep.
  proxy::Task<Result<>> sweep();

  size_t open_sessions() const { return open_.size(); }

 private:
  struct Pour;
  using Shared = std::shared_ptr<Session>;
  struct End {
    End(std::string r, std::string i, const store::Digest& d)
        : repository(std::move(r)), id(std::move(i)), digest(d) {}
    bool is(const std::string& r, const std::string& i, const store::Digest& d) const {
      return id == i && digest == d && repository == r;
    }
    std::string repository;
    std::string id;
    store::Digest digest;
    // Where the bytes of the request begin,.
    uint64_t first = 0;
    // And how many it said.
    uint64_t length = 0;
    std::shared_ptr<std::atomic<bool>> done = std::make_shared<std::atomic<bool>>(false);  // a worker tells
  };
  struct Progress {
    uint64_t received = 0;  // bytes
    uint64_t granted = 0;   // that the reservation covers
  };

  Shared session_of(const std::string& repository, const std::string& id);
  void forget(const Shared& session);
  proxy::Task<Result<Progress>> open(Shared session);
  proxy::Task<Result<>> resume(Shared session);
  proxy::Task<Result<>> receive(Shared session, proxy::Exchange& exchange, std::optional<ChunkRange> chunk);
  proxy::Task<Result<>> spare(Shared session);
  proxy::Task<Result<>> catch_up(Shared session);
  End& end_of(const Session& session, const store::Digest& digest);
  proxy::Task<Result<>> pour(Shared session, proxy::Exchange& exchange, uint64_t end);
  proxy::Task<> write(Shared session, Pour& pour, std::string piece);
  proxy::Task<Result<>> make_room(Shared session, uint64_t needed, uint64_t wanted);
  proxy::Task<> close_idle();
  proxy::Task<Result<>> end_expired();
  std::string new_id();

  RegistryParts parts_;
  std::string route_;
  UploadSettings settings_;
  std::random_device random_;
  std::map<std::pair<std::string, std::string>, Shared> open_;  // by repository and id
  // Of those that a request began to end; the latest last.
  std::deque<End> ends_;
};

}  // namespace breakwater::routes

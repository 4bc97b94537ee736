#include "routes/registry/uploads.h"

#include <algorithm>
#include <utility>

#include "routes/registry/capacity_wait.h"

namespace breakwater::routes {

using proxy::Exchange;
using proxy::Millis;
using proxy::Task;
using store::Digest;
using store::RepositoryKey;
using store::Store;

namespace {

// The prefix of a session's name in the store, which its record and its partial file share.
constexpr std::string_view kRecordPrefix = "upload-";
constexpr uint64_t kBodyBytesMax = UINT64_MAX / 4;  // a client may claim any length
constexpr int64_t kRetryAfterS = 1;
constexpr size_t kClosingsMax = 1'000;       // closing PUTs that are remembered
constexpr uint64_t kCatchUpBytes = 8 << 20;  // hashed in one job, so that other jobs get their turn

std::string record_id(const std::string& id) { return std::string(kRecordPrefix) + id; }

// The partial file of a session. Only the session's jobs touch it, one after the other on its strand.
struct UploadFile {
  std::optional<Store::ReceivedPartial> partial;  // empty if closed or removed
  store::Algorithm algorithm = store::Algorithm::sha256;
  bool has_record = true;
};

Result<> touch(Store& store, const UploadFile& file, const RepositoryKey& key, const std::string& id,
               store::Time now) {
  if (!file.has_record) return {};
  store::Catalog::Batch batch;
  batch.put_upload(record_id(id), store::UploadRecord(key.route, key.repository, file.algorithm,
                                                      file.partial->writer->written(), now));
  return store.catalog().write(std::move(batch), store::Durability::buffered);
}

Result<store::Algorithm> recorded_algorithm(Store& store, const RepositoryKey& key, const std::string& id) {
  auto record = store.catalog().upload(record_id(id), store::Reach::disk);
  if (!record) return failure(record.error());
  if (!*record || RepositoryKey((*record)->route, (*record)->repository) != key) {
    return failure(Error::Kind::not_found, "no upload " + id + " in " + key.repository);
  }
  return (*record)->algorithm;
}

Result<> open_file(Store& store, UploadFile& file, const RepositoryKey& key, const std::string& id) {
  if (file.partial) return {};
  if (file.has_record) {
    auto algorithm = recorded_algorithm(store, key, id);
    if (!algorithm) return failure(algorithm.error());
    file.algorithm = *algorithm;
  }
  auto partial = store.receive(key.route, record_id(id), file.algorithm);
  if (!partial) return failure(partial.error());
  file.partial.emplace(std::move(*partial));
  return {};
}

// Closes the file whatever the result, because nothing may be appended to verified content. If the session
// stays, the file is opened and hashed again.
Result<store::Blob> commit_file(Store& store, UploadFile& file, const RepositoryKey& key,
                                const Digest& digest) {
  auto& partial = *file.partial;
  const auto verified = partial.writer->verify(digest);
  Result<store::Blob> blob = failure(Error::Kind::internal, "not committed");
  if (verified) {
    blob = store.commit_blob(*partial.writer, std::move(partial.reservation), key, store::Durability::synced);
  } else {
    if (verified.error().kind == Error::Kind::corrupt)
      store.end_partial(std::move(partial), Store::PartialEnd::discard);
    blob = failure(verified.error());
  }
  file.partial.reset();
  return blob;
}

Result<> discard_file(Store& store, UploadFile& file, const std::string& id) {
  if (!file.partial) return store.drop_partial(record_id(id));
  store.end_partial(std::move(*file.partial), Store::PartialEnd::discard);
  file.partial.reset();
  return {};
}

bool has_passed(int64_t ms, store::Time since, store::Time now) { return now - since >= Millis(ms); }

// The sessions of `route` that were idle for at least `age_ms`.
Result<std::vector<std::pair<RepositoryKey, std::string>>> untouched(Store& store, store::Log& log,
                                                                     const std::string& route,
                                                                     store::Time now, int64_t age_ms) {
  auto ids = store.catalog().upload_ids();
  if (!ids) return failure(ids.error());
  std::vector<std::pair<RepositoryKey, std::string>> found;
  for (const auto& id : *ids) {
    if (!id.starts_with(kRecordPrefix)) continue;  // the partial file of a fill
    auto record = store.catalog().upload(id, store::Reach::disk);
    if (!record && record.error().kind == Error::Kind::corrupt) {
      log.error("upload_lost", {{"upload", id}, {"error", record.error().message}});
      if (auto dropped = store.drop_partial(id); !dropped) return failure(dropped.error());
      continue;
    }
    if (!record) return failure(record.error());
    if (!*record || (*record)->route != route || !has_passed(age_ms, (*record)->touched_at, now)) continue;
    found.emplace_back(RepositoryKey(route, (*record)->repository), id.substr(kRecordPrefix.size()));
  }
  return found;
}

}  // namespace

struct Uploads::Session {
  Session(proxy::Loop& loop, RepositoryKey key, std::string name, store::Time now)
      : repository(std::move(key)), id(std::move(name)), touched_at(now), freed(loop) {}

  const RepositoryKey repository;
  const std::string id;
  const std::shared_ptr<UploadFile> file = std::make_shared<UploadFile>();
  proxy::Workers::Strand strand;
  uint64_t received = 0;  // bytes written, as the request that holds the Turn knows
  uint64_t granted = 0;   // bytes that the reservation covers, likewise
  store::Time touched_at;
  bool busy = false;
  bool is_open = false;  // the file is open and caught up: the holder of the Turn may write
  proxy::Signal freed;
};

Uploads::Turn::Turn(Shared session) : session_(std::move(session)) { session_->busy = true; }
Uploads::Turn::~Turn() {
  if (!session_) return;
  session_->busy = session_->is_open = false;
  session_->freed.ring();
}
const std::string& Uploads::Turn::id() const { return session_->id; }
uint64_t Uploads::Turn::received() const { return session_->received; }

// One body on its way to the disk: a piece is written while the next piece is read.
struct Uploads::BodyWriter {
  explicit BodyWriter(proxy::Loop& loop) : written(loop), writes(loop) {}
  bool writing = false;
  std::optional<Error> error;
  proxy::Signal written;
  proxy::Tasks writes;  // last, because these Tasks use the other members
};

Uploads::Uploads(const RegistryParts& parts, std::string route, const UploadSettings& settings)
    : parts_(parts), route_(std::move(route)), settings_(settings) {}
Uploads::~Uploads() = default;

std::string Uploads::new_id() {
  std::string id;
  while (id.size() < 32) {
    auto bits = random_();
    for (int i = 0; i < 8; ++i, bits >>= 4) id += "0123456789abcdef"[bits & 15];
  }
  return id;
}

Task<Result<std::string>> Uploads::begin(std::string repository, store::Algorithm algorithm) {
  const auto id = new_id();
  const store::UploadRecord record(route_, std::move(repository), algorithm, 0, parts_.clock.now());
  auto job = [&catalog = parts_.store.catalog(), id, record] {
    store::Catalog::Batch batch;
    batch.put_upload(record_id(id), record);
    return catalog.write(std::move(batch), store::Durability::buffered);
  };
  auto begun = co_await parts_.workers.run(std::move(job));
  if (!begun) co_return failure(begun.error());
  co_return id;
}

Uploads::Turn Uploads::begin_monolithic(const std::string& repository, store::Algorithm algorithm) {
  auto session = session_of(repository, new_id());
  session->file->algorithm = algorithm;
  session->file->has_record = false;
  return Turn(std::move(session));
}

// --- whose turn it is

Uploads::Shared Uploads::session_of(const std::string& repository, const std::string& id) {
  auto& session = open_[std::pair(repository, id)];
  if (!session)
    session =
        std::make_shared<Session>(parts_.loop, RepositoryKey(route_, repository), id, parts_.clock.now());
  return session;
}

void Uploads::erase(const Shared& session) {
  const auto found = open_.find(std::pair(session->repository.repository, session->id));
  if (found != open_.end() && found->second == session) open_.erase(found);
}

Task<Result<Uploads::Turn>> Uploads::take_turn(std::string repository, std::string id) {
  const auto deadline = parts_.loop.now() + Millis(settings_.takeover_wait_ms);
  auto session = session_of(repository, id);
  while (session->busy) {
    if (parts_.loop.now() >= deadline) {
      co_return failure(
          Error(Error::Kind::unavailable, "another request is at work on upload " + id, kRetryAfterS));
    }
    co_await session->freed.wait_until(deadline);
    session = session_of(repository, id);
  }
  Turn turn(session);
  auto resumed = co_await resume(session);
  if (!resumed) {
    // Only a session that does not exist is dropped here. Another may have its file open, which is closed
    // like that of any idle session.
    if (resumed.error().kind == Error::Kind::not_found) erase(session);
    co_return failure(resumed.error());
  }
  co_return turn;
}

Task<Result<>> Uploads::resume(Shared session) {
  auto progress = co_await open(session);
  if (!progress) co_return failure(progress.error());
  auto caught_up = co_await catch_up(session);
  if (!caught_up) co_return caught_up;
  session->received = progress->received;
  session->granted = progress->granted;
  session->is_open = true;
  co_return Result<>();
}

Task<Result<uint64_t>> Uploads::received(std::string repository, std::string id) {
  auto session = session_of(repository, id);
  auto job = [&store = parts_.store, file = session->file, key = session->repository,
              id]() -> Result<std::optional<uint64_t>> {
    if (file->partial) return std::optional<uint64_t>();
    auto known = recorded_algorithm(store, key, id);
    if (!known) return failure(known.error());
    return store.spare_bytes(record_id(id));
  };
  // A status request does not revive an abandoned session: its bytes may still be evicted.
  auto abandoned_bytes = co_await parts_.workers.run(session->strand, std::move(job));
  if (abandoned_bytes && *abandoned_bytes) co_return **abandoned_bytes;
  auto progress = co_await open(session);
  if (!progress) {
    if (!session->busy) erase(session);
    co_return failure(progress.error());
  }
  co_return progress->received;
}

// Opens the file. Runs on the session's strand, after any job that an earlier request left behind.
Task<Result<Uploads::Progress>> Uploads::open(Shared session) {
  session->touched_at = parts_.clock.now();
  auto job = [&store = parts_.store, file = session->file, key = session->repository, id = session->id,
              now = session->touched_at]() -> Result<Progress> {
    if (auto opened = open_file(store, *file, key, id); !opened) return failure(opened.error());
    if (auto touched = touch(store, *file, key, id, now); !touched) return failure(touched.error());
    return Progress(file->partial->writer->written(), file->partial->reservation.held());
  };
  co_return co_await parts_.workers.run(session->strand, std::move(job));
}

// Hashes the bytes that the file had when it was opened.
Task<Result<>> Uploads::catch_up(Shared session) {
  auto job = [file = session->file]() -> Result<bool> {
    return !file->partial || file->partial->writer->catch_up(kCatchUpBytes);
  };
  for (;;) {
    auto done = co_await parts_.workers.run(session->strand, job);
    if (!done) co_return failure(done.error());
    if (*done) co_return Result<>();
  }
}

// --- receiving

Task<Result<>> Uploads::begin_closing(Turn& turn, Digest digest, uint64_t length) {
  auto session = turn.session_;
  Closing& end = closing_of(*session, digest);
  const bool is_again = end.length == length && session->received > end.first;
  if (!is_again) {
    end.first = session->received;
    end.length = length;
    co_return Result<>();
  }
  auto job = [file = session->file, first = end.first] { return file->partial->writer->rewind(first); };
  const auto first = end.first;
  auto rewound = co_await parts_.workers.run(session->strand, std::move(job));
  if (!rewound) co_return rewound;
  session->received = first;
  co_return co_await catch_up(session);
}

Task<Result<>> Uploads::append(Turn& turn, Exchange& exchange, std::optional<ChunkRange> chunk) {
  auto session = turn.session_;
  auto received = co_await receive(session, exchange, chunk);
  if (!received && received.error().kind == Error::Kind::full) {
    auto marked = co_await mark_abandoned(session);
    if (!marked)
      parts_.log.warning("upload not noted", {{"upload", session->id}, {"reason", marked.error().message}});
  }
  co_return received;
}

// Lets the store evict what this session received. A client that was refused for lack of capacity may never
// return, and nothing else refers to the session.
Task<Result<>> Uploads::mark_abandoned(Shared session) {
  session->is_open = false;
  auto job = [&store = parts_.store, file = session->file, key = session->repository, id = session->id,
              at = session->touched_at]() -> Result<> {
    if (!file->partial) return {};
    auto touched = touch(store, *file, key, id, at);
    store.end_partial(std::move(*file->partial), Store::PartialEnd::spare);
    file->partial.reset();
    return touched;
  };
  co_return co_await parts_.workers.run(session->strand, std::move(job));
}

Task<Result<>> Uploads::receive(Shared session, Exchange& exchange, std::optional<ChunkRange> chunk) {
  if (!session->is_open) {
    auto resumed = co_await resume(session);
    if (!resumed) co_return resumed;
  }
  const auto length = exchange.body_length();
  if (chunk && chunk->first != session->received) {
    co_return failure(Error::Kind::conflict, "the chunk begins at " + std::to_string(chunk->first) +
                                                 ", and " + std::to_string(session->received) +
                                                 " bytes were received");
  }
  if (chunk && length && *length != chunk->length()) {
    co_return failure(Error::Kind::corrupt, "Content-Range tells " + std::to_string(chunk->length()) +
                                                " bytes, Content-Length " + std::to_string(*length));
  }
  if (length || chunk) {
    const auto needed = session->received + std::min(length ? *length : chunk->length(), kBodyBytesMax);
    auto made = co_await ensure_capacity(session, needed, needed);
    if (!made) co_return made;
  }
  const auto end = chunk ? chunk->last + 1 : UINT64_MAX;
  auto received_body = co_await receive_body(session, exchange, end);
  if (received_body && chunk && session->received != end) {
    co_return failure(Error::Kind::corrupt,
                      "the chunk ended before its Content-Range, at " + std::to_string(session->received));
  }
  co_return received_body;
}

// Reads the body to its end. A body that would pass `end` is an error.
Task<Result<>> Uploads::receive_body(Shared session, Exchange& exchange, uint64_t end) {
  BodyWriter writer(parts_.loop);
  for (;;) {
    auto piece = co_await exchange.read();
    while (writer.writing) co_await writer.written.wait();
    if (writer.error) co_return failure(*writer.error);
    if (!piece) co_return failure(piece.error());
    if (piece->empty()) co_return Result<>();
    const auto reached = session->received + piece->size();
    if (reached > end) co_return failure(Error::Kind::corrupt, "the chunk is longer than its Content-Range");
    if (reached > session->granted) {
      auto made = co_await ensure_capacity(session, reached, reached + settings_.growth_bytes);
      if (!made) co_return made;
    }
    writer.writing = true;
    writer.writes.spawn(write(session, writer, std::move(*piece)));
  }
}

// Counts the piece against the buffers by itself, because the exchange stops counting it at the next read.
Task<> Uploads::write(Shared session, BodyWriter& writer, std::string piece) {
  const auto held = parts_.buffers.take_anyway(piece.size());
  const auto size = piece.size();
  auto job = [file = session->file, bytes = std::move(piece)] {
    file->partial->is_spare = false;
    return file->partial->writer->append(bytes);
  };
  auto appended = co_await parts_.workers.run(session->strand, std::move(job));
  if (appended) {
    session->received += size;
    session->touched_at = parts_.clock.now();
  } else {
    writer.error = appended.error();
  }
  writer.writing = false;
  writer.written.ring();
}

// Grows the reservation to `wanted` bytes in all, or if there is no capacity for that to `needed`.
Task<Result<>> Uploads::ensure_capacity(Shared session, uint64_t needed, uint64_t wanted) {
  if (needed <= session->granted) co_return Result<>();
  auto job = [&store = parts_.store, file = session->file, route = route_, needed,
              wanted]() -> Result<uint64_t> {
    auto& reservation = file->partial->reservation;
    auto grown = store.grow(reservation, route, wanted);
    if (!grown && grown.error().kind == Error::Kind::full && needed < wanted)
      grown = store.grow(reservation, route, needed);
    if (!grown) return failure(grown.error());
    return reservation.held();
  };
  const auto deadline = parts_.loop.now() + kCapacityWaitMax;
  for (;;) {
    auto granted = co_await parts_.workers.run(session->strand, job);
    if (granted) session->granted = *granted;
    if (granted) co_return Result<>();
    const bool again = co_await wait_for_capacity(parts_.loop, granted.error(), deadline);
    if (!again) co_return failure(granted.error());
  }
}

// --- the end

Task<Result<store::Blob>> Uploads::commit(Turn& turn, Digest digest) {
  auto session = turn.session_;
  // `done` becomes true when the blob is stored, even if no request waits for it any more.
  auto job = [&store = parts_.store, file = session->file, key = session->repository, digest,
              done = closing_of(*session, digest).done] {
    auto blob = commit_file(store, *file, key, digest);
    if (blob) *done = true;
    return blob;
  };
  auto blob = co_await parts_.workers.run(session->strand, std::move(job));
  erase(session);
  co_return blob;
}

Uploads::Closing& Uploads::closing_of(const Session& session, const Digest& digest) {
  const auto found = std::find_if(closings_.begin(), closings_.end(), [&](const Closing& end) {
    return end.is(session.repository.repository, session.id, digest);
  });
  if (found != closings_.end()) return *found;
  closings_.push_back(Closing(session.repository.repository, session.id, digest));
  if (closings_.size() > kClosingsMax) closings_.pop_front();
  return closings_.back();
}

bool Uploads::was_committed(const std::string& repository, const std::string& id,
                            const Digest& digest) const {
  return std::any_of(closings_.begin(), closings_.end(),
                     [&](const Closing& end) { return *end.done && end.is(repository, id, digest); });
}

Task<Result<>> Uploads::cancel(Turn& turn) {
  auto session = turn.session_;
  auto job = [&store = parts_.store, file = session->file, id = session->id] {
    return discard_file(store, *file, id);
  };
  auto discarded = co_await parts_.workers.run(session->strand, std::move(job));
  erase(session);
  co_return discarded;
}

void Uploads::discard(const Turn& turn) {
  auto job = [&store = parts_.store, &log = parts_.log, file = turn.session_->file, id = turn.session_->id] {
    auto discarded = discard_file(store, *file, id);
    if (!discarded)
      log.warning("upload not removed", {{"upload", id}, {"reason", discarded.error().message}});
  };
  parts_.workers.give(turn.session_->strand, std::move(job));
  erase(turn.session_);
}

// --- upkeep

Task<Result<>> Uploads::sweep() {
  co_await close_idle();
  co_return co_await end_expired();
}

Task<> Uploads::close_idle() {
  const auto now = parts_.clock.now();
  std::vector<Shared> idle;
  for (const auto& [key, session] : open_) {
    if (!session->busy && has_passed(settings_.idle_close_ms, session->touched_at, now))
      idle.push_back(session);
  }
  for (const auto& session : idle) {
    if (session->busy) continue;  // taken while another file was being closed
    const Turn turn(session);
    auto job = [&store = parts_.store, file = session->file, key = session->repository, id = session->id,
                at = session->touched_at]() -> Result<> {
      if (!file->partial) return {};
      auto touched = touch(store, *file, key, id, at);
      file->partial.reset();
      return touched;
    };
    auto closed = co_await parts_.workers.run(session->strand, std::move(job));
    if (!closed)
      parts_.log.warning("upload not noted", {{"upload", session->id}, {"reason", closed.error().message}});
    erase(session);
  }
}

Task<Result<>> Uploads::end_expired() {
  auto list = [&store = parts_.store, &log = parts_.log, route = route_, now = parts_.clock.now(),
               age = settings_.expiry_ms] { return untouched(store, log, route, now, age); };
  auto expired = co_await parts_.workers.run(std::move(list));
  if (!expired) co_return failure(expired.error());
  for (const auto& [key, id] : *expired) {
    if (open_.contains(std::pair(key.repository, id))) continue;  // in use again
    Turn turn(session_of(key.repository, id));
    parts_.log.info("upload expired", {{"repository", key.repository}, {"upload", id}});
    auto ended = co_await cancel(turn);
    if (!ended) co_return ended;
  }
  co_return Result<>();
}

}  // namespace breakwater::routes

#include "routes/registry/uploads.h"

#include <utility>

#include "proxy/http/ip_address.h"
#include "store/blobs/partials.h"

namespace breakwater::routes {

using proxy::Exchange;
using proxy::Millis;
using proxy::Task;
using store::Digest;
using store::RepositoryKey;

namespace {

constexpr int64_t kRetryAfterS = 1;
constexpr uint64_t kCatchUpBytes = 8 << 20;  // hashed in one job, so that other jobs get their turn

bool has_passed(int64_t ms, store::Time since, store::Time now) { return now - since >= Millis(ms); }

UploadName name_of(const UploadSession& session) { return {session.repository.repository, session.id}; }

}  // namespace

// Counts a request that waits for a session. Who comes meanwhile waits behind it.
class Uploads::Waiting {
 public:
  explicit Waiting(Shared session) : session_(std::move(session)) { ++session_->waiting; }
  ~Waiting() {
    --session_->waiting;
    if (!session_->busy) session_->freed.ring();
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  const Shared session_;
};

Uploads::Turn::Turn(Uploads& uploads, Shared session) : uploads_(uploads), session_(std::move(session)) {
  uploads_.sessions_.set_busy(session_);
}
Uploads::Turn::~Turn() {
  if (session_) uploads_.end_turn(session_);
}
const std::string& Uploads::Turn::id() const { return session_->id; }
uint64_t Uploads::Turn::received() const { return session_->received; }

Uploads::Uploads(const RegistryParts& parts, std::string route, const UploadSettings& settings,
                 CapacityLine& line)
    : parts_(parts),
      route_(std::move(route)),
      settings_(settings),
      bodies_(parts, route_, settings.growth_bytes, line),
      shares_(parts, route_, settings.uploads_max, settings.per_client),
      closers_(parts.loop) {}
Uploads::~Uploads() { is_ending_ = true; }

std::string Uploads::new_id() {
  std::string id;
  while (id.size() < 32) {
    auto bits = random_();
    for (int i = 0; i < 8; ++i, bits >>= 4) id += "0123456789abcdef"[bits & 15];
  }
  return id;
}

// --- the beginning

bool Uploads::has_share(const proxy::ClientKey& client) { return shares_.has_share(client); }

// Takes a place for the session, of another if there are too many.
Task<Result<>> Uploads::admit(UploadName name, proxy::ClientKey client) {
  auto replaced = co_await shares_.admit(std::move(name), client);
  if (!replaced) co_return failure(replaced.error());
  if (*replaced) co_await replace(**replaced);
  co_return Result<>();
}

// A failure is only logged: the next sweep counts the session again.
Task<> Uploads::replace(UploadName name) {
  auto session = session_of(name.repository, name.id);
  if (session->busy) co_return;  // its file is being closed
  Turn turn(*this, session);
  parts_.log.info("upload_replaced", {{"repository", name.repository}, {"upload", name.id}});
  auto cancelled = co_await cancel(turn);
  if (!cancelled)
    parts_.log.warning("upload_not_removed", {{"upload", name.id}, {"reason", cancelled.error().message}});
}

Task<Result<std::string>> Uploads::begin(std::string repository, store::Algorithm algorithm,
                                         proxy::ClientKey client) {
  const UploadName name(repository, new_id());
  auto admitted = co_await admit(name, client);
  if (!admitted) co_return failure(admitted.error());
  const auto now = parts_.clock.now();
  const store::UploadRecord record(route_, std::move(repository), algorithm, now, false, now,
                                   proxy::IpAddress(client).text());
  auto job = [&store = parts_.store, id = name.id, record] {
    return store.partials().put_upload(upload_record_id(id), record);
  };
  auto begun = co_await parts_.workers.run(std::move(job));
  if (!begun) shares_.remove(name);
  if (!begun) co_return failure(begun.error());
  co_return name.id;
}

Task<Result<Uploads::Turn>> Uploads::begin_monolithic(std::string repository, store::Algorithm algorithm,
                                                      proxy::ClientKey client) {
  const UploadName name(repository, new_id());
  auto admitted = co_await admit(name, client);
  if (!admitted) co_return failure(admitted.error());
  shares_.use(name, client);
  auto session = session_of(repository, name.id);
  session->file->algorithm = algorithm;
  session->file->has_record = false;
  session->file->client = proxy::IpAddress(client).text();
  session->client = session->file->client;
  session->begun_at = parts_.clock.now();
  co_return Turn(*this, std::move(session));
}

std::vector<OpenUpload> Uploads::open_uploads(size_t most) const {
  std::vector<OpenUpload> uploads;
  for (const bool busy : {true, false}) {
    for (const auto& [name, session] : sessions_.all()) {
      if (uploads.size() == most) return uploads;
      if (session->busy == busy)
        uploads.push_back(
            {session->repository, session->id, session->received, session->begun_at, session->client});
    }
  }
  return uploads;
}

// --- whose turn it is

Uploads::Shared Uploads::session_of(const std::string& repository, const std::string& id) {
  const RepositoryKey key(route_, repository);
  return sessions_.of(parts_.loop, key, id, parts_.clock.now());
}

void Uploads::end_turn(const Shared& session) {
  session->is_open = false;
  shares_.rest(name_of(*session));
  sessions_.set_idle(session);
  session->freed.ring();
  const bool is_surplus = sessions_.idle() > settings_.idle_open_max;
  if (is_surplus && !is_ending_) closers_.spawn(close(sessions_.longest_idle()));
}

// The session, when no other request works on it.
Task<Result<Uploads::Shared>> Uploads::wait_for_turn(std::string repository, std::string id) {
  const auto deadline = parts_.loop.now() + Millis(settings_.takeover_wait_ms);
  auto session = session_of(repository, id);
  bool has_waited = false;
  while (session->busy || (session->waiting > 0 && !has_waited)) {
    if (parts_.loop.now() >= deadline) {
      co_return failure(
          Error(Error::Kind::unavailable, "another request is at work on upload " + id, kRetryAfterS));
    }
    {
      const Waiting waiting(session);
      co_await session->freed.wait_until(deadline);
    }
    has_waited = true;
    session = session_of(repository, id);
  }
  co_return session;
}

Task<Result<Uploads::Turn>> Uploads::take_turn(std::string repository, std::string id,
                                               proxy::ClientKey client) {
  auto session = co_await wait_for_turn(repository, id);
  if (!session) co_return failure(session.error());
  Turn turn(*this, *session);
  const UploadName name(repository, id);
  auto resumed = co_await resume(*session);
  if (!resumed) {
    // Only a session that does not exist is dropped here. Another may have its file open, which is closed
    // like that of any idle session.
    const bool is_gone = resumed.error().kind == Error::Kind::not_found;
    if (is_gone) sessions_.erase(*session);
    if (is_gone) shares_.remove(name);
    co_return failure(resumed.error());
  }
  shares_.use(name, client);
  co_return turn;
}

Task<Result<>> Uploads::resume(Shared session) {
  auto progress = co_await open(session);
  if (!progress) co_return failure(progress.error());
  auto caught_up = co_await catch_up(session);
  if (!caught_up) co_return caught_up;
  session->received = progress->received;
  session->granted = progress->granted;
  if (!progress->client.empty()) session->client = progress->client;
  if (progress->begun_at != store::Time()) session->begun_at = progress->begun_at;
  session->is_open = true;
  co_return Result<>();
}

Task<Result<uint64_t>> Uploads::received(std::string repository, std::string id) {
  auto session = session_of(repository, id);
  auto job = [&store = parts_.store, file = session->file, key = session->repository,
              id]() -> Result<std::optional<uint64_t>> {
    if (file->partial) return std::optional<uint64_t>();
    auto known = recorded_upload(store, key, id);
    if (!known) return failure(known.error());
    return store.partials().abandoned_bytes(upload_record_id(id));
  };
  // A status request does not revive an abandoned session: its bytes may still be evicted.
  auto abandoned_bytes = co_await parts_.workers.run(session->strand, std::move(job));
  if (abandoned_bytes && *abandoned_bytes) co_return **abandoned_bytes;
  auto progress = co_await open(session);
  if (!progress) {
    if (!session->busy && progress.error().kind == Error::Kind::not_found) sessions_.erase(session);
    co_return failure(progress.error());
  }
  co_return progress->received;
}

// Opens the file. Runs on the session's strand, after any job that an earlier request left behind.
Task<Result<Uploads::Progress>> Uploads::open(Shared session) {
  co_await close_surplus(session);
  sessions_.touch(session, parts_.clock.now());
  auto job = [&store = parts_.store, file = session->file, key = session->repository, id = session->id,
              now = session->touched_at]() -> Result<Progress> {
    if (auto opened = open_upload(store, *file, key, id); !opened) return failure(opened.error());
    if (auto touched = touch_upload(store, *file, key, id, now); !touched) return failure(touched.error());
    return Progress(file->partial->writer->written(), file->partial->reservation.held(), file->begun_at,
                    file->client);
  };
  co_return co_await parts_.workers.run(session->strand, std::move(job));
}

// Hashes the bytes that the file had when it was opened.
Task<Result<>> Uploads::catch_up(Shared session) {
  for (;;) {
    auto job = [file = session->file]() -> Result<bool> {
      return !file->partial || file->partial->writer->catch_up(kCatchUpBytes);
    };
    auto done = co_await parts_.workers.run(session->strand, std::move(job));
    if (!done) co_return failure(done.error());
    if (*done) co_return Result<>();
  }
}

// --- receiving

Task<Result<>> Uploads::begin_closing(Turn& turn, Digest digest, uint64_t length) {
  auto session = turn.session_;
  auto& put = closing_puts_.of(session->repository.repository, session->id, digest);
  const bool is_again = put.length == length && session->received > put.first;
  if (!is_again) {
    put.first = session->received;
    put.length = length;
    co_return Result<>();
  }
  auto job = [file = session->file, first = put.first] { return file->partial->writer->rewind(first); };
  const auto first = put.first;
  auto rewound = co_await parts_.workers.run(session->strand, std::move(job));
  if (!rewound) co_return rewound;
  session->received = first;
  co_return co_await catch_up(session);
}

Task<Result<>> Uploads::append(Turn& turn, Exchange& exchange, std::optional<ChunkRange> chunk) {
  auto session = turn.session_;
  if (!session->is_open) {
    auto resumed = co_await resume(session);
    if (!resumed) co_return resumed;
  }
  co_return co_await bodies_.receive(session, exchange, chunk);
}

// --- the end

Task<Result<store::Blob>> Uploads::commit(Turn& turn, Digest digest) {
  auto session = turn.session_;
  // `done` becomes true when the blob is stored, even if no request waits for it any more.
  auto job = [&store = parts_.store, file = session->file, key = session->repository, digest,
              done = closing_puts_.of(session->repository.repository, session->id, digest).done] {
    auto blob = commit_upload(store, *file, key, digest);
    if (blob) *done = true;
    return blob;
  };
  auto blob = co_await parts_.workers.run(session->strand, std::move(job));
  sessions_.erase(session);
  const bool is_ended = blob || blob.error().kind == Error::Kind::corrupt;
  if (is_ended) shares_.remove(name_of(*session));
  co_return blob;
}

bool Uploads::was_committed(const std::string& repository, const std::string& id,
                            const Digest& digest) const {
  return closing_puts_.was_committed(repository, id, digest);
}

Task<Result<>> Uploads::cancel(Turn& turn) {
  auto session = turn.session_;
  auto job = [&store = parts_.store, file = session->file, id = session->id] {
    return discard_upload(store, *file, id);
  };
  auto discarded = co_await parts_.workers.run(session->strand, std::move(job));
  sessions_.erase(session);
  if (discarded) shares_.remove(name_of(*session));
  co_return discarded;
}

void Uploads::discard(const Turn& turn) {
  auto job = [&store = parts_.store, &log = parts_.log, file = turn.session_->file, id = turn.session_->id] {
    auto discarded = discard_upload(store, *file, id);
    if (!discarded)
      log.warning("upload_not_removed", {{"upload", id}, {"reason", discarded.error().message}});
  };
  parts_.workers.submit(turn.session_->strand, std::move(job));
  sessions_.erase(turn.session_);
  shares_.remove(name_of(*turn.session_));
}

// --- upkeep

Task<Result<>> Uploads::sweep() {
  co_await close_idle();
  co_return co_await end_expired();
}

Task<> Uploads::close_idle() {
  const auto now = parts_.clock.now();
  for (;;) {
    const auto oldest = sessions_.longest_idle();
    if (!oldest || !has_passed(settings_.idle_close_ms, oldest->touched_at, now)) co_return;
    co_await close(oldest);
  }
}

// Called before a file is opened, so that files of sessions which nobody goes on with do not take up what the
// process may open.
Task<> Uploads::close_surplus(Shared opened) {
  for (;;) {
    const size_t own = sessions_.is_idle(opened) ? 1 : 0;
    const auto oldest = sessions_.longest_idle();
    if (!oldest || oldest == opened || sessions_.idle() < settings_.idle_open_max + own) co_return;
    co_await close(oldest);
  }
}

Task<> Uploads::close(Shared session) {
  if (session->busy) co_return;  // taken meanwhile
  const Turn turn(*this, session);
  auto job = [&store = parts_.store, file = session->file, key = session->repository, id = session->id,
              at = session->touched_at]() -> Result<> {
    if (!file->partial) return {};
    auto touched = touch_upload(store, *file, key, id, at);
    file->partial.reset();
    return touched;
  };
  auto closed = co_await parts_.workers.run(session->strand, std::move(job));
  if (!closed)
    parts_.log.warning("upload_not_noted", {{"upload", session->id}, {"reason", closed.error().message}});
  sessions_.erase(session);
}

Task<Result<>> Uploads::end_expired() {
  auto found = co_await shares_.survey();
  if (!found) co_return failure(found.error());
  const auto now = parts_.clock.now();
  for (const auto& upload : *found) {
    if (!has_passed(settings_.expiry_ms, upload.touched_at, now)) co_return Result<>();
    if (sessions_.contains(upload.repository, upload.id)) continue;  // in use again
    Turn turn(*this, session_of(upload.repository, upload.id));
    parts_.log.info("upload_expired", {{"repository", upload.repository}, {"upload", upload.id}});
    auto ended = co_await cancel(turn);
    if (!ended) co_return ended;
  }
  co_return Result<>();
}

}  // namespace breakwater::routes

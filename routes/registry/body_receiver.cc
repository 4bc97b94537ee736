#include "routes/registry/body_receiver.h"

#include <algorithm>
#include <utility>

#include "routes/registry/upload_file.h"
#include "store/capacity/capacity.h"

namespace breakwater::routes {

using proxy::Exchange;
using proxy::Task;

namespace {

constexpr uint64_t kBodyBytesMax = UINT64_MAX / 4;  // a client may claim any length
constexpr uint64_t kFirstStepBytes = 16 << 10;
constexpr int kRoomTriesMax = 4;
constexpr int64_t kTakenByOthersRetryS = 1;

}  // namespace

// One body on its way to the disk: a piece is written while the next piece is read.
struct BodyReceiver::Writer {
  explicit Writer(proxy::Loop& loop) : written(loop), writes(loop) {}
  bool writing = false;
  std::optional<Error> error;
  proxy::Signal written;
  proxy::Tasks writes;  // last, because these Tasks use the other members
};

// What was reserved for a body and is not filled is given back by the session's next job, also if the client
// is gone.
class BodyReceiver::GivesBack {
 public:
  GivesBack(const RegistryParts& parts, Shared session) : parts_(parts), session_(std::move(session)) {}
  ~GivesBack() {
    if (session_->granted <= store::on_disk(session_->received)) return;
    auto job = [file = session_->file] {
      if (file->partial) file->partial->reservation.shrink(file->partial->writer->written());
    };
    parts_.workers.submit(session_->strand, std::move(job));
    session_->granted = store::on_disk(session_->received);
  }
  GivesBack(const GivesBack&) = delete;
  GivesBack& operator=(const GivesBack&) = delete;

 private:
  const RegistryParts& parts_;
  const Shared session_;
};

Task<Result<>> BodyReceiver::receive(Shared session, Exchange& exchange, std::optional<ChunkRange> chunk) {
  // Lives until what a refused body held is free for others.
  Place place(line_);
  auto received = co_await receive_at(session, exchange, chunk, place);
  if (!received && received.error().kind == Error::Kind::full) co_await mark_abandoned(session);
  co_return received;
}

Task<Result<>> BodyReceiver::receive_at(Shared session, Exchange& exchange, std::optional<ChunkRange> chunk,
                                        Place& place) {
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
  const bool is_known = length || chunk;
  const auto bytes = length.value_or(chunk ? chunk->length() : kBodyBytesMax);
  const auto end = session->received + std::min(bytes, kBodyBytesMax);
  if (is_known) {
    auto judged = co_await judge(session, end, place);
    if (!judged) co_return judged;
  }
  const GivesBack gives_back(parts_, session);
  auto received_body = co_await receive_body(session, exchange, end, place);
  if (received_body && chunk && session->received != end) {
    co_return failure(Error::Kind::corrupt,
                      "the chunk ended before its Content-Range, at " + std::to_string(session->received));
  }
  co_return received_body;
}

// Refuses a body of which it is known that it does not fit when it ends at `size` bytes.
Task<Result<>> BodyReceiver::judge(Shared session, uint64_t size, Place& place) {
  const auto fits = [&] {
    return size <= session->granted || parts_.store.capacity().has_room(route_, size, session->granted);
  };
  for (;;) {
    place.trying();
    if (fits()) break;
    auto job = [&store = parts_.store, route = route_, size, held = session->granted] {
      return store.capacity().judge(route, size, held);
    };
    auto judged = co_await parts_.room_makers.run(std::move(job));
    if (judged) break;
    const bool again = co_await place.wait(judged.error());
    if (!again) co_return judged;
  }
  place.leave();
  co_return Result<>();
}

// Reads the body to its end. A body that would pass `end` is an error.
Task<Result<>> BodyReceiver::receive_body(Shared session, Exchange& exchange, uint64_t end, Place& place) {
  Writer writer(parts_.loop);
  for (;;) {
    auto piece = co_await exchange.read();
    while (writer.writing) co_await writer.written.wait();
    if (writer.error) co_return failure(*writer.error);
    if (!piece) co_return failure(piece.error());
    if (piece->empty()) co_return Result<>();
    const auto reached = session->received + piece->size();
    if (reached > end) co_return failure(Error::Kind::corrupt, "the chunk is longer than its Content-Range");
    if (reached > session->granted) {
      auto made = co_await ensure_capacity(session, reached, end, place);
      if (!made) co_return made;
    }
    writer.writing = true;
    writer.writes.spawn(write(session, writer, exchange.buffers(), std::move(*piece)));
  }
}

// Counts the piece against the client's buffers by itself, because the exchange stops counting it at the next
// read.
Task<> BodyReceiver::write(Shared session, Writer& writer, proxy::Buffers& buffers, proxy::Piece piece) {
  const auto held = buffers.reserve_over_limit(piece.held());
  const auto size = piece.size();
  auto job = [&store = parts_.store, file = session->file, key = session->repository, id = session->id,
              now = parts_.clock.now(), piece = std::move(piece)]() -> Result<> {
    // Its client has come back after all, which a restart must know too.
    if (std::exchange(file->partial->is_abandoned, false)) {
      if (auto touched = touch_upload(store, *file, key, id, now); !touched) return touched;
    }
    return file->partial->writer->append(piece.view());
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

// How far the reservation grows when `needed` bytes have come, of a body that ends at `end`.
uint64_t BodyReceiver::next_step(const UploadSession& session, uint64_t needed, uint64_t end) const {
  const auto step = std::min(std::max(session.received, kFirstStepBytes), growth_bytes_);
  return std::max(needed, std::min(session.received + step, end));
}

// Grows the reservation by a step, or if there is no room for that to the `needed` bytes.
Task<Result<>> BodyReceiver::ensure_capacity(Shared session, uint64_t needed, uint64_t end, Place& place) {
  auto size = next_step(*session, needed, end);
  for (int tries = 0;;) {
    place.trying();
    auto job = [&store = parts_.store, file = session->file, size]() -> Result<uint64_t> {
      auto& reservation = file->partial->reservation;
      auto grown = store.capacity().grow(reservation, size, store::Capacity::Effort::none);
      if (!grown) return failure(grown.error());
      return reservation.held();
    };
    auto granted = co_await parts_.workers.run(session->strand, std::move(job));
    if (granted) {
      session->granted = *granted;
      place.leave();
      co_return Result<>();
    }
    if (granted.error().kind != Error::Kind::full) co_return failure(granted.error());
    auto made = co_await make_room(session, size);
    // Others may have taken what was made free.
    if (made && ++tries < kRoomTriesMax) continue;
    tries = 0;
    if (std::exchange(size, needed) != needed) continue;
    Error refusal = granted.error();
    if (made) refusal.retry_after_s = kTakenByOthersRetryS;
    if (!made && made.error().retry_after_s > 0) refusal = made.error();
    const bool again = co_await place.wait(refusal);
    if (!again) co_return failure(std::move(refusal));
  }
}

Task<Result<>> BodyReceiver::make_room(Shared session, uint64_t size) {
  auto job = [&store = parts_.store, route = route_, size, held = session->granted] {
    return store.capacity().make_room(route, size, held);
  };
  co_return co_await parts_.room_makers.run(std::move(job));
}

// Lets the store evict what this session received. A client that was refused for lack of capacity may never
// return, and nothing else refers to the session.
Task<> BodyReceiver::mark_abandoned(Shared session) {
  session->is_open = false;
  auto job = [&store = parts_.store, file = session->file, key = session->repository, id = session->id,
              at = session->touched_at]() -> Result<> {
    if (!file->partial) return {};
    auto touched = touch_upload(store, *file, key, id, at);
    store.partials().end(std::move(*file->partial), store::Partials::End::abandoned);
    file->partial.reset();
    return touched;
  };
  auto marked = co_await parts_.workers.run(session->strand, std::move(job));
  if (!marked)
    parts_.log.warning("upload_not_noted", {{"upload", session->id}, {"reason", marked.error().message}});
}

}  // namespace breakwater::routes

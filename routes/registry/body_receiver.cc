#include "routes/registry/body_receiver.h"

#include <algorithm>
#include <utility>

#include "routes/registry/capacity_wait.h"
#include "routes/registry/upload_file.h"
#include "store/capacity/capacity.h"

namespace breakwater::routes {

using proxy::Exchange;
using proxy::Task;

namespace {

constexpr uint64_t kBodyBytesMax = UINT64_MAX / 4;  // a client may claim any length
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

Task<Result<>> BodyReceiver::receive(Shared session, Exchange& exchange, std::optional<ChunkRange> chunk) {
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
Task<Result<>> BodyReceiver::receive_body(Shared session, Exchange& exchange, uint64_t end) {
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
      auto made = co_await ensure_capacity(session, reached, reached + growth_bytes_);
      if (!made) co_return made;
    }
    writer.writing = true;
    writer.writes.spawn(write(session, writer, std::move(*piece)));
  }
}

// Counts the piece against the buffers by itself, because the exchange stops counting it at the next read.
Task<> BodyReceiver::write(Shared session, Writer& writer, proxy::Piece piece) {
  const auto held = parts_.buffers.reserve_over_limit(piece.held());
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

// Grows the reservation to `wanted` bytes in all, or if there is no capacity for that to `needed`.
Task<Result<>> BodyReceiver::ensure_capacity(Shared session, uint64_t needed, uint64_t wanted) {
  if (needed <= session->granted) co_return Result<>();
  auto job = [&store = parts_.store, file = session->file, needed, wanted]() -> Result<uint64_t> {
    auto& reservation = file->partial->reservation;
    constexpr auto kNone = store::Capacity::Effort::none;
    auto grown = store.capacity().grow(reservation, wanted, kNone);
    if (!grown && grown.error().kind == Error::Kind::full && needed < wanted)
      grown = store.capacity().grow(reservation, needed, kNone);
    if (!grown) return failure(grown.error());
    return reservation.held();
  };
  const auto deadline = parts_.loop.now() + kCapacityWaitMax;
  for (int tries = 0;;) {
    auto once = job;  // its own copy: g++ 12 may destroy one that is made inside co_await twice
    auto granted = co_await parts_.workers.run(session->strand, std::move(once));
    if (granted) session->granted = *granted;
    if (granted) co_return Result<>();
    if (granted.error().kind != Error::Kind::full) co_return failure(granted.error());
    auto make = [&store = parts_.store, route = route_, needed, held = session->granted] {
      return store.capacity().make_room(route, needed, held);
    };
    auto made = co_await parts_.room_makers.run(std::move(make));
    // Others may have taken what was made free.
    if (made && ++tries < kRoomTriesMax) continue;
    Error refusal = granted.error();
    if (made) refusal.retry_after_s = kTakenByOthersRetryS;
    if (!made && made.error().retry_after_s > 0) refusal = made.error();
    tries = 0;
    const bool again = co_await wait_for_capacity(parts_.loop, refusal, deadline);
    if (!again) co_return failure(std::move(refusal));
  }
}

}  // namespace breakwater::routes

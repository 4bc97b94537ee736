#include "store/blobs/partials.h"

#include <utility>

#include "store/blobs/idle_partials.h"
#include "store/capacity/budget.h"
#include "store/capacity/capacity.h"
#include "store/catalog/catalog.h"
#include "store/files/files.h"

namespace breakwater::store {
namespace {

constexpr std::string_view kFillPrefix = "fill-";

}  // namespace

std::string Partials::fill_id(const Digest& digest) {
  return std::string(kFillPrefix) + std::string(name_of(digest.algorithm())) + "-" + digest.hex();
}

bool Partials::is_fill_id(std::string_view id) {
  if (!id.starts_with(kFillPrefix)) return false;
  std::string digest(id.substr(kFillPrefix.size()));
  const size_t dash = digest.find('-');
  if (dash == std::string::npos) return false;
  digest[dash] = ':';
  return Digest::parse(digest).has_value();
}

ReceivedPartial::~ReceivedPartial() {
  if (writer) partials_.keep(route_, std::move(writer), reservation, is_abandoned);
}

Result<ReceivedPartial> Partials::receive(const std::string& route, const std::string& id,
                                          Algorithm algorithm) {
  std::optional<IdlePartial> claimed;
  auto reservation = claim(route, id, claimed);
  if (!reservation) return failure(reservation.error());
  const auto noted = note_fill(route, id, algorithm);
  auto writer = noted ? parts_.files.receive(id, algorithm) : failure(noted.error());
  if (!writer) {
    if (!claimed) return failure(writer.error());
    // The partial is still there, and on the account of its route again.
    reservation->commit(claimed->bytes);
    idle_.add(id, {route, claimed->bytes, parts_.clock.now(), claimed->is_abandoned});
    return failure(writer.error());
  }
  ReceivedPartial partial(*this, route, *std::move(writer), *std::move(reservation));
  partial.is_abandoned = claimed && claimed->is_abandoned;
  if (auto grown = capacity_.grow(partial.reservation, partial.writer->written()); !grown) {
    end(std::move(partial), End::deleted);
    return failure(grown.error());
  }
  return partial;
}

// Takes the partial out of the idle ones, so that it cannot be evicted while it is received.
Result<Reservation> Partials::claim(const std::string& route, const std::string& id,
                                    std::optional<IdlePartial>& claimed) {
  claimed = idle_.claim(id);
  if (!claimed) return parts_.budget.reserve(route, 0);
  if (claimed->route != route && parts_.budget.shortage(route, claimed->bytes).route > 0) {
    (void)capacity_.ensure(route, claimed->bytes);
  }
  auto reservation = parts_.budget.reclaim(claimed->route, route, claimed->bytes);
  if (!reservation) idle_.add(id, *claimed);
  return reservation;
}

Result<> Partials::note_fill(const std::string& route, const std::string& id, Algorithm algorithm) {
  if (!id.starts_with(kFillPrefix)) return {};
  const auto known = parts_.catalog.upload(id, Reach::disk);
  if (!known) return failure(known.error());
  if (*known && (*known)->route == route && !(*known)->is_abandoned) return {};
  return put_upload(id, {route, "", algorithm, parts_.clock.now()});
}

Result<> Partials::put_upload(const std::string& id, const UploadRecord& record) {
  Batch batch;
  batch.put_upload(id, record);
  return parts_.catalog.write(std::move(batch), Durability::buffered);
}

void Partials::end(ReceivedPartial partial, End end) {
  if (!partial.writer) return;
  const std::string id = partial.writer->id();
  if (end != End::deleted) {
    if (end == End::abandoned) note_abandoned(id);
    return keep(partial.route_, std::move(partial.writer), partial.reservation, end == End::abandoned);
  }
  partial.writer->delete_partial();
  idle_.delete_record(id);
}

// A failure is only logged: until the next start the partial is known as abandoned all the same.
void Partials::note_abandoned(const std::string& id) {
  const auto known = parts_.catalog.upload(id, Reach::disk);
  if (known && (!*known || (*known)->is_abandoned)) return;
  auto noted = known ? Result<>() : failure(known.error());
  if (known) {
    UploadRecord record = **known;
    record.is_abandoned = true;
    noted = put_upload(id, record);
  }
  if (!noted) parts_.log.warning("abandoned_not_noted", {{"upload", id}, {"error", noted.error().message}});
}

Result<> Partials::delete_partial(const std::string& id) {
  if (auto evicted = idle_.evict(id); !evicted) return evicted;
  idle_.delete_record(id);  // there may be a record without a partial
  return {};
}

std::optional<uint64_t> Partials::abandoned_bytes(const std::string& id) const {
  const auto idle = idle_.find(id);
  if (!idle || !idle->is_abandoned) return std::nullopt;
  return idle->bytes;
}

void Partials::keep(const std::string& route, std::unique_ptr<BlobWriter> writer, Reservation& reservation,
                    bool is_abandoned) {
  if (!writer->is_partial()) return;
  const uint64_t written = writer->written();
  if (written == 0 || writer->is_lost()) {
    const std::string id = writer->id();
    writer->delete_partial();
    if (is_fill_id(id)) idle_.delete_record(id);  // a session's says that the session is there
    return;
  }
  (void)writer->cut();  // what cannot be cut off now is counted when the partial is resumed
  const std::string id = writer->id();
  const std::string payer = reservation.is_open() ? reservation.route() : route;
  writer->leave_account();  // before its bytes are stored, so that nobody counts on them twice
  if (reservation.is_open()) {
    reservation.commit(written);
  } else {
    parts_.budget.add_stored(payer, written);
  }
  idle_.add(id, {payer, written, parts_.clock.now(), is_abandoned});
}

}  // namespace breakwater::store

// The part of Store that knows partial files: who is at work on them, and on whose account they are while
// nobody is.
#include <utility>

#include "store/store.h"

namespace breakwater::store {

std::string Store::fill_id(const Digest& digest) {
  return "fill-" + std::string(name_of(digest.algorithm())) + "-" + digest.hex();
}

Store::ReceivedPartial::~ReceivedPartial() {
  if (writer)
    store_.keep_partial(route_, std::move(writer), reservation,
                        is_spare ? PartialEnd::spare : PartialEnd::keep);
}

Result<Store::ReceivedPartial> Store::receive(const std::string& route, const std::string& id,
                                              Algorithm algorithm) {
  if (auto noted = note_fill(route, id, algorithm); !noted) return failure(noted.error());
  bool is_spare = false;
  auto reservation = claim(route, id, is_spare);
  if (!reservation) return failure(reservation.error());
  const uint64_t claimed = reservation->held();
  auto writer = blobs_.receive(id, algorithm);
  if (!writer) {
    if (claimed == 0) return failure(writer.error());
    // The partial is still there, and on the account of its route again.
    reservation->commit(claimed);
    const std::lock_guard lock(partials_mutex_);
    idle_partials_[id] = {route, claimed, clock_.now(), is_spare};
    return failure(writer.error());
  }
  ReceivedPartial partial(*this, route, *std::move(writer), *std::move(reservation));
  partial.is_spare = is_spare;
  if (auto grown = grow(partial.reservation, route, partial.writer->written()); !grown) {
    end_partial(std::move(partial), PartialEnd::discard);
    return failure(grown.error());
  }
  return partial;
}

// Takes the partial out of the idle ones, so that it cannot be evicted while it is received.
Result<Reservation> Store::claim(const std::string& route, const std::string& id, bool& is_spare) {
  const std::lock_guard room(room_);
  IdlePartial idle;
  {
    const std::lock_guard lock(partials_mutex_);
    const auto found = idle_partials_.find(id);
    if (found == idle_partials_.end()) return budget_.reserve(route, 0);
    idle = found->second;
    is_spare = idle.is_spare;
    idle_partials_.erase(found);
  }
  if (idle.route != route && budget_.shortage(route, idle.bytes).route > 0)
    (void)make_room(route, idle.bytes);
  auto reservation = budget_.reclaim(idle.route, route, idle.bytes);
  if (!reservation) {
    const std::lock_guard lock(partials_mutex_);
    idle_partials_[id] = idle;
  }
  return reservation;
}

// A fill's record says after a restart whose partial it is.
Result<> Store::note_fill(const std::string& route, const std::string& id, Algorithm algorithm) {
  if (!id.starts_with("fill-")) return {};
  const auto known = catalog_->upload(id, Reach::disk);
  if (!known) return failure(known.error());
  if (*known && (*known)->route == route) return {};
  Catalog::Batch batch;
  batch.put_upload(id, {route, "", algorithm, 0, clock_.now()});
  return catalog_->write(std::move(batch), Durability::buffered);
}

void Store::end_partial(ReceivedPartial partial, PartialEnd end) {
  if (!partial.writer) return;
  const std::string id = partial.writer->id();
  if (end != PartialEnd::discard)
    return keep_partial(partial.route_, std::move(partial.writer), partial.reservation, end);
  partial.writer->discard();
  forget_upload(id);
}

std::optional<uint64_t> Store::spare_bytes(const std::string& id) const {
  const std::lock_guard lock(partials_mutex_);
  const auto found = idle_partials_.find(id);
  if (found == idle_partials_.end() || !found->second.is_spare) return std::nullopt;
  return found->second.bytes;
}

Result<> Store::drop_partial(const std::string& id) {
  const std::lock_guard room(room_);
  if (auto evicted = evict_partial(id); !evicted) return evicted;
  forget_upload(id);  // there may be a record without a partial
  return {};
}

void Store::keep_partial(const std::string& route, std::unique_ptr<BlobWriter> writer,
                         Reservation& reservation, PartialEnd end) {
  if (!writer->is_partial()) return;
  const uint64_t written = writer->written();
  if (written == 0 || writer->is_lost()) {
    writer->discard();
    return;
  }
  const std::string id = writer->id();
  const std::string payer = reservation.is_open() ? reservation.route() : route;
  writer->leave_account();  // before its bytes are stored, so that nobody counts on them twice
  if (reservation.is_open()) {
    reservation.commit(written);
  } else {
    budget_.add_stored(payer, written);
  }
  {
    const std::lock_guard lock(partials_mutex_);
    idle_partials_[id] = {payer, written, clock_.now(), end == PartialEnd::spare};
  }
}

void Store::forget_upload(const std::string& id) {
  Catalog::Batch batch;
  batch.remove_upload(id);
  if (auto written = catalog_->write(std::move(batch), Durability::buffered); !written) {
    log_.warning("catalog_write_failed", {{"error", written.error().message}});
  }
}

}  // namespace breakwater::store

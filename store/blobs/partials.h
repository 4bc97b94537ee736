// Partial blobs: what a mirror's fill or a registry's upload session has received so far, from the first byte
// to the commit, or to the end without one.
//
//   receive() --> a ReceivedPartial: a writer and a reservation --> Store::commit_blob()
//                   `-- end() or ~ReceivedPartial(): kept for a later receive(), abandoned, or deleted
//
// An upload record in the catalog tells the next start about a partial: a session's record names the
// repository of the upload, and a fill's record names the route that the bytes count for. May block; any
// thread, but a ReceivedPartial is used by one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "store/base/result.h"
#include "store/blobs/parts.h"
#include "store/capacity/budget.h"
#include "store/catalog/records.h"
#include "store/files/blob_writer.h"

namespace breakwater::store {

class Capacity;
struct IdlePartial;
class IdlePartials;

class Partials;

// A partial that is being received. If it is destroyed before its writer is committed, the file stays on the
// disk and its bytes stay counted, for a later resume; an empty file, or one that could not be synced, is
// deleted. The destructor blocks no longer than closing or removing a file does. It must end before the
// Store.
class ReceivedPartial {
 public:
  ReceivedPartial(ReceivedPartial&&) noexcept = default;
  ReceivedPartial& operator=(ReceivedPartial&&) = delete;
  ~ReceivedPartial();

  std::unique_ptr<BlobWriter> writer;
  Reservation reservation;  // already holds what the partial takes
  // Whether the partial is kept as abandoned when this object is destroyed. True at first if the partial was
  // left abandoned before: the caller sets this to false once more bytes have come.
  bool is_abandoned = false;

 private:
  friend class Partials;
  ReceivedPartial(Partials& partials, std::string route, std::unique_ptr<BlobWriter> begun, Reservation held)
      : writer(std::move(begun)),
        reservation(std::move(held)),
        partials_(partials),
        route_(std::move(route)) {}
  Partials& partials_;
  std::string route_;
};

class Partials {
 public:
  Partials(const Parts& parts, IdlePartials& idle, Capacity& capacity)
      : parts_(parts), idle_(idle), capacity_(capacity) {}

  // Begins or resumes incoming/<id>. The reservation covers the bytes that are there: grow it before
  // appending. `conflict` while another writer is open on this id. `full` if there is no room for the bytes
  // that are there. The id of a fill is fill_id(); a partial with any other id survives a restart only if it
  // has an upload record.
  [[nodiscard]] Result<ReceivedPartial> receive(const std::string& route, const std::string& id,
                                                Algorithm algorithm);
  // Ends the work of a writer that was not committed. `kept`: the partial stays for a later resume, on its
  // route's account. `abandoned`: likewise, but it is the first to go when room is needed, also after a
  // restart: its record says so. `deleted`: with its record.
  enum class End { kept, abandoned, deleted };
  void end(ReceivedPartial partial, End end);
  // Deletes incoming/<id>, which nobody is at work on, and its upload record.
  [[nodiscard]] Result<> delete_partial(const std::string& id);
  // The bytes of one that was left abandoned, and that nobody is at work on.
  std::optional<uint64_t> abandoned_bytes(const std::string& id) const;

  // Notes an upload session, or that it was touched.
  [[nodiscard]] Result<> put_upload(const std::string& id, const UploadRecord& record);

  static std::string fill_id(const Digest& digest);  // "fill-sha256-<hex>"
  static bool is_fill_id(std::string_view id);

 private:
  friend class ReceivedPartial;
  Result<Reservation> claim(const std::string& route, const std::string& id,
                            std::optional<IdlePartial>& claimed);
  Result<> note_fill(const std::string& route, const std::string& id, Algorithm algorithm);
  void note_abandoned(const std::string& id);
  void keep(const std::string& route, std::unique_ptr<BlobWriter> writer, Reservation& reservation,
            bool is_abandoned);

  const Parts parts_;
  IdlePartials& idle_;
  Capacity& capacity_;
};

}  // namespace breakwater::store

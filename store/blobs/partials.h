// Blobs on their way in: fills of mirrors and upload sessions of registries, from the first byte to commit or
// the end.
//
//   receive() --> a ReceivedPartial: a writer and a reservation --> Store::commit_blob()
//                   `-- end() or ~ReceivedPartial(): kept for a later receive(), abandoned, or deleted
//
// A session's record in the catalog says after a restart whose partial it is; a fill's says on whose account.
// May block; any thread, a ReceivedPartial one thread at a time.
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
class IdlePartials;

class Partials;

// A partial that is being received. One that is dropped before its writer is committed stays on the disk and
// in the accounts, for a later resume: that blocks no longer than closing a file does. It must end before the
// Store.
class ReceivedPartial {
 public:
  ReceivedPartial(ReceivedPartial&&) noexcept = default;
  ReceivedPartial& operator=(ReceivedPartial&&) = delete;
  ~ReceivedPartial();

  std::unique_ptr<BlobWriter> writer;
  Reservation reservation;  // already holds what the partial takes
  // It was left abandoned, and is again when this is dropped: for the caller to change once it adds
  // something.
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

  // Begins or resumes incoming/<id>. The reservation covers what is there; grow it before appending.
  // `conflict` while another writer is at work on it. Ids of fills are fill_id(); any other id is kept over a
  // restart only if it has an upload record.
  [[nodiscard]] Result<ReceivedPartial> receive(const std::string& route, const std::string& id,
                                                Algorithm algorithm);
  // Ends the work of a writer that was not committed. `kept`: the partial stays for a later resume, on its
  // route's account. `abandoned`: likewise, but it is the first to go when its route needs room. `deleted`:
  // with its record.
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
  Result<Reservation> claim(const std::string& route, const std::string& id, bool& is_abandoned);
  Result<> note_fill(const std::string& route, const std::string& id, Algorithm algorithm);
  void keep(const std::string& route, std::unique_ptr<BlobWriter> writer, Reservation& reservation,
            bool is_abandoned);

  const Parts parts_;
  IdlePartials& idle_;
  Capacity& capacity_;
};

}  // namespace breakwater::store

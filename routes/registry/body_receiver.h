// Reads the body of a request into the file of an upload session, in bounded pieces: one piece is written and
// hashed by a worker while the next is read, and bytes are reserved before they are read.
//
// Belongs to the loop's thread. The caller holds the session's Turn, and the session's file is open.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "proxy/http/exchange.h"
#include "proxy/loop/task.h"
#include "routes/registry/chunk_range.h"
#include "routes/registry/registry_parts.h"
#include "routes/registry/upload_session.h"

namespace breakwater::routes {

class BodyReceiver {
 public:
  // `growth_bytes` is the step of the reservation when the length is not known.
  BodyReceiver(const RegistryParts& parts, std::string route, uint64_t growth_bytes)
      : parts_(parts), route_(std::move(route)), growth_bytes_(growth_bytes) {}

  // Appends the body to what the session received; the errors are those of Uploads::append().
  proxy::Task<Result<>> receive(std::shared_ptr<UploadSession> session, proxy::Exchange& exchange,
                                std::optional<ChunkRange> chunk);

 private:
  using Shared = std::shared_ptr<UploadSession>;
  struct Writer;

  proxy::Task<Result<>> receive_body(Shared session, proxy::Exchange& exchange, uint64_t end);
  proxy::Task<> write(Shared session, Writer& writer, proxy::Piece piece);
  proxy::Task<Result<>> ensure_capacity(Shared session, uint64_t needed, uint64_t wanted);

  RegistryParts parts_;
  std::string route_;
  uint64_t growth_bytes_;
};

}  // namespace breakwater::routes

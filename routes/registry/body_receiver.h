// Reads the body of a request into the file of an upload session, in bounded pieces: one piece is written and
// hashed by a worker while the next is read.
//
// A length that is only claimed reserves nothing: it is judged, before a byte is read, by whether there could
// be room for it. Room is taken as bytes come, in steps that are at most as long as what came before, and
// what a body has not filled when it ends is given back. So the sessions together hold at most about twice
// what they received, whatever their clients claim.
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
#include "routes/registry/capacity_wait.h"
#include "routes/registry/chunk_range.h"
#include "routes/registry/registry_parts.h"
#include "routes/registry/upload_session.h"

namespace breakwater::routes {

class BodyReceiver {
 public:
  // `growth_bytes`: the longest step. `line`, which is borrowed: the others of this route that need capacity.
  BodyReceiver(const RegistryParts& parts, std::string route, uint64_t growth_bytes, CapacityLine& line)
      : parts_(parts), route_(std::move(route)), growth_bytes_(growth_bytes), line_(line) {}

  // Appends the body to what the session received; the errors are those of Uploads::append(). After `full`
  // the session is closed and marked abandoned.
  proxy::Task<Result<>> receive(std::shared_ptr<UploadSession> session, proxy::Exchange& exchange,
                                std::optional<ChunkRange> chunk);

 private:
  using Shared = std::shared_ptr<UploadSession>;
  struct Writer;

  class GivesBack;

  using Place = CapacityLine::Place;

  proxy::Task<Result<>> receive_at(Shared session, proxy::Exchange& exchange, std::optional<ChunkRange> chunk,
                                   Place& place);
  proxy::Task<Result<>> judge(Shared session, uint64_t size, Place& place);
  proxy::Task<Result<>> receive_body(Shared session, proxy::Exchange& exchange, uint64_t end, Place& place);
  proxy::Task<> write(Shared session, Writer& writer, proxy::Buffers& buffers, proxy::Piece piece);
  uint64_t next_step(const UploadSession& session, uint64_t needed, uint64_t end) const;
  proxy::Task<Result<>> ensure_capacity(Shared session, uint64_t needed, uint64_t end, Place& place);
  proxy::Task<Result<>> make_room(Shared session, uint64_t size);
  proxy::Task<> mark_abandoned(Shared session);

  RegistryParts parts_;
  std::string route_;
  uint64_t growth_bytes_;
  CapacityLine& line_;
};

}  // namespace breakwater::routes

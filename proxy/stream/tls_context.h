// The TLS of a listener: whoever connects gets a TlsStream of it. Its files are read again when they change,
// so that a renewed certificate needs no restart. Connections that are there stay as they are, and a file
// that is no good changes nothing.
//
//   auto tls = TlsContext::read(settings);          // before anything listens; blocks
//   tasks.spawn((*tls)->keep_up(loop, workers, log, interval));
//
// Belongs to the loop's thread, and outlives its streams.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"
#include "proxy/stream/byte_stream.h"
#include "proxy/stream/tls_files.h"
#include "store/base/log.h"
#include "store/base/result.h"

namespace breakwater::proxy {

class Workers;

class TlsContext {
 public:
  // Errors as read_tls_files() has them.
  [[nodiscard]] static Result<std::unique_ptr<TlsContext>> read(TlsSettings settings);
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  const TlsSettings& settings() const { return settings_; }
  std::unique_ptr<ByteStream> accept(int fd);  // For a connection that a client has made.

  // Reads the files again, on a worker, if one of them is not as it was the last time. Returns whether new
  // connections have what was read; the error says why they have what there was before, once for each change.
  Task<Result<bool>> read_if_changed(Workers& workers);
  // Does so for ever, and logs what comes of it.
  Task<> keep_up(Loop& loop, Workers& workers, store::Log& log, Millis interval);

 private:
  TlsContext(TlsSettings settings, TlsFileStamps stamps, OwnedTlsContext current);

  const TlsSettings settings_;
  TlsFileStamps stamps_;  // of when the files were read last, whether they were good or not
  OwnedTlsContext current_;
  std::vector<char> scratch_;  // of all its streams
};

}  // namespace breakwater::proxy

// The HTTP/1.1 server: one listening address, its connections, and one route Task for each request.
//
// Keep-alive, pipelining (one after the other), Expect: 100-continue, chunked bodies both ways, HEAD.
// Malformed requests get 400, 414, 431, 408, 501 or 505 in plain words and the connection closes. A TLS
// ClientHello (first byte 0x16) is answered at once with an HTTP/1.1 400: dockerd and others wait 10 s or
// fail otherwise. Bodies are never compressed. A client that only half-closes (end of its sending side) is
// still answered. A connection that reads nothing for write_timeout_ms is cut.
//
// Belongs to the loop's thread. Destroying the server cuts every connection.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "proxy/http/exchange.h"
#include "proxy/loop/loop.h"
#include "store/base/log.h"

namespace breakwater::proxy {

class Buffers;
class Workers;

struct ServerSettings {
  uint32_t connections_max = 4096;  // one more is answered 503 and closed
  uint32_t header_bytes_max = 16 * 1024;
  uint32_t target_bytes_max = 8 * 1024;
  // Of a request's body that its route did not read; past it the connection closes.
  uint64_t drain_bytes_max = 4 << 20;
  int64_t idle_timeout_ms = 75'000;    // between requests
  int64_t header_timeout_ms = 10'000;  // from a request's first byte to the end of its head
  int64_t body_timeout_ms = 60'000;    // without a byte of a body that is waited for
  int64_t write_timeout_ms = 120'000;  // without the client taking a byte
  // After the last reply what still comes is dropped, so that the client can read that reply: until he
  // closes, or sends nothing for
  int64_t lingering_timeout_ms = 2'000;
  int64_t lingering_unread_timeout_ms = 5'000;  // instead, if he was refused in the middle of a body
  int64_t lingering_time_ms = 30'000;           // in all
};

struct ServerStats {
  uint64_t connections = 0;  // open now
  uint64_t connections_total = 0;
  uint64_t requests_running = 0;
  uint64_t refused_total = 0;  // over connections_max
  uint64_t malformed_total = 0;
};

class HttpServer {
 public:
  // What `route` and the settings' owner borrow must outlive the server.
  HttpServer(Loop& loop, Workers& workers, Buffers& buffers, store::Disk& disk, store::Log& log,
             const ServerSettings& settings, Route route);
  ~HttpServer();

  // "127.0.0.1:5000", "[::1]:5000", "0.0.0.0:0"; the error is `invalid` or says what bind said. May be called
  // several times. The result is the address as bound, with its real port.
  [[nodiscard]] Result<std::string> listen(const std::string& address);
  // On a socket that is a name in a folder: see local_socket.h.
  [[nodiscard]] Result<> listen_local(const std::filesystem::path& path);

  // Stops accepting and closes idle connections; each busy one closes after its reply. idle() rings when none
  // is left.
  void drain();
  bool idle() const;
  Signal& became_idle();

  const ServerStats& stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace breakwater::proxy

// The HTTP/1.1 server: its listening addresses, their connections, and one Task of the route for each
// request.
//
// It does keep-alive, pipelining (requests are answered one after the other), Expect: 100-continue, chunked
// bodies both ways, and HEAD. A malformed request gets a 4xx or 5xx that says in plain words what is wrong,
// and the connection closes. A TLS ClientHello (first byte 0x16) where plain HTTP is spoken is answered at
// once with an HTTP/1.1 400, because dockerd and others wait 10 s or fail otherwise; so is plain HTTP where
// TLS is spoken. Bodies are never compressed. A client that closes only its sending side is still answered. A
// client that takes nothing for write_timeout_ms is cut off.
//
// Belongs to the loop's thread. Destroying the server cuts every connection.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/http/exchange.h"
#include "proxy/http/trusted_proxies.h"
#include "proxy/loop/buffers.h"
#include "proxy/loop/loop.h"
#include "proxy/server/descriptor.h"
#include "proxy/server/handed_connection.h"
#include "store/base/log.h"

namespace breakwater::proxy {

class Clients;
class ConnectionShare;
class TlsContext;
class Workers;

struct ServerSettings {
  std::string name = {};  // the route's, in the log and the metrics
  // first: for health, metrics and the operator, who do not wait for all others.
  Place place = Place::in_turn;
  // Said in the Via header of answers to requests that came through another appliance (proxy/http/hops.h); ""
  // for none.
  std::string hop_name = {};
  // Who may say for whom a request asks (proxy/http/forwarded.h). On local sockets nobody may.
  TrustedProxies trusted_proxies = {};
  // Each connection, but on local sockets, begins with a PROXY header (proxy/http/proxy_header.h) of one of
  // these, or is closed.
  bool proxy_protocol = false;
  // One beyond it takes the place of one that is idle, or else is answered 503 and closed.
  uint32_t connections_max = 4096;
  uint32_t header_bytes_max = 16 * 1024;
  uint32_t target_bytes_max = 8 * 1024;
  // How much of a request's body that its route left unread is read and dropped for the connection to be
  // kept. If there is more, the connection closes.
  uint64_t drain_bytes_max = 4 << 20;
  // What is unread of a body whose connection is to close is read and dropped before the reply is sent, at
  // this pace and for so long at most: containerd 1.6 hangs for ever if it is answered while it sends.
  uint64_t drop_bytes_per_s = 64 << 20;
  int64_t drop_time_ms = 60'000;
  int64_t drop_silence_ms = 5'000;   // less if the client sends nothing for that long
  int64_t idle_timeout_ms = 75'000;  // between requests
  int64_t header_timeout_ms =
      10'000;  // from a request's first byte to the end of its head; a PROXY header, and a handshake
  int64_t head_grace_ms = 1'000;  // without a whole head; then it gives way to new connections as an idle one
  int64_t body_timeout_ms = 60'000;  // without a byte of a body that a route waits for
  // A body that comes with fewer bytes a second, over so much time of waiting for its client, is ended; 0:
  // none is.
  uint32_t body_rate_min_bytes = 1024;
  int64_t body_rate_time_ms = 30'000;
  int64_t write_timeout_ms = 120'000;  // without the client taking a byte
  // A lingering close reads and drops what the client still sends after the last reply, so that the client
  // can read that reply. It ends when the client closes, or for lingering_timeout_ms neither sends nor takes
  // anything: with the process of a container what the kernel still has is gone.
  int64_t lingering_timeout_ms = 2'000;
  int64_t lingering_time_ms = 30'000;  // the whole of a lingering close, at most
};

struct ServerStats {
  uint64_t connections = 0;  // that are open now
  uint64_t connections_total = 0;
  uint64_t requests_running = 0;
  uint64_t sent_bytes_total = 0;  // of bodies, as they were given to the sockets
  uint64_t refused_total = 0;     // connections beyond connections_max, or beyond their client's share
  uint64_t malformed_total = 0;
  uint64_t tls_total = 0;          // ClientHellos on a port of plain HTTP, which are not among the malformed
  uint64_t tls_refused_total = 0;  // handshakes that came to nothing, by a fault of either side
  uint64_t proxied_refused_total = 0;  // connections that did not begin with a PROXY header as they should
};

class HttpServer {
 public:
  // What bounds the connections of several servers together, if anything does.
  struct Shares {
    ConnectionShare* common = nullptr;  // of the process
    Clients* clients = nullptr;         // of each client
  };
  // The arguments passed by reference, and whatever `route` and `shares` refer to, must outlive the server.
  // `workers` read files ahead.
  HttpServer(Loop& loop, Workers& workers, Buffers& buffers, store::Disk& disk, store::Log& log,
             const ServerSettings& settings, Route route, Shares shares);
  HttpServer(Loop& loop, Workers& workers, Buffers& buffers, store::Disk& disk, store::Log& log,
             const ServerSettings& settings, Route route)
      : HttpServer(loop, workers, buffers, disk, log, settings, std::move(route), Shares()) {}
  ~HttpServer();

  // Whoever connects from now on speaks TLS, but on local sockets. `tls` outlives the server.
  void speak_tls(TlsContext& tls);

  // Listens on "127.0.0.1:5000", "[::1]:5000", "0.0.0.0:0". May be called several times. Returns the address
  // as bound, with its real port. The error is `invalid` for a malformed address, or else says what the
  // system said.
  [[nodiscard]] Result<std::string> listen(const std::string& address);
  // Listens on a local socket: a name in a folder, see local_socket.h.
  [[nodiscard]] Result<> listen_local(const std::filesystem::path& path);

  // Listens on a socket that another has bound: another server, or systemd. Returns its address.
  [[nodiscard]] Result<std::string> listen_on(Descriptor socket);

  // The listening sockets once more, in the order of the calls to listen() and listen_on(): while somebody
  // has them open, clients that connect wait until somebody accepts them.
  [[nodiscard]] Result<std::vector<Descriptor>> listening() const;
  // Begins nothing more that changes something, and ends when nothing of that is at work any more, or after
  // that time. All else is served meanwhile. release() comes next.
  Task<> settle(Millis at_work);
  // Stops accepting, lets each connection come to rest and gives it away, for another server to go on with
  // (handed_connection.h). The few that are not at rest in time are cut.
  struct ReleaseTimes {
    Millis at_work{10'000};  // for requests that change something, settle() included
    Millis others{500};      // for replies that cannot be begun again
  };
  Task<std::vector<HandedConnection>> release(ReleaseTimes times);
  // Goes on with such a connection.
  void resume(HandedConnection connection);

  // Stops accepting and closes idle connections; each busy connection closes after its reply. became_idle()
  // rings when no connection is left.
  void drain();
  bool idle() const;
  Signal& became_idle();

  const ServerStats& stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace breakwater::proxy

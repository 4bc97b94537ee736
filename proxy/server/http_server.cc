#include "proxy/server/http_server.h"

#include <arpa/inet.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include "proxy/server/http_connection.h"
#include "proxy/server/listen_socket.h"
#include "proxy/server/local_socket.h"
#include "proxy/stream/plain_stream.h"
#include "proxy/stream/proxied_stream.h"
#include "proxy/stream/tls_context.h"

namespace breakwater::proxy {
namespace {

constexpr int kBacklog = 4096;           // the kernel lowers it to net.core.somaxconn
constexpr int64_t kAcceptRetryMs = 100;  // after running out of descriptors
constexpr uint32_t kAcceptedInTurnMax = 64;
constexpr Millis kRestInterval(2);  // between two looks at who has come to rest

struct FreeListener {
  void operator()(evconnlistener* listener) const { evconnlistener_free(listener); }
};
using Listener = std::unique_ptr<evconnlistener, FreeListener>;

// Whoever has connected to a socket of this machine.
std::string local_peer(int fd) {
  ucred process{};
  socklen_t length = sizeof process;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &process, &length) != 0) return "local";
  return "uid " + std::to_string(process.uid);
}

Peer peer_of(int fd, const sockaddr* address) {
  Peer peer;
  char text[INET6_ADDRSTRLEN] = "";
  if (address->sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, address, sizeof v4);
    peer.address[10] = peer.address[11] = 0xff;
    std::memcpy(&peer.address[12], &v4.sin_addr, 4);
    inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
  } else if (address->sa_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, address, sizeof v6);
    std::memcpy(peer.address.data(), &v6.sin6_addr, peer.address.size());
    bool mapped = IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr);
    inet_ntop(mapped ? AF_INET : AF_INET6, mapped ? &peer.address[12] : &peer.address[0], text, sizeof text);
  }
  peer.text = address->sa_family == AF_UNIX ? local_peer(fd) : text;
  return peer;
}

}  // namespace

struct HttpServer::Impl {
  Impl(Loop& loop, Workers& workers, Buffers& buffers, store::Disk& disk, store::Log& log,
       const ServerSettings& settings, Route route, Shares shares)
      : context(loop, workers, buffers, disk, log, settings, std::move(route)),
        one_gone(loop),
        became_idle(loop),
        accept_again(loop, [this] {
          accepted_in_turn = 0;
          set_accepting(true);
        }) {
    context.shares = shares;
    reaper = reap();
    reaper.start();
  }

  Result<> listen_on(int fd, const std::string& address);
  void accepted(int fd, const sockaddr* address);
  ConnectionPeer whose(Peer peer, bool is_local) const;
  std::unique_ptr<ByteStream> stream_of(int fd, bool is_local, ConnectionPeer& of) const;
  Task<> settle(Millis at_work);
  Task<std::vector<HandedConnection>> release(ReleaseTimes times);
  void hand_over(std::vector<HandedConnection>& handed);
  bool is_at_work() const;
  void resume(HandedConnection handed);
  bool make_place(const ConnectionShare* of_client);
  bool can_refuse(const ConnectionShare* of_client) const;
  void accept_failed(int error);
  void set_accepting(bool accepting);
  void reap_later(Connection& connection);
  Task<> reap();

  ServerContext context;
  uint32_t accepted_in_turn = 0;
  Signal one_gone;
  Signal became_idle;
  Deadline accept_again;
  std::vector<Listener> listeners;
  std::vector<Connection*> gone;
  // Destroyed before the members above, because the end of a Task may cut its connection, which calls
  // reap_later().
  std::unordered_map<Connection*, std::unique_ptr<Connection>> connections;
  std::unordered_map<Connection*, std::unique_ptr<Connection>> refused;
  Task<> reaper;
};

// Owns `fd` from here on.
Result<> HttpServer::Impl::listen_on(int fd, const std::string& address) {
  auto on_accept = [](evconnlistener*, evutil_socket_t client, sockaddr* from, int, void* self) {
    static_cast<Impl*>(self)->accepted(client, from);
  };
  auto flags = LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC;
  Listener listener(evconnlistener_new(context.loop.base(), on_accept, this, flags, kBacklog, fd));
  if (!listener) {
    int error = errno;
    close(fd);
    return failure(Error::Kind::internal,
                   "listen on " + address + ": " + std::generic_category().message(error));
  }
  evconnlistener_set_error_cb(
      listener.get(), [](evconnlistener*, void* self) { static_cast<Impl*>(self)->accept_failed(errno); });
  listeners.push_back(std::move(listener));
  return {};
}

void HttpServer::Impl::accepted(int fd, const sockaddr* address) {
  const Loop::Hold hold(context.loop, "a new connection");
  context.loop.set_place(context.settings.place);
  // However many come at once, they are not one turn of the loop.
  if (++accepted_in_turn == kAcceptedInTurnMax) {
    set_accepting(false);
    accept_again.set(0);
  }
  using Kind = ConnectionShare::Place::Kind;
  const bool is_local = address->sa_family == AF_UNIX;
  auto of = whose(peer_of(fd, address), is_local);
  if (context.settings.proxy_protocol && !is_local && !of.is_proxy) {
    context.refuse_proxied(of.peer, "it comes from none of trusted_proxies");
    close(fd);
    return;
  }
  ConnectionShare* const of_client = of.share();
  // A client that has too many makes nobody else give way.
  const bool client_may = of_client == nullptr || of_client->make_place();
  const bool within = client_may && make_place(of_client);
  if (!within) ++context.stats.refused_total;
  if (!client_may) of.client->refused(context.settings.name, "client_connections");
  if (!within && !can_refuse(of_client)) {
    close(fd);
    return;
  }
  auto stream = stream_of(fd, is_local, of);
  auto connection = std::make_unique<Connection>(context, fd, std::move(stream), std::move(of),
                                                 within ? Kind::served : Kind::refused,
                                                 [this](Connection& which) { reap_later(which); });
  Connection& fresh = *connection;
  if (!within) {
    refused.emplace(&fresh, std::move(connection));
    fresh.refuse(client_may ? Connection::Refusal::too_many : Connection::Refusal::too_many_of_client);
    return;
  }
  connections.emplace(&fresh, std::move(connection));
  ++context.stats.connections;
  ++context.stats.connections_total;
  fresh.serve();
}

ConnectionPeer HttpServer::Impl::whose(Peer peer, bool is_local) const {
  ConnectionPeer of;
  of.is_proxy = !is_local && context.settings.trusted_proxies.contains(IpAddress(peer.address));
  if (context.shares.clients != nullptr) of.client = context.shares.clients->of(peer);
  of.peer = std::move(peer);
  return of;
}

std::unique_ptr<ByteStream> HttpServer::Impl::stream_of(int fd, bool is_local, ConnectionPeer& of) const {
  of.is_tls = context.tls != nullptr && !is_local;
  auto stream = of.is_tls ? context.tls->accept(fd) : std::make_unique<PlainStream>(fd);
  if (!context.settings.proxy_protocol || is_local) return stream;
  auto proxied = std::make_unique<ProxiedStream>(fd, std::move(stream));
  of.proxied = proxied.get();
  return proxied;
}

// Goes on whatever the shares say: the connection was within them where it comes from.
void HttpServer::Impl::resume(HandedConnection handed) {
  const Loop::Hold hold(context.loop, "a connection that is gone on with");
  context.loop.set_place(context.settings.place);
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  // An error is a client that has left meanwhile.
  if (getpeername(handed.socket.fd(), reinterpret_cast<sockaddr*>(&address), &length) != 0) return;
  Peer peer = peer_of(handed.socket.fd(), reinterpret_cast<const sockaddr*>(&address));
  const bool is_told = !handed.peer.empty();
  const auto told = IpAddress::parse(handed.peer);
  if (is_told && !told) return;
  if (told) peer = peer_at(*told);
  auto of = whose(std::move(peer), address.ss_family == AF_UNIX);
  of.is_told = is_told;
  // What is plain stays so, where TLS or the PROXY protocol is spoken by now: for one more request.
  handed.closes = handed.closes || context.tls != nullptr || (context.settings.proxy_protocol && !is_told);
  const int fd = handed.socket.take();
  auto connection = std::make_unique<Connection>(context, fd, std::make_unique<PlainStream>(fd),
                                                 std::move(of), ConnectionShare::Place::Kind::served,
                                                 [this](Connection& which) { reap_later(which); });
  Connection& resumed = *connection;
  connections.emplace(&resumed, std::move(connection));
  ++context.stats.connections;
  ++context.stats.connections_total;
  resumed.resume(std::move(handed));
}

void HttpServer::Impl::hand_over(std::vector<HandedConnection>& handed) {
  const auto is_handed = [&handed](auto& entry) {
    auto connection = entry.second->hand_over();
    if (!connection) return false;
    handed.push_back(*std::move(connection));
    return true;
  };
  context.stats.connections -= std::erase_if(connections, is_handed);
  std::erase_if(refused, is_handed);
}

bool HttpServer::Impl::is_at_work() const {
  return std::any_of(connections.begin(), connections.end(),
                     [](const auto& entry) { return entry.second->is_at_work(); });
}

Task<> HttpServer::Impl::settle(Millis at_work) {
  context.settling = true;
  const auto end = context.loop.now() + at_work;
  while (is_at_work() && context.loop.now() < end) co_await context.loop.sleep(kRestInterval);
}

Task<std::vector<HandedConnection>> HttpServer::Impl::release(ReleaseTimes times) {
  context.settling = context.releasing = true;
  accept_again.clear();
  listeners.clear();
  for (auto& [connection, owned] : connections) connection->wake();
  for (auto& [connection, owned] : refused) connection->wake();
  const auto begun = context.loop.now();
  std::vector<HandedConnection> handed;
  for (;;) {
    hand_over(handed);
    if (connections.empty() && refused.empty()) break;
    const auto waited = context.loop.now() - begun;
    if (waited >= (is_at_work() ? times.at_work : times.others)) break;
    co_await context.loop.sleep(kRestInterval);
  }
  if (!connections.empty())
    context.log.warning("connections_cut", {{"route", context.settings.name},
                                            {"connections", static_cast<int64_t>(connections.size())}});
  co_return handed;
}

bool HttpServer::Impl::make_place(const ConnectionShare* of_client) {
  ConnectionShare* const common = context.shares.common;
  const size_t served = of_client == nullptr ? 0 : of_client->served();
  return context.own.make_place(served) && (common == nullptr || common->make_place(served));
}

bool HttpServer::Impl::can_refuse(const ConnectionShare* of_client) const {
  const ConnectionShare* const common = context.shares.common;
  return context.own.can_refuse() && (common == nullptr || common->can_refuse()) &&
         (of_client == nullptr || of_client->can_refuse());
}

// Pauses accepting. Without descriptors or memory the listener would fail again at once, over and over; the
// client waits in the backlog meanwhile.
void HttpServer::Impl::accept_failed(int error) {
  context.log.warning("accept_failed", {{"why", std::generic_category().message(error)},
                                        {"connections", static_cast<int64_t>(connections.size())}});
  set_accepting(false);
  accept_again.set(kAcceptRetryMs);
}

void HttpServer::Impl::set_accepting(bool accepting) {
  for (auto& listener : listeners) {
    if (accepting) {
      evconnlistener_enable(listener.get());
    } else {
      evconnlistener_disable(listener.get());
    }
  }
}

void HttpServer::Impl::reap_later(Connection& connection) {
  gone.push_back(&connection);
  one_gone.ring();
}

// Destroys the connections that have ended, and with them the Tasks of their routes. No other place does.
Task<> HttpServer::Impl::reap() {
  for (;;) {
    while (!gone.empty()) {
      std::vector<Connection*> batch;
      batch.swap(gone);
      for (Connection* connection : batch) {
        if (refused.erase(connection) > 0) continue;
        connections.erase(connection);
        --context.stats.connections;
      }
      if (connections.empty() && refused.empty()) became_idle.ring();
    }
    co_await one_gone.wait();
  }
}

HttpServer::HttpServer(Loop& loop, Workers& workers, Buffers& buffers, store::Disk& disk, store::Log& log,
                       const ServerSettings& settings, Route route, Shares shares)
    : impl_(std::make_unique<Impl>(loop, workers, buffers, disk, log, settings, std::move(route), shares)) {}

HttpServer::~HttpServer() = default;

void HttpServer::speak_tls(TlsContext& tls) { impl_->context.tls = &tls; }

Result<std::string> HttpServer::listen_on(Descriptor socket) {
  const int fd = socket.fd();
  if (auto prepared = prepare_listener(fd); !prepared) return failure(prepared.error());
  std::string address = bound_address(fd);
  if (auto listening = impl_->listen_on(socket.take(), address); !listening)
    return failure(listening.error());
  return address;
}

Result<std::vector<Descriptor>> HttpServer::listening() const {
  std::vector<Descriptor> sockets;
  for (const auto& listener : impl_->listeners) {
    sockets.emplace_back(fcntl(evconnlistener_get_fd(listener.get()), F_DUPFD_CLOEXEC, 0));
    if (sockets.back().fd() < 0)
      return failure(Error::Kind::unavailable,
                     "hand a listening socket over: " + std::generic_category().message(errno));
  }
  return sockets;
}

Task<> HttpServer::settle(Millis at_work) { return impl_->settle(at_work); }
Task<std::vector<HandedConnection>> HttpServer::release(ReleaseTimes times) { return impl_->release(times); }
void HttpServer::resume(HandedConnection connection) { impl_->resume(std::move(connection)); }

Result<std::string> HttpServer::listen(const std::string& address) {
  auto socket = bind_listener(address);
  if (!socket) return failure(socket.error());
  return listen_on(*std::move(socket));
}

Result<> HttpServer::listen_local(const std::filesystem::path& path) {
  auto fd = bind_local(path);
  if (!fd) return failure(fd.error());
  return impl_->listen_on(*fd, path.string());
}

void HttpServer::drain() {
  impl_->context.draining = true;
  impl_->accept_again.clear();
  impl_->listeners.clear();
  for (auto& [connection, owned] : impl_->connections) connection->drain();
  for (auto& [connection, owned] : impl_->refused) connection->drain();
}

bool HttpServer::idle() const { return impl_->connections.empty() && impl_->refused.empty(); }
Signal& HttpServer::became_idle() { return impl_->became_idle; }
const ServerStats& HttpServer::stats() const { return impl_->context.stats; }

}  // namespace breakwater::proxy

// Everybody's share: how much one client may have of what all clients need.
//
//   connections          a further one takes the place of the client's own that is idle longest; if none is,
//                        it is told so (429) and closed
//   requests             at work, until the first byte of their answer and not while they wait for an
//                        upstream; a further one waits its turn
//   buffer bytes         a share of the buffers: what is beyond waits, as everybody does when there are none;
//                        as many again of long replies
//   questions a minute   that upstreams are asked for it, what joins a question of others not counted
//
// A trusted proxy's connections carry the requests of many. They count for no client's share of connections,
// but among all that there are (connection_share.h); each request counts for the client that the proxy names.
// A connection whose client the PROXY protocol has told is that client's own, and counts for it.
//
// A client is an address, or of IPv6 a /64, because a host has as many addresses of that as it likes. It is
// known while it is connected, and afterwards until it has its questions back. What is refused is counted
// and, once a minute for each client, logged.
//
// Belongs to the loop's thread. The Clients outlive whatever has one of them.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/clients/connection_share.h"
#include "proxy/http/exchange.h"
#include "proxy/http/hops.h"
#include "proxy/loop/buffers.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/pool.h"
#include "store/base/log.h"

namespace breakwater::proxy {

struct ClientLimits {
  uint32_t connections_max = 256;
  uint32_t requests_max = 128;
  uint64_t buffer_bytes_max = 32 << 20;
  uint32_t questions_per_minute_max = 600;
};

// Called for each refusal, with the name of the route and of the share: "client_connections".
using OnRefused = std::function<void(std::string_view route, std::string_view share)>;

// What all clients have in common.
struct ClientsParts {
  Loop& loop;
  Buffers& buffers;
  store::Log& log;
  ClientLimits limits;
  OnRefused on_refused;
};

class Client {
 public:
  Client(const ClientsParts& parts, std::string address);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  const std::string& address() const { return address_; }
  ConnectionShare& connections() { return connections_; }
  Pool& requests() { return requests_; }
  Buffers& buffers() { return buffers_; }
  // Bytes of long replies that are held because it asked for them, by whoever counts those among the buffers
  // (routes/oci/reply_room.h).
  Pool& replies() { return replies_; }
  // One more question for upstream. Nothing if it may be asked; else in how many seconds it may.
  std::optional<int64_t> take_question();
  // Whether it has all its questions again.
  bool has_rested() const;

  // Counts and logs that something was refused to the client because it has its share.
  void refused(std::string_view route, std::string_view share);

 private:
  struct Told {
    Moment at{};
    uint64_t since = 0;  // refusals that no line has told yet
  };
  double questions_at(Moment now) const;

  const ClientsParts& parts_;
  const std::string address_;
  ConnectionShare connections_;
  Pool requests_;
  Buffers buffers_;
  Pool replies_;
  double questions_;  // that may be asked, as of questions_at_
  Moment questions_at_;
  std::map<std::string, Told, std::less<>> told_;  // by the share
};

class Clients {
 public:
  explicit Clients(ClientsParts parts) : parts_(std::move(parts)) {}
  Clients(const Clients&) = delete;
  Clients& operator=(const Clients&) = delete;

  std::shared_ptr<Client> of(const Peer& peer);
  size_t size() const { return known_.size(); }
  const ClientLimits& limits() const { return parts_.limits; }

 private:
  using ByUse = std::list<std::pair<ClientKey, std::shared_ptr<Client>>>;
  void forget_rested();

  const ClientsParts parts_;
  ByUse by_use_;  // roughly the longest unused first
  std::map<ClientKey, ByUse::iterator> known_;
};

// Who asks for something: the appliances that the request came through, and the client that sent it.
struct Asker {
  Hops hops = {};
  std::shared_ptr<Client> client = nullptr;  // null: nobody's share is asked for
};

}  // namespace breakwater::proxy

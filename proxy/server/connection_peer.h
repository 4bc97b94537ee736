// Whose a connection is, and what it may say of whom it speaks for. It changes once, when the header of the
// PROXY protocol has come. Belongs to the loop's thread.
#pragma once

#include <memory>

#include "proxy/clients/clients.h"
#include "proxy/http/peer.h"
#include "proxy/stream/proxied_stream.h"

namespace breakwater::proxy {

struct ConnectionPeer {
  Peer peer;
  std::shared_ptr<Client> client = nullptr;  // null: nobody counts
  // A trusted proxy: its requests say who asks, and its connections count for no client.
  bool is_proxy = false;
  bool is_tls = false;
  bool is_told = false;  // by the PROXY protocol
  // The connection's stream, if it is to say who has connected: until then `peer` is the proxy.
  const ProxiedStream* proxied = nullptr;

  // Of whose connections it is one; null: of nobody's.
  ConnectionShare* share() const { return client == nullptr || is_proxy ? nullptr : &client->connections(); }
};

}  // namespace breakwater::proxy

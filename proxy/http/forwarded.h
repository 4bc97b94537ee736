// Whom a trusted proxy speaks for: the client's address and scheme, from the headers that proxies write,
// X-Forwarded-For with X-Forwarded-Proto, or Forwarded (RFC 7239). Each proxy adds whom it was asked by at
// the right end, and what stands left of that is what it was told, by a client maybe, who may write there
// what it likes. So the entries are walked from the right, and only as long as they are trusted proxies:
//
//   connection from 127.0.0.1    X-Forwarded-For: 6.6.6.6, 10.0.0.7, 127.0.0.9    trusted: 127.0.0.0/8
//                                 not reached <---  the client  <---  a proxy
//
// An entry that is no address ("unknown", "_hidden", or malformed) ends the walk, and the client is then the
// last address that was known: a proxy's.
//
// A proxy that writes one of the two address headers mostly passes the other on as its client has sent it,
// and nobody can see which is which. So neither counts more than the other: if both are there they have to
// lead to the same address, or they disagree, and the request is to be refused. A proxy that removes the
// header that it does not write is never affected.
//
// Pure; any thread.
#pragma once

#include "proxy/http/http.h"
#include "proxy/http/ip_address.h"
#include "proxy/http/trusted_proxies.h"

namespace breakwater::proxy {

struct ForwardedFor {
  IpAddress client;
  bool is_sent_on = false;  // one of the address headers is there
  // Whether the walk has come to an end with an address: else nobody knows who has asked that proxy.
  bool is_told = false;
  bool is_secure = false;  // the client has asked by https
  bool disagree = false;   // both headers are there, and lead to different addresses
};

// Of a request that came from `proxy`, which is trusted.
ForwardedFor forwarded_for(const Headers& headers, const IpAddress& proxy, const TrustedProxies& trusted);

}  // namespace breakwater::proxy

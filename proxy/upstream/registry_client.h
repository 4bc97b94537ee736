// One upstream registry: its address, our credentials for it, and the manners it is asked with.
//
//   get() -> throttled or known to be down? -> the error, at once, no request
//         -> token at hand for (scheme, host, port, scope)? sent along
//         -> 401: the challenge is answered (Basic, or a token from the realm, one request per key at a
//         time), asked again once
//         -> 3xx: followed, at most five, Authorization dropped across hosts; a redirected host that answers
//         401 with a Bearer
//            challenge gets a token of its own, anonymous unless credentials are configured for it
//         -> the final answer, or an Error
//
// Answers become errors so (proxy/upstream/registry_rules.h): 404/410 not_found; 401/403 denied, or
// unavailable if it is a CDN that refuses (its URL may have expired: asking the registry again gives
// another); 429 throttled (Retry-After from the header in seconds, as a date or an epoch, or from the body; 1
// s to 15 min); 408 and 5xx but 501 unavailable; 400 invalid; what the caller cannot use (HTML, a redirect
// without Location, more than five, a forbidden target) corrupt. 200, 206, 304 and 416 are answers.
//
// Each host has a CircuitBreaker (proxy/upstream/circuit_breaker.h): after a 429, and for a short, growing
// while after failures to reach it, every request to it fails at once with the same error, so no storm goes
// upstream. A CDN's failures do not count for the registry; a 429 of the token endpoint does.
//
// Credentials go to the upstream's own scheme, host and port, and to its token realms; nowhere else.
// Presigned URLs are neither kept nor logged. Belongs to the loop's thread; the RegistryClient must outlive
// its Tasks.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/upstream/http_client.h"
#include "store/base/clock.h"
#include "store/base/log.h"

namespace breakwater::proxy {

struct Credentials {
  std::string username;
  std::string password;
};

struct RegistryClientSettings {
  std::string name;                        // of the route, for logs and metrics
  std::string url;                         // "https://registry-1.docker.io": scheme and host, maybe a port
  std::optional<Credentials> credentials;  // for that host
  // Hosts that may be sent those credentials when they are named as the realm of a challenge, beside the same
  // host and the same registrable domain.
  std::vector<std::string> token_realms;
  // Targets of redirects and realms in loopback, private and link-local networks are refused unless the
  // upstream itself is there, or they are listed ("host" or "host:port").
  std::vector<std::string> allow_private;
  uint32_t redirects_max = 5;
  int64_t backoff_max_ms = 30'000;  // longest silence after failures to connect
};

struct RegistryClientRequest {
  RegistryClientRequest(std::string m, std::string p) : method(std::move(m)), path(std::move(p)) {}
  std::string method;  // GET or HEAD
  std::string path;    // and query: "/v2/library/alpine/manifests/3.20"
  // "repository:library/alpine:pull"; keys the token, and is asked for instead of the challenge's own on the
  // host of the registry itself.
  std::string scope;
  Headers headers;  // Accept, Range, If-None-Match
  int64_t timeout_ms = 0;
  // A HEAD is answered by the registry itself: a redirect says that the thing is there. Then 3xx is an answer
  // too, unless it leads to another registry (a path below /v2/), which has not been asked yet.
  bool redirect_is_answer = false;
};

struct RegistryClientStats {
  uint64_t requests_total = 0;
  uint64_t failures_total = 0;
  uint64_t fetched_bytes = 0;  // of bodies that were asked for, tokens among them
  store::Time throttled_until{};
  std::optional<int64_t> ratelimit_remaining;  // as upstream last said
  bool unwell = false;                         // the last answer was a failure to reach it
};

class RegistryClient {
 public:
  // What latency observers get: called for each answered request.
  using Observe = std::function<void(double seconds)>;

  RegistryClient(Loop& loop, HttpClient& http_client, const store::Clock& clock, store::Log& log,
                 const RegistryClientSettings& settings);
  ~RegistryClient();

  // The whole answer; `corrupt` if longer than `bytes_max`.
  Task<Result<Reply>> fetch(RegistryClientRequest request, size_t bytes_max);
  // The answer's body into `sink` (which must outlive the Task): its head() sees only 200 and 206. One
  // attempt: a broken transfer is an error, and the caller asks again from where it is.
  Task<Result<Head>> download(RegistryClientRequest request, Sink& sink);

  const RegistryClientSettings& settings() const;
  const RegistryClientStats& stats() const;
  void observe_latency(Observe observe);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace breakwater::proxy

// The client of one upstream registry: its URL, our credentials for it, and the rules of asking it. A request
// takes this way:
//
//   a circuit is open          -> fails at once with its error; no request is sent
//   token known for (scheme,
//     host, port, scope)       -> sent along
//   401, 403, 400              -> the challenge is answered (Basic, or a token from a realm; one token
//                                 request for a key at a time), or a token from the cache is replaced, and
//                                 the registry is asked again: proxy/upstream/authentication.h
//   3xx                        -> followed, at most five times, without Authorization for another host. If
//                                 that host answers 401 with a Bearer challenge, it gets an anonymous token.
//   anything else              -> the answer, or an Error
//
// 200, 206, 304 and 416 are answers. Other statuses become errors (proxy/upstream/registry_rules.h):
//
//   not_found     404, 410
//   denied        401, 403 of a registry
//   unavailable   408, 425, 5xx but 501; and 400, 401, 403 of storage, because its presigned URL may have
//                 expired: asking the registry again gives another URL
//   throttled     429. Retry-After is read from the header (seconds, a date or an epoch) or the body; it
//                 counts for 1 s to 15 min
//   invalid       400 of a registry
//   corrupt       what the caller cannot use: HTML where nothing vouches for the body, an encoding that
//                 cannot be undone, a redirect without Location, too many redirects, a forbidden target, any
//                 other status
//
// Bodies that come with a Content-Encoding (gzip, deflate) although none was asked for are decoded. The range
// of an encoded body is of no use: it is asked for again without Range, so a request for a range may get a
// 200 here as it may from any server.
//
// Circuits say what may be asked (proxy/upstream/circuits.h). After a 429, every question of the same kind to
// that host fails at once with the same error, and for a short, growing time after failures whatever fails
// together does: a repository's manifests, a kind, or the host; so no storm goes upstream. Failures of a CDN
// do not count for the registry. A 429 of the registry's token endpoint refuses what needs a new token.
//
// Credentials that are refused rest for a while, and requests go without them
// (proxy/upstream/own_credentials.h). Credentials are sent to the scheme, host and port of the registry and
// to its token realms, and nowhere else. Presigned URLs are neither kept nor logged. Belongs to the loop's
// thread; the RegistryClient must outlive its Tasks.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/hops.h"
#include "proxy/http/host_pattern.h"
#include "proxy/http/url.h"
#include "proxy/upstream/http_client.h"
#include "proxy/upstream/upstream_latency.h"
#include "store/base/clock.h"
#include "store/base/log.h"

namespace breakwater::proxy {

struct Credentials {
  std::string username;
  std::string password;
};

struct RegistryClientSettings {
  std::string name;      // the name of the route, for logs and metrics
  std::string hop_name;  // ours, in the Via header of what the registry is asked; see hops.h
  Endpoint upstream;     // "https://registry-1.docker.io"
  std::optional<Credentials> credentials;  // for `upstream`
  // Where their password is from, "" if from no file. It is read again when they are refused.
  std::string password_file;
  // Further hosts that may be sent the credentials if the registry's challenge names them as its realm. The
  // registry itself and its registrable domain may be sent them in any case; another port of the registry's
  // own host must be named with the port (is_trusted_realm() in registry_rules.h).
  std::vector<HostPattern> token_realms;
  // What redirects and realms may lead to beside hosts of the internet. If the registry answers from a
  // private network, its own /24 (IPv4) or /64 (IPv6) is allowed too. Loopback, link-local and metadata
  // addresses are allowed only if an entry names them one by one (TargetPolicy in registry_rules.h).
  std::vector<HostPattern> allow_private;
  // False if a client named the registry and no operator: then its own address must be allowed like others.
  bool upstream_may_be_private = true;
  uint32_t redirects_max = 5;
  int64_t backoff_max_ms = 30'000;  // how long the circuit breaker stays open after failures, at most
};

// What tells that a body is the one that was asked for, whatever its headers say: the caller compares it with
// its digest, or its form is enough. A body for which nothing vouches is refused if it is a web page.
enum class Vouched { by_nothing, by_digest, by_form };

// Whether a Content-Encoding is undone. Object storage often labels a layer that is itself a gzip file; then
// the bytes are right as they were sent, and decoding them gives another digest.
enum class Decoding { as_labelled, never };

struct RegistryClientRequest {
  RegistryClientRequest(std::string m, std::string p) : method(std::move(m)), path(std::move(p)) {}
  std::string method;  // GET or HEAD
  std::string path;    // and query: "/v2/library/alpine/manifests/3.20"
  // "repository:library/alpine:pull". The token is kept under this scope. On the registry's own host the
  // token is asked for with this scope first, and with that of the challenge if it is not enough.
  std::string scope;
  Headers headers;  // Accept, Range, If-None-Match
  int64_t timeout_ms = 0;
  int64_t stall_timeout_ms = 0;  // as HttpClientRequest's
  uint32_t receive_bytes = kReceiveBytes;
  // Makes 3xx an answer too. This is for HEAD: a redirect to storage says that the registry has the object. A
  // redirect to another registry (a path below /v2/) is followed all the same, because that registry has not
  // been asked yet.
  bool redirect_is_answer = false;
  std::vector<int> answers;               // further statuses that are an answer and not an error
  Vouched vouched = Vouched::by_nothing;  // of the body of a GET
  Decoding decoding = Decoding::as_labelled;
  // How long the body, or for a Range the whole, should be. A body of that Content-Length is not decoded.
  std::optional<uint64_t> size;
  Hops hops;  // what the client's request came through
};

// What upstream has refused, by reason.
struct UpstreamRefusals {
  uint64_t credentials = 0;  // 401 or 403 to our password, or 401 to a token that it has brought
  uint64_t denied = 0;       // requests that ended with 401 or 403
  uint64_t throttled = 0;    // 429
};

struct RegistryClientStats {
  uint64_t requests_total = 0;
  UpstreamFailures failures;
  UpstreamRefusals refusals;
  uint64_t fetched_bytes = 0;     // bytes of the bodies of 200 and 206, tokens included
  store::Time throttled_until{};  // by the wall clock
  // As the registry last said: how many pulls are left, of how many, in how long.
  std::optional<int64_t> ratelimit_remaining, ratelimit_limit, ratelimit_window_s;
  UpstreamLatency latency;         // of the registry itself, not of what it redirects to
  store::Time last_answered_at{};  // by the wall clock; the epoch if never
  bool unwell = false;             // it could not be reached the last time that it was asked
  bool credentials_rest = false;   // it refused ours, and we go without them

  // Of several registries: sums, and of the rest whatever is worst.
  RegistryClientStats& operator+=(const RegistryClientStats& other);
};

class RegistryClient {
 public:
  // Called for each answered request with the seconds until its head was there.
  using Observe = std::function<void(double seconds)>;
  // Called for each request that was sent, when it has ended, also by being cancelled: with the repository
  // that it was for, "" if for none, and the bytes of the body that came. Tokens and what redirects lead to
  // are requests too.
  using ObserveUse = std::function<void(std::string_view repository, uint64_t bytes)>;

  RegistryClient(Loop& loop, HttpClient& http_client, const store::Clock& clock, store::Log& log,
                 const RegistryClientSettings& settings);
  ~RegistryClient();

  // The whole answer in memory; `corrupt` if its body is longer than `bytes_max`.
  Task<Result<Reply>> fetch(RegistryClientRequest request, size_t bytes_max);
  // Streams the body into `sink`, which must outlive the Task and whose head() sees only 200 and 206. This is
  // one attempt: a transfer that breaks is an error, and the caller asks again from where it is.
  Task<Result<Head>> download(RegistryClientRequest request, Sink& sink);

  // The name of the appliance that the registry is, "" if it is none; nothing before its first answer.
  const std::optional<std::string>& peer() const;
  const RegistryClientSettings& settings() const;
  const RegistryClientStats& stats() const;
  void observe_latency(Observe observe);
  // What it uses must outlive the Tasks of this object.
  void observe_use(ObserveUse observe);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace breakwater::proxy

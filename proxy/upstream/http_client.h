// HTTP requests to other servers: one libcurl multi handle on the Loop. One request, one answer: no redirect
// is followed, no challenge answered, nothing retried here; that is RegistryClient's business.
//
// Connections are reused; DNS answers are not kept past 60 s, and are waited for on libcurl's own threads;
// the proxy is chosen as proxy_choice.h says. HTTP/1.1 only while libcurl is older than 8.6, where pausing
// HTTP/2 stalls (one named gate in the .cc). No cookies, no content decoding: the bytes are those that were
// sent, `Accept-Encoding: identity` asks for them.
//
// Belongs to the loop's thread. Destroying the Task aborts the transfer; the HttpClient must outlive its
// Tasks.
//
// Errors: `unavailable` when there is no answer or it broke off: DNS, connect, TLS, reset, stall, timeout, a
// body short of its Content-Length (the caller may go on from where it is); `corrupt` when the answer is no
// HTTP, its head is too long, or the address is one that is forbidden; and whatever the sink returned. The
// message names scheme, host, port and path, never the query. More bytes than Content-Length says are cut off
// by libcurl and not seen; a body without length ends when it ends. Who knows the size checks it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "proxy/http/http.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"
#include "store/base/result.h"

namespace breakwater::proxy {

struct HttpClientSettings {
  int64_t connect_timeout_ms = 5'000;
  int64_t stall_timeout_ms = 30'000;  // without one byte arriving while we are willing to read
  std::string ca_file;                // "" = the system's
  std::string user_agent = "breakwater";
  // Well above fills_max: what waits for a connection looks like a stall.
  uint32_t connections_per_host_max = 512;
  uint32_t header_bytes_max = 64 * 1024;
};

struct HttpClientRequest {
  HttpClientRequest(std::string m, std::string u) : method(std::move(m)), url(std::move(u)) {}
  std::string method;  // GET or HEAD
  std::string url;
  Headers headers;
  int64_t timeout_ms = 0;  // for all of it, pauses too; 0 = only connect and stall bound it
  // Whether it may go to loopback, private and link-local addresses. Looked at when connecting, so a name
  // that leads there is caught too; not when a proxy connects for us, which has rules of its own.
  bool private_allowed = true;
};

struct Head {
  int status = 0;
  Headers headers;
  std::optional<uint64_t> length;  // Content-Length
  double seconds = 0;              // until the head was here
  std::string address;             // the peer's, "10.0.0.7"; "" behind a proxy
};

// Where a body goes. Called from inside libcurl: must not wait, must not destroy the transfer.
class Sink {
 public:
  virtual ~Sink() = default;
  // The connection stands, TLS and all, and the request is about to go.
  virtual void connected() {}
  // Once, when the head is there, before any body. An error ends the transfer and is its result.
  virtual Result<> head(const Head& head) = 0;
  // True: taken. False: not now, the same bytes come again after resume(). An error ends the transfer.
  virtual Result<bool> body(std::span<const char> data) = 0;

  // The sink has room again. From the loop, not from body().
  void resume() {
    if (resume_) resume_();
  }

 private:
  friend class HttpClient;
  friend class RegistryClient;  // puts a Sink of its own before the caller's, and hands resume() on
  std::function<void()> resume_;
};

struct Reply {
  Head head;
  std::string body;
};

class HttpClient {
 public:
  HttpClient(Loop& loop, const HttpClientSettings& settings);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Streams the body into `sink`, which must outlive the Task. Ends when the body has; a success means that
  // the sink was given the head.
  Task<Result<Head>> send(HttpClientRequest request, Sink& sink);
  // The whole reply in memory; `corrupt` if the body is longer than `bytes_max`.
  Task<Result<Reply>> fetch(HttpClientRequest request, size_t bytes_max);

  uint64_t bytes_received() const;  // of bodies, in all

 private:
  struct Impl;
  class Transfer;
  std::unique_ptr<Impl> impl_;
};

}  // namespace breakwater::proxy

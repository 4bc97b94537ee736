// HTTP requests to other servers: one libcurl multi handle on the Loop. One request, one answer: no redirect is followed, no
// challenge answered, nothing retried here; that is Origin's business.
//
// Connections are reused; DNS answers are not kept past 60 s; HTTPS_PROXY, HTTP_PROXY and NO_PROXY are honoured. HTTP/1.1 only while libcurl is older
// than 8.6, where pausing HTTP/2 stalls (one named gate in the .cc). Belongs to the loop's thread. Destroying the Task aborts the transfer.
//
// Errors: `unavailable` (DNS, connect, TLS, reset, stall, timeout; the message says which, and names host and path but no query), `corrupt`
// (the body ended short of its Content-Length, or is malformed), and whatever the sink returned.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "proxy/http.h"
#include "proxy/loop.h"
#include "proxy/task.h"
#include "store/result.h"

namespace breakwater::proxy {

struct UpstreamSettings {
  int64_t connect_timeout_ms = 5'000;
  int64_t stall_timeout_ms = 30'000;  // without one byte arriving while we are willing to read
  std::string ca_file;                // "" = the system's
  std::string user_agent = "breakwater";
  uint32_t connections_per_host_max = 64;
  uint32_t header_bytes_max = 64 * 1024;
};

struct UpstreamRequest {
  UpstreamRequest(std::string m, std::string u) : method(std::move(m)), url(std::move(u)) {}
  std::string method;  // GET or HEAD
  std::string url;
  Headers headers;
  int64_t timeout_ms = 0;  // for all of it; 0 = only connect and stall bound it
};

struct Head {
  int status = 0;
  Headers headers;
  std::optional<uint64_t> length;  // Content-Length
  double seconds = 0;              // until the head was here
};

// Where a body goes. Called from inside libcurl: must not wait, must not destroy the transfer.
class Sink {
 public:
  virtual ~Sink() = default;
  // Once, when the head is there, before any body. An error ends the transfer and is its result.
  virtual Result<> head(const Head& head) = 0;
  // True: taken. False: not now, the same bytes come again after resume(). An error ends the transfer.
  virtual Result<bool> body(std::span<const char> data) = 0;

  // The sink has room again. From the loop, not from body().
  void resume() {
    if (resume_) resume_();
  }

 private:
  friend class Upstream;
  std::function<void()> resume_;
};

struct Reply {
  Head head;
  std::string body;
};

class Upstream {
 public:
  Upstream(Loop& loop, const UpstreamSettings& settings);
  ~Upstream();
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;

  // Streams the body into `sink`, which must outlive the Task. Ends when the body has.
  Task<Result<Head>> send(UpstreamRequest request, Sink& sink);
  // The whole reply in memory; `corrupt` if the body is longer than `bytes_max`.
  Task<Result<Reply>> fetch(UpstreamRequest request, size_t bytes_max);

  uint64_t bytes_received() const;  // of bodies, in all

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace breakwater::proxy

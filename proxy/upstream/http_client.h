// The HTTP client: one libcurl multi handle on the Loop. A request gets one answer: no redirect is followed,
// no challenge answered, and nothing retried here. That is RegistryClient's business.
//
// Connections are reused. DNS answers are kept for 60 s and looked up on libcurl's own threads. The proxy is
// chosen as proxy_choice.h says. HTTP/1.1 only while libcurl is older than 8.6, where pausing HTTP/2 stalls
// (one named gate in the .cc). There are no cookies and no decoding here: `Accept-Encoding: identity` asks
// for the bytes as they are, and the sink gets them as they were sent (RegistryClient decodes).
//
// Belongs to the loop's thread. Destroying the Task aborts the transfer; the HttpClient must outlive its
// Tasks.
//
// Errors:
//   unavailable   there was no answer, or it broke off: DNS, connect, TLS, reset, stall, timeout, a body
//                 shorter than its Content-Length. The caller may ask for the rest.
//   corrupt       the answer is no HTTP, its head is too long, or the address is forbidden
//   others        whatever the sink returned
//
// The message names scheme, host, port and path, but never the query. libcurl drops bytes beyond
// Content-Length, so nobody sees them. Without Content-Length nothing tells whether a body is whole: a caller
// that knows the size has to check it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "proxy/http/http.h"
#include "proxy/http/ip_address.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"
#include "proxy/upstream/upstream_failure.h"
#include "store/base/result.h"

namespace breakwater::proxy {

struct HttpClientSettings {
  int64_t connect_timeout_ms = 5'000;
  int64_t stall_timeout_ms = 30'000;  // without one byte arriving while the sink takes bytes
  std::string ca_file;                // "": the system's certificates
  std::string user_agent = "breakwater";
  // Well above fills_max, because a request that waits for a connection looks like a stall.
  uint32_t connections_per_host_max = 512;
  uint32_t connections_max = 0;  // to all hosts, idle ones too; a request beyond it waits. 0: no bound
  uint32_t header_bytes_max = 64 * 1024;
};

// What is enough for manifests and lists, of which many may be waited for; and what is fast for blobs.
inline constexpr uint32_t kReceiveBytes = 16 * 1024;
inline constexpr uint32_t kLongReceiveBytes = 256 * 1024;

struct HttpClientRequest {
  HttpClientRequest(std::string m, std::string u) : method(std::move(m)), url(std::move(u)) {}
  std::string method;  // GET, HEAD or POST
  std::string url;
  Headers headers;
  std::string body;  // of a POST
  // For the whole request, pauses included; 0: only the timeouts for connecting and stalling apply.
  int64_t timeout_ms = 0;
  // How long no byte may arrive, if that differs from the client's stall_timeout_ms; 0: it does not.
  int64_t stall_timeout_ms = 0;
  // How much is received at once at most. libcurl has that much memory for the request until it ends, and as
  // much again while the sink pauses it.
  uint32_t receive_bytes = kReceiveBytes;
  // Whether the request may go to an address; empty: to any. This is asked when connecting, so a name that
  // resolves to a forbidden address is caught too. It is not asked when a proxy connects for us, because the
  // proxy has rules of its own. Called until the Task of the request ends.
  std::function<bool(const IpAddress&)> may_connect;
};

struct Head {
  int status = 0;
  Headers headers;
  std::optional<uint64_t> length;  // Content-Length
  // RegistryClient has undone a Content-Encoding: `length` is nothing, the field is gone, and a Range would
  // be one of other bytes.
  bool decoded = false;
  double seconds = 0;   // from the request to the end of the head
  std::string address;  // the address of the peer, "10.0.0.7"; "" behind a proxy
};

// How long the whole is of which the answer's body is all or a part, if its head tells.
std::optional<uint64_t> size_of_whole(const Head& head);

// Takes the body of an answer. It is called from inside libcurl, so it must neither wait nor destroy the
// transfer.
class Sink {
 public:
  virtual ~Sink() = default;
  // Called when the connection is made, TLS included, and the request is about to be sent.
  virtual void connected() {}
  // Called once, when the head is complete and before any body. An error ends the transfer and is its result.
  virtual Result<> head(const Head& head) = 0;
  // Returns true if the bytes were taken. False pauses the transfer, and the same bytes come again after
  // resume(). An error ends the transfer and is its result.
  virtual Result<bool> body(std::span<const char> data) = 0;
  // Called once, in the end, if there is no answer or not all of one, but not for an error of the sink's own.
  virtual void failed(UpstreamFailure) {}

  // Resumes a paused transfer, because the sink has room again. Call it from the loop, never from body().
  void resume() {
    if (resume_) resume_();
  }

 private:
  friend class HttpClient;
  friend class GuardedClient;  // puts a Sink of its own before the caller's and passes resume() on
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

  // Streams the body into `sink`, which must outlive the Task. The Task ends when the body does. A success
  // means that the sink was given the head.
  Task<Result<Head>> send(HttpClientRequest request, Sink& sink);
  // The whole reply in memory; `corrupt` if the body is longer than `bytes_max`.
  Task<Result<Reply>> fetch(HttpClientRequest request, size_t bytes_max);

  uint64_t bytes_received() const;  // bytes of all bodies so far

 private:
  struct Impl;
  class Transfer;
  std::unique_ptr<Impl> impl_;
};

}  // namespace breakwater::proxy

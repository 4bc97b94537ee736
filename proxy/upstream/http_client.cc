#include "proxy/upstream/http_client.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <cassert>
#include <new>
#include <utility>

#include "proxy/http/url.h"
#include "proxy/upstream/curl_multi.h"
#include "proxy/upstream/head_reader.h"
#include "proxy/upstream/memory_sink.h"
#include "proxy/upstream/proxy_choice.h"

namespace breakwater::proxy {
namespace {

constexpr long kDnsCacheSeconds = 60;

struct FreeEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Easy = std::unique_ptr<CURL, FreeEasy>;
using List = std::unique_ptr<curl_slist, FreeList>;

// Pausing an HTTP/2 transfer may stall it for ever before libcurl 8.6 (curl issues 11982, 12520).
long http_version_gate_curl_8_6() {
  return curl_version_info(CURLVERSION_NOW)->version_num < 0x080600 ? CURL_HTTP_VERSION_1_1
                                                                    : CURL_HTTP_VERSION_2TLS;
}

// Whether libcurl got an answer but could not make sense of it. Every other code means that there was no
// whole answer.
bool is_malformed(CURLcode code) {
#if LIBCURL_VERSION_NUM >= 0x080600
  if (code == CURLE_TOO_LARGE) return true;
#endif
  // Older versions of libcurl say this of a line of the head that is longer than their limit of 100 KB.
  if (code == CURLE_OUT_OF_MEMORY) return true;
  return code == CURLE_WEIRD_SERVER_REPLY || code == CURLE_UNSUPPORTED_PROTOCOL ||
         code == CURLE_HTTP_RETURNED_ERROR || code == CURLE_URL_MALFORMAT;
}

bool is_of_tls(CURLcode code) {
  switch (code) {
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_INVALIDCERTSTATUS: return true;
    default: return false;
  }
}

// The address as a text, maybe with a zone.
std::string numeric_host(const sockaddr* address, socklen_t length) {
  char text[NI_MAXHOST] = "";
  return getnameinfo(address, length, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0 ? text : "";
}

double seconds_since(Moment moment) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - moment).count();
}

}  // namespace

struct HttpClient::Impl {
  Impl(Loop& event_loop, const HttpClientSettings& http_client_settings)
      : loop(event_loop),
        settings(http_client_settings),
        multi(event_loop, http_client_settings.connections_per_host_max, settings.connections_max) {}

  Loop& loop;
  HttpClientSettings settings;
  CurlMulti multi;
  ProxyChoice proxies{process_environment};
  long http_version = http_version_gate_curl_8_6();
  uint64_t bytes_received = 0;
};

// One request, from curl_multi_add_handle() to the end of its answer. Lives in the frame of send().
class HttpClient::Transfer final : public CurlMulti::Transfer {
 public:
  Transfer(Impl& client, const HttpClientRequest& request, Sink& sink);
  ~Transfer() override;
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  CURL* easy() override { return easy_.get(); }
  bool ended() const { return code_.has_value(); }
  Signal& changed() { return changed_; }

  void end(CURLcode code) override;
  void resume() override;
  void check_time();
  Moment deadline() const;
  // What upstream failed with, if it did; a failure of the sink is none.
  std::optional<UpstreamFailure> failure_of_upstream() const;
  Result<Head> result();

 private:
  void set_up(const HttpClientRequest& request);
  void set_up_network();
  void set_up_callbacks();
  void set_headers(const Headers& headers);

  bool take_header_line(std::string_view line);
  bool fail(Error error, std::optional<UpstreamFailure> of_upstream);
  UpstreamFailure step_not_done() const;
  bool refuses(std::string_view peer);
  std::string attempted() const { return method_ + " " + url_without_query_ + ": "; }

  template <class Value>
  void set(CURLoption option, Value value) {
    [[maybe_unused]] CURLcode code = curl_easy_setopt(easy_.get(), option, value);
    assert(code == CURLE_OK);
  }

  static size_t on_header(char* data, size_t, size_t size, void* self);
  static size_t on_body(char* data, size_t, size_t size, void* self);
  static curl_socket_t on_open_socket(void* self, curlsocktype, curl_sockaddr* address);
  static int on_request(void* self, char* peer, char*, int, int);

  Impl& client_;
  Sink& sink_;
  std::string method_;
  std::string url_without_query_;
  std::string proxy_;
  std::function<bool(const IpAddress&)> may_connect_;
  std::string refused_peer_;
  Moment began_;
  Moment last_byte_;
  Moment time_limit_;
  Millis stall_timeout_;
  bool is_connected_ = false;
  bool paused_ = false;
  HeadReader head_;
  std::optional<Error> error_;              // ours or the sink's; it takes precedence over libcurl's
  std::optional<UpstreamFailure> failure_;  // of upstream, that `error_` is about
  std::optional<CURLcode> code_;
  char curl_message_[CURL_ERROR_SIZE] = "";
  Signal changed_;
  List headers_;
  Easy easy_;
};

// ---- Transfer

HttpClient::Transfer::Transfer(Impl& client, const HttpClientRequest& request, Sink& sink)
    : client_(client),
      sink_(sink),
      method_(request.method),
      url_without_query_(request.url.substr(0, request.url.find_first_of("?#"))),
      may_connect_(request.may_connect),
      began_(client.loop.now()),
      last_byte_(began_),
      time_limit_(request.timeout_ms > 0 ? began_ + Millis(request.timeout_ms) : Moment::max()),
      stall_timeout_(request.stall_timeout_ms > 0 ? request.stall_timeout_ms
                                                  : client.settings.stall_timeout_ms),
      head_(client.settings.header_bytes_max),
      changed_(client.loop),
      easy_(curl_easy_init()) {
  if (!easy_) throw std::bad_alloc();
  if (auto url = Url::parse(request.url)) proxy_ = client.proxies.proxy_for(url->endpoint());
  set_up(request);
  set_up_network();
  set_up_callbacks();
  sink_.resume_ = [this] { client_.multi.resume_soon(*this); };
  client_.multi.add(*this);
}

HttpClient::Transfer::~Transfer() {
  sink_.resume_ = nullptr;
  client_.multi.remove(*this);
}

void HttpClient::Transfer::set_up(const HttpClientRequest& request) {
  set(CURLOPT_URL, request.url.c_str());
  if (method_ == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
  } else if (method_ == "POST") {
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(CURLOPT_COPYPOSTFIELDS, request.body.c_str());
  } else {
    set(CURLOPT_HTTPGET, 1L);
  }
  set_headers(request.headers);
  set(CURLOPT_USERAGENT, client_.settings.user_agent.c_str());
  set(CURLOPT_HTTP_VERSION, client_.http_version);
  set(CURLOPT_HTTP_CONTENT_DECODING, 0L);
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_AUTOREFERER, 0L);
#if LIBCURL_VERSION_NUM >= 0x075500
  set(CURLOPT_PROTOCOLS_STR, "http,https");
#else
  set(CURLOPT_PROTOCOLS, static_cast<long>(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
  set(CURLOPT_BUFFERSIZE, static_cast<long>(request.receive_bytes));
}

void HttpClient::Transfer::set_headers(const Headers& headers) {
  List list(curl_slist_append(nullptr, "Accept-Encoding: identity"));
  // A body is short: nobody has to be asked whether he wants it.
  if (method_ == "POST" && curl_slist_append(list.get(), "Expect:") == nullptr) throw std::bad_alloc();
  for (const Header& header : headers) {
    assert(header.value.find_first_of("\r\n") == std::string::npos);
    std::string line = header.name + ": " + header.value;
    if (curl_slist* longer = curl_slist_append(list.get(), line.c_str()); longer == nullptr)
      throw std::bad_alloc();
  }
  headers_ = std::move(list);
  set(CURLOPT_HTTPHEADER, headers_.get());
}

void HttpClient::Transfer::set_up_network() {
  const HttpClientSettings& settings = client_.settings;
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(settings.connect_timeout_ms));
  set(CURLOPT_DNS_CACHE_TIMEOUT, kDnsCacheSeconds);
#if LIBCURL_VERSION_NUM >= 0x075700
  // Otherwise, removing a handle whose name is still being looked up joins the resolver's thread, and a dead
  // DNS server stops the loop.
  set(CURLOPT_QUICK_EXIT, 1L);
#endif
  // Both options are set, even to "", so that libcurl does not read the environment on its own.
  set(CURLOPT_PROXY, proxy_.c_str());
  set(CURLOPT_NOPROXY, "");
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  if (!settings.ca_file.empty()) set(CURLOPT_CAINFO, settings.ca_file.c_str());
}

void HttpClient::Transfer::set_up_callbacks() {
  set(CURLOPT_ERRORBUFFER, curl_message_);
  set(CURLOPT_HEADERFUNCTION, &Transfer::on_header);
  set(CURLOPT_HEADERDATA, this);
  set(CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  set(CURLOPT_WRITEDATA, this);
  set(CURLOPT_PREREQFUNCTION, &Transfer::on_request);
  set(CURLOPT_PREREQDATA, this);
  set(CURLOPT_OPENSOCKETFUNCTION, &Transfer::on_open_socket);
  set(CURLOPT_OPENSOCKETDATA, this);
}

// Remembers the peer if it is refused. What is no IP address is not known to be allowed.
bool HttpClient::Transfer::refuses(std::string_view peer) {
  if (!proxy_.empty() || !may_connect_) return false;
  const auto address = IpAddress::parse(peer.substr(0, peer.find('%')));
  if (address && may_connect_(*address)) return false;
  refused_peer_ = address ? address->text() : "an address of an unknown kind";
  return true;
}

curl_socket_t HttpClient::Transfer::on_open_socket(void* self, curlsocktype, curl_sockaddr* address) {
  auto* transfer = static_cast<Transfer*>(self);
  if (transfer->refuses(numeric_host(&address->addr, address->addrlen))) return CURL_SOCKET_BAD;
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// libcurl calls this when the request is about to be sent, on a new connection or on one that is reused.
int HttpClient::Transfer::on_request(void* self, char* peer, char*, int, int) {
  auto* transfer = static_cast<Transfer*>(self);
  transfer->last_byte_ = transfer->client_.loop.now();
  if (transfer->proxy_.empty()) transfer->head_.head().address = peer;
  if (transfer->refuses(peer)) return CURL_PREREQFUNC_ABORT;
  transfer->is_connected_ = true;
  transfer->sink_.connected();
  return CURL_PREREQFUNC_OK;
}

size_t HttpClient::Transfer::on_header(char* data, size_t, size_t size, void* self) {
  return static_cast<Transfer*>(self)->take_header_line({data, size}) ? size : 0;
}

bool HttpClient::Transfer::take_header_line(std::string_view line) {
  last_byte_ = client_.loop.now();
  auto taken = head_.take(line);
  if (taken == HeadReader::Taken::too_long)
    return fail(Error{Error::Kind::corrupt, attempted() + "the answer's head is too long", 0},
                UpstreamFailure::malformed);
  if (taken == HeadReader::Taken::switching)
    return fail(Error{Error::Kind::corrupt, attempted() + "the answer switches protocols, unasked", 0},
                UpstreamFailure::malformed);
  if (taken == HeadReader::Taken::more) return true;
  head_.head().seconds = seconds_since(began_);
  if (auto accepted = sink_.head(head_.head()); !accepted)
    return fail(std::move(accepted).error(), std::nullopt);
  return true;
}

size_t HttpClient::Transfer::on_body(char* data, size_t, size_t size, void* self) {
  auto* transfer = static_cast<Transfer*>(self);
  if (transfer->error_) return 0;  // nothing reaches a sink after it has failed
  if (!transfer->head_.complete())
    return transfer->fail(Error{Error::Kind::corrupt, transfer->attempted() + "the answer has no head", 0},
                          UpstreamFailure::malformed)
               ? size
               : 0;
  transfer->last_byte_ = transfer->client_.loop.now();
  auto taken = transfer->sink_.body({data, size});
  if (!taken) return transfer->fail(std::move(taken).error(), std::nullopt) ? size : 0;
  if (!*taken) {
    transfer->paused_ = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  transfer->client_.bytes_received += size;
  return size;
}

bool HttpClient::Transfer::fail(Error error, std::optional<UpstreamFailure> of_upstream) {
  if (!error_) {
    error_ = std::move(error);
    failure_ = of_upstream;
  }
  return false;
}

void HttpClient::Transfer::end(CURLcode code) {
  if (ended()) return;
  code_ = code;
  changed_.ring();
}

void HttpClient::Transfer::resume() {
  if (!paused_ || ended()) return;
  paused_ = false;
  last_byte_ = client_.loop.now();
  // If the sink fails inside this call, libcurl 7.88 does not end the transfer by itself, so we do.
  const CURLcode code = curl_easy_pause(easy_.get(), CURLPAUSE_CONT);
  if (code != CURLE_OK) end(code);
}

// The stall timeout runs only while the transfer is not paused. (libcurl's own CURLOPT_LOW_SPEED_TIME would
// count the pauses.)
Moment HttpClient::Transfer::deadline() const {
  Moment since = paused_ ? client_.loop.now() : last_byte_;
  return std::min(since + stall_timeout_, time_limit_);
}

void HttpClient::Transfer::check_time() {
  Moment now = client_.loop.now();
  if (ended() || now < deadline()) return;
  bool stalled = now < time_limit_;
  auto waited = std::chrono::duration_cast<Millis>(stalled ? now - last_byte_ : now - began_).count();
  std::string what = stalled ? "no byte for " : "no end after ";
  fail(Error{Error::Kind::unavailable, attempted() + what + std::to_string(waited) + " ms", 0},
       step_not_done());
  end(CURLE_OPERATION_TIMEDOUT);
}

// What took too long.
UpstreamFailure HttpClient::Transfer::step_not_done() const {
  if (is_connected_) return UpstreamFailure::timeout;
  curl_off_t looked_up = 0, connected = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_NAMELOOKUP_TIME_T, &looked_up);
  curl_easy_getinfo(easy_.get(), CURLINFO_CONNECT_TIME_T, &connected);
  if (looked_up == 0) return UpstreamFailure::dns;
  return connected == 0 ? UpstreamFailure::connect : UpstreamFailure::tls;
}

std::optional<UpstreamFailure> HttpClient::Transfer::failure_of_upstream() const {
  if (error_) return failure_;
  if (*code_ == CURLE_OK) return head_.complete() ? std::nullopt : std::optional(UpstreamFailure::broken_off);
  if (!refused_peer_.empty()) return UpstreamFailure::private_address;
  if (is_malformed(*code_)) return UpstreamFailure::malformed;
  if (is_of_tls(*code_)) return UpstreamFailure::tls;
  switch (*code_) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY: return UpstreamFailure::dns;
    case CURLE_COULDNT_CONNECT: return UpstreamFailure::connect;
    case CURLE_OPERATION_TIMEDOUT: return step_not_done();
    default: return is_connected_ ? UpstreamFailure::broken_off : UpstreamFailure::connect;
  }
}

Result<Head> HttpClient::Transfer::result() {
  if (error_) return failure(std::move(*error_));
  // libcurl reports success for a connection that ends inside the head.
  if (*code_ == CURLE_OK && !head_.complete())
    return failure(Error::Kind::unavailable, attempted() + "the connection ended inside the answer's head");
  if (*code_ == CURLE_OK) return std::move(head_.head());
  if (!refused_peer_.empty())
    return failure(Error::Kind::corrupt,
                   attempted() + "it leads into a private network, to " + refused_peer_ +
                       ", which is neither the registry's own nor named in allow_private");
  auto kind = is_malformed(*code_) ? Error::Kind::corrupt : Error::Kind::unavailable;
  std::string reason = curl_message_[0] != '\0' ? curl_message_ : curl_easy_strerror(*code_);
  return failure(kind, attempted() + reason);
}

// ---- HttpClient

HttpClient::HttpClient(Loop& loop, const HttpClientSettings& settings)
    : impl_(std::make_unique<Impl>(loop, settings)) {}
HttpClient::~HttpClient() = default;

Task<Result<Head>> HttpClient::send(HttpClientRequest request, Sink& sink) {
  assert(request.method == "GET" || request.method == "HEAD" || request.method == "POST");
  Transfer transfer(*impl_, request, sink);
  while (!transfer.ended()) {
    co_await transfer.changed().wait_until(transfer.deadline());
    transfer.check_time();
  }
  if (const auto failed = transfer.failure_of_upstream()) sink.failed(*failed);
  co_return transfer.result();
}

Task<Result<Reply>> HttpClient::fetch(HttpClientRequest request, size_t bytes_max) {
  MemorySink body(bytes_max);
  auto head = co_await send(std::move(request), body);
  if (!head) co_return failure(std::move(head).error());
  co_return Reply{std::move(*head), body.take()};
}

uint64_t HttpClient::bytes_received() const { return impl_->bytes_received; }

}  // namespace breakwater::proxy

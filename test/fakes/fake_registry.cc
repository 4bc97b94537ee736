#include "test/fakes/fake_registry.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <utility>

#include "test/fakes/tls_identity.h"

namespace breakwater::test {
namespace {

using proxy::Headers;
using store::Digest;

constexpr size_t kPieceBytes = 64 * 1024;

std::string json_error(std::string_view code) {
  return "{\"errors\":[{\"code\":\"" + std::string(code) + "\",\"message\":\"as scripted\"}]}";
}

Canned refuse(int status, std::string_view code) {
  Canned canned;
  canned.status = status;
  canned.headers.add("Content-Type", "application/json");
  canned.body = json_error(code);
  return canned;
}

std::string base64_decoded(std::string_view text) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string data;
  uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) break;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    data.push_back(static_cast<char>(bits >> count & 0xff));
  }
  return data;
}

// "library/alpine" of "/v2/library/alpine/blobs/sha256:…".
std::string repository_of(const std::string& path) {
  for (std::string_view kind : {"/blobs/", "/manifests/", "/tags/", "/referrers/"}) {
    size_t end = path.rfind(kind);
    if (path.starts_with("/v2/") && end != std::string::npos && end > 4) return path.substr(4, end - 4);
  }
  return "";
}

std::string query_value(const std::string& target, const std::string& name) {
  size_t at = target.find_first_of("?");
  while (at != std::string::npos) {
    ++at;
    size_t end = std::min(target.find('&', at), target.size());
    std::string pair = target.substr(at, end - at);
    if (pair.starts_with(name + "="))
      return proxy::percent_decode(pair.substr(name.size() + 1), proxy::Plus::space).value_or("");
    at = target.find('&', at);
  }
  return "";
}

struct ByteRange {
  uint64_t first = 0;
  uint64_t length = 0;
  bool asked = false;
  bool satisfiable = true;
};

// bytes=N- and bytes=N-M, which is what a proxy asks for.
ByteRange range_of(const Headers& headers, uint64_t size) {
  ByteRange range;
  range.length = size;
  std::string_view text = headers.get("Range");
  if (!text.starts_with("bytes=")) return range;
  text.remove_prefix(6);
  uint64_t first = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), first);
  if (error != std::errc() || end == text.data() + text.size() || *end != '-') return range;
  uint64_t last = size == 0 ? 0 : size - 1;
  std::from_chars(end + 1, text.data() + text.size(), last);
  range.asked = true;
  range.satisfiable = first < size && last >= first;
  range.first = first;
  range.length = range.satisfiable ? std::min(last, size - 1) - first + 1 : 0;
  return range;
}

std::optional<Seen> parse_request(std::string_view head) {
  Seen request;
  size_t line_end = head.find("\r\n");
  std::string_view line = head.substr(0, line_end);
  size_t space = line.find(' ');
  size_t second = line.rfind(' ');
  if (space == std::string_view::npos || second <= space) return std::nullopt;
  request.method = line.substr(0, space);
  request.target = line.substr(space + 1, second - space - 1);
  while (line_end != std::string_view::npos && line_end + 2 < head.size()) {
    head.remove_prefix(line_end + 2);
    line_end = head.find("\r\n");
    std::string_view field = head.substr(0, line_end);
    size_t colon = field.find(':');
    if (colon == std::string_view::npos) break;
    std::string_view value = field.substr(colon + 1);
    value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
    request.headers.add(std::string(field.substr(0, colon)), std::string(value));
  }
  return request;
}

}  // namespace

Fault Fault::raw(std::string text) {
  Fault fault(Kind::canned, 0);
  fault.canned.raw = std::move(text);
  return fault;
}

Fault Fault::reply(int status, Headers headers, std::string body) {
  Fault fault(Kind::canned, 0);
  fault.canned.status = status;
  fault.canned.headers = std::move(headers);
  fault.canned.body = std::move(body);
  return fault;
}

// What will be sent as one answer.
struct FakeRegistry::Plan {
  int status = 200;
  Headers headers;
  std::shared_ptr<const std::string> bytes;
  uint64_t at = 0;  // the next byte of the body
  uint64_t end = 0;
  std::optional<uint64_t> cut_at;
  std::optional<uint64_t> stall_at;
  bool silent = false;   // nothing is sent until release()
  bool hang_up = false;  // nothing is ever sent
  std::string raw;       // sent instead of a head

  static Plan of(const Canned& canned) {
    Plan plan;
    plan.status = canned.status;
    plan.headers = canned.headers;
    plan.bytes = std::make_shared<const std::string>(canned.body);
    plan.end = canned.body.size();
    plan.raw = canned.raw;
    if (canned.raw.empty()) return plan;
    plan.cut_at = 0;
    plan.end = 1;  // so that there is something to cut
    return plan;
  }
};

struct FakeRegistry::Connection {
  Connection(FakeRegistry& fake, bufferevent* b) : owner(fake), socket(b) {}
  ~Connection() { bufferevent_free(socket); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  FakeRegistry& owner;
  bufferevent* socket;
  std::optional<Plan> plan;  // of the answer that is being sent
  bool head_sent = false;
  bool is_head = false;  // of a HEAD: without body
};

FakeRegistry::FakeRegistry(proxy::Loop& loop, const std::string& address)
    : loop_(loop), address_(address), changed_(loop) {
  listen();
}

FakeRegistry::FakeRegistry(proxy::Loop& loop, const TlsIdentity& identity, const std::string& address)
    : loop_(loop), identity_(&identity), address_(address), changed_(loop) {
  listen();
}

FakeRegistry::~FakeRegistry() { shut(); }

std::string FakeRegistry::authority() const { return address_ + ":" + std::to_string(port_); }
std::string FakeRegistry::url() const {
  return (identity_ == nullptr ? "http://" : "https://") + authority();
}

proxy::Endpoint FakeRegistry::endpoint() const {
  return {identity_ == nullptr ? "http" : "https", address_, port_};
}

void FakeRegistry::listen() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port_);
  inet_pton(AF_INET, address_.c_str(), &address.sin_addr);
  auto accepted = [](evconnlistener*, evutil_socket_t fd, sockaddr*, int, void* self) {
    static_cast<FakeRegistry*>(self)->accept(fd);
  };
  evconnlistener* listener = evconnlistener_new_bind(
      loop_.base(), accepted, this, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_EXEC, 128,
      reinterpret_cast<sockaddr*>(&address), sizeof address);
  if (listener == nullptr) throw std::runtime_error("cannot listen on " + authority());
  socklen_t length = sizeof address;
  getsockname(evconnlistener_get_fd(listener), reinterpret_cast<sockaddr*>(&address), &length);
  port_ = ntohs(address.sin_port);
  listener_ = listener;
}

void FakeRegistry::accept(int fd) {
  bufferevent* socket =
      identity_ == nullptr ? bufferevent_socket_new(loop_.base(), fd, BEV_OPT_CLOSE_ON_FREE)
                           : bufferevent_openssl_socket_new(loop_.base(), fd, SSL_new(identity_->context()),
                                                            BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
  auto connection = std::make_unique<Connection>(*this, socket);
  auto readable = [](bufferevent*, void* c) {
    static_cast<Connection*>(c)->owner.received(*static_cast<Connection*>(c));
  };
  auto writable = [](bufferevent*, void* c) {
    static_cast<Connection*>(c)->owner.pump(*static_cast<Connection*>(c));
  };
  auto ended = [](bufferevent*, short what, void* c) {
    if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0)
      static_cast<Connection*>(c)->owner.close(*static_cast<Connection*>(c));
  };
  bufferevent_setcb(socket, readable, writable, ended, connection.get());
  bufferevent_enable(socket, EV_READ | EV_WRITE);
  connections_.insert(std::move(connection));
  ++connections_total_;
}

void FakeRegistry::shut() {
  if (listener_ != nullptr) evconnlistener_free(static_cast<evconnlistener*>(listener_));
  listener_ = nullptr;
  connections_.clear();
}

void FakeRegistry::open() {
  if (listener_ == nullptr) listen();
}

// ---- content

std::string FakeRegistry::blob_path(const std::string& repository, const Digest& digest) {
  return "/v2/" + repository + "/blobs/" + digest.text();
}
std::string FakeRegistry::manifest_path(const std::string& repository, const std::string& reference) {
  return "/v2/" + repository + "/manifests/" + reference;
}
std::string FakeRegistry::signed_path(const Digest& digest) { return "/signed/" + digest.text(); }

Digest FakeRegistry::blob(const std::string& repository, std::string bytes) {
  Digest digest = digest_of(store::Algorithm::sha256, bytes);
  contents_[blob_path(repository, digest)] = Content{"application/octet-stream", digest.text(),
                                                     std::make_shared<const std::string>(std::move(bytes))};
  return digest;
}

Digest FakeRegistry::manifest(const std::string& repository, const std::string& tag,
                              const std::string& media_type, std::string bytes) {
  Digest digest = digest_of(store::Algorithm::sha256, bytes);
  Content content{media_type, digest.text(), std::make_shared<const std::string>(std::move(bytes))};
  contents_[manifest_path(repository, digest.text())] = content;
  if (!tag.empty()) contents_[manifest_path(repository, tag)] = content;
  return digest;
}

void FakeRegistry::untag(const std::string& repository, const std::string& tag) {
  contents_.erase(manifest_path(repository, tag));
}
void FakeRegistry::answer(const std::string& path, Canned canned) { canned_[path] = std::move(canned); }

// ---- script

void FakeRegistry::ask_for_token(FakeRegistry& auth, const std::string& service) {
  auth_ = &auth;
  auth.customer_ = this;
  service_ = service;
}

void FakeRegistry::ask_for_password(const std::string& username, const std::string& password) {
  password_ = username + ":" + password;
}

void FakeRegistry::redirect_blobs_to(FakeRegistry& cdn, int status) {
  cdn_ = &cdn;
  cdn.is_cdn_ = true;
  redirect_status_ = status;
}

void FakeRegistry::redirect_all_to(FakeRegistry& other, int status) {
  elsewhere_ = &other;
  redirect_status_ = status;
}

void FakeRegistry::next(const std::string& path, Fault fault) { next_[path].push_back(std::move(fault)); }
void FakeRegistry::always(const std::string& path, Fault fault) {
  always_.insert_or_assign(path, std::move(fault));
}

void FakeRegistry::release() {
  for (const auto& connection : connections_) {
    if (!connection->plan) continue;
    connection->plan->stall_at.reset();
    connection->plan->silent = false;
    bufferevent_trigger(connection->socket, EV_WRITE, BEV_OPT_DEFER_CALLBACKS);
  }
}

void FakeRegistry::pace() { paced_ = true; }

void FakeRegistry::let(uint64_t bytes) {
  allowance_ += bytes;
  for (const auto& connection : connections_)
    if (connection->plan) bufferevent_trigger(connection->socket, EV_WRITE, BEV_OPT_DEFER_CALLBACKS);
}

size_t FakeRegistry::count(std::string_view method, std::string_view path) const {
  return static_cast<size_t>(std::count_if(seen_.begin(), seen_.end(), [&](const Seen& seen) {
    return seen.method == method && seen.path() == path;
  }));
}

// ---- one request

void FakeRegistry::received(Connection& connection) {
  if (connection.plan) return;  // one after the other
  evbuffer* input = bufferevent_get_input(connection.socket);
  const unsigned char* first = evbuffer_pullup(input, 1);
  if (first != nullptr && *first == 0x16) return close(connection);  // TLS on a plain port
  evbuffer_ptr end = evbuffer_search(input, "\r\n\r\n", 4, nullptr);
  if (end.pos < 0) return;
  std::string head(static_cast<size_t>(end.pos) + 4, '\0');
  evbuffer_remove(input, head.data(), head.size());
  auto request = parse_request(head);
  if (!request) return close(connection);
  judge(connection, std::move(*request));
}

void FakeRegistry::judge(Connection& connection, Seen request) {
  seen_.push_back(request);
  changed_.ring();
  connection.plan = plan_for(request);
  connection.head_sent = false;
  connection.is_head = request.method == "HEAD";
  if (connection.plan->hang_up) return close(connection);
  pump(connection);
}

FakeRegistry::Plan FakeRegistry::plan_for(const Seen& request) {
  std::string path = request.path();
  if (auto canned = canned_.find(path); canned != canned_.end()) return Plan::of(canned->second);
  if (customer_ != nullptr && path == "/token") {
    auto fault = take_fault(path);
    return Plan::of(fault && fault->kind == Fault::Kind::canned ? fault->canned : issue_token(request));
  }
  if (auto refused = refusal(request)) return Plan::of(*refused);

  auto fault = take_fault(path);
  if (fault && fault->kind == Fault::Kind::canned) return Plan::of(fault->canned);
  if (fault && fault->kind == Fault::Kind::hang_up) {
    Plan plan;
    plan.hang_up = true;
    return plan;
  }
  Plan plan;
  auto content = contents_.find(path);
  if (auto redirected = redirect(request))
    plan = Plan::of(*redirected);
  else if (content != contents_.end())
    plan = content_plan(request, content->second, fault ? &*fault : nullptr);
  else if (path == "/v2/")
    plan.headers.add("Content-Type", "application/json");
  else
    plan = Plan::of(
        refuse(404, path.find("/manifests/") != std::string::npos ? "MANIFEST_UNKNOWN" : "BLOB_UNKNOWN"));
  plan.silent = fault && fault->kind == Fault::Kind::silent;
  return plan;
}

std::optional<Fault> FakeRegistry::take_fault(const std::string& path) {
  auto queue = next_.find(path);
  if (queue != next_.end() && !queue->second.empty()) {
    Fault fault = std::move(queue->second.front());
    queue->second.pop_front();
    return fault;
  }
  auto lasting = always_.find(path);
  return lasting == always_.end() ? std::nullopt : std::optional(lasting->second);
}

FakeRegistry::Plan FakeRegistry::content_plan(const Seen& request, const Content& content,
                                              const Fault* fault) const {
  using Kind = Fault::Kind;
  auto is = [fault](Kind kind) { return fault != nullptr && fault->kind == kind; };
  if (is(Kind::html)) {
    Canned page;
    page.headers.add("Content-Type", "text/html; charset=utf-8");
    page.body = "<html><body>Log in to continue</body></html>";
    return Plan::of(page);
  }
  std::string bytes = *content.bytes;
  if (is(Kind::wrong_last_byte) && !bytes.empty()) bytes.back() = static_cast<char>(bytes.back() ^ 1);
  if (is(Kind::too_few)) bytes.resize(bytes.size() - std::min<size_t>(bytes.size(), fault->bytes));
  if (is(Kind::too_many)) bytes.append(fault->bytes, 'x');

  ByteRange range = is(Kind::ignore_range) ? ByteRange() : range_of(request.headers, bytes.size());
  if (!range.asked) range.length = bytes.size();
  Plan plan;
  plan.headers.add("Content-Type", content.media_type);
  plan.headers.add("Docker-Content-Digest", content.digest);
  plan.headers.add("Accept-Ranges", "bytes");
  plan.at = range.first;
  plan.end = range.first + range.length;
  bool partial = range.asked || is(Kind::partial_unasked);
  uint64_t shift = is(Kind::wrong_content_range) ? 1 : 0;
  plan.status = !range.satisfiable ? 416 : partial ? 206 : 200;
  if (plan.status == 206)
    plan.headers.add("Content-Range", "bytes " + std::to_string(plan.at + shift) + "-" +
                                          std::to_string(plan.end - 1 + shift) + "/" +
                                          std::to_string(bytes.size() + shift));
  if (plan.status == 416) {
    plan.headers.add("Content-Range", "bytes */" + std::to_string(bytes.size()));
    plan.end = plan.at = 0;
  }
  if (is(Kind::cut)) plan.cut_at = plan.at + fault->bytes;
  if (is(Kind::stall)) plan.stall_at = plan.at + fault->bytes;
  bool changed = bytes != *content.bytes;
  plan.bytes = changed ? std::make_shared<const std::string>(std::move(bytes)) : content.bytes;
  return plan;
}

std::optional<Canned> FakeRegistry::refusal(const Seen& request) {
  std::string_view authorization = request.headers.get("Authorization");
  if (is_cdn_) {
    if (!authorization.empty()) return refuse(400, "Only one auth mechanism allowed");
    bool valid = signatures_.contains(query_value(request.target, "X-Amz-Signature"));
    return valid ? std::nullopt : std::optional(refuse(403, "AccessDenied"));
  }
  if (auth_ != nullptr) {
    std::string scope = "repository:" + repository_of(request.path()) + ":pull";
    auto token = authorization.starts_with("Bearer ") ? tokens_.find(std::string(authorization.substr(7)))
                                                      : tokens_.end();
    if (token != tokens_.end() && (token->second == scope || request.path() == "/v2/")) return std::nullopt;
    std::string challenge = "Bearer realm=\"" + auth_->url() + "/token\",service=\"" + service_ + "\"";
    std::string asked = challenge_scope_.value_or(scope);
    if (!asked.empty()) challenge += ",scope=\"" + asked + "\"";
    Canned refused = refuse(401, "UNAUTHORIZED");
    refused.headers.add("WWW-Authenticate", challenge);
    return refused;
  }
  if (password_.empty()) return std::nullopt;
  if (authorization.starts_with("Basic ") && base64_decoded(authorization.substr(6)) == password_)
    return std::nullopt;
  Canned refused = refuse(401, "UNAUTHORIZED");
  refused.headers.add("WWW-Authenticate", "Basic realm=\"Registry\"");
  return refused;
}

Canned FakeRegistry::issue_token(const Seen& request) {
  std::string_view authorization = request.headers.get("Authorization");
  bool wrong_password = !password_.empty() && (!authorization.starts_with("Basic ") ||
                                               base64_decoded(authorization.substr(6)) != password_);
  if (wrong_password) return refuse(401, "UNAUTHORIZED");
  std::string token = "token-" + std::to_string(++tokens_issued_);
  customer_->tokens_[token] = query_value(request.target, "scope");
  Canned issued;
  issued.headers.add("Content-Type", "application/json");
  issued.body = "{\"" + token_member_ + "\":\"" + token + "\"";
  if (token_expires_in_s_) issued.body += ",\"expires_in\":" + std::to_string(*token_expires_in_s_);
  issued.body += "}";
  return issued;
}

std::optional<Canned> FakeRegistry::redirect(const Seen& request) {
  Canned redirected;
  redirected.status = redirect_status_;
  redirected.headers.add("Content-Type", "text/html; charset=utf-8");
  redirected.body = "<a href=\"elsewhere\">Temporary Redirect</a>";
  if (elsewhere_ != nullptr) {
    redirected.headers.add("Location", elsewhere_->url() + request.target);
    return redirected;
  }
  auto content = contents_.find(request.path());
  bool is_blob = request.path().find("/blobs/") != std::string::npos;
  if (cdn_ == nullptr || !is_blob || content == contents_.end()) return std::nullopt;
  redirected.headers.add("Location",
                         cdn_->sign(*Digest::parse(content->second.digest), content->second.bytes));
  return redirected;
}

std::string FakeRegistry::sign(const Digest& digest, std::shared_ptr<const std::string> bytes) {
  std::string signature = "secret%2Bsignature" + std::to_string(++signatures_made_);
  signatures_.insert("secret+signature" + std::to_string(signatures_made_));
  contents_[signed_path(digest)] = Content{"application/octet-stream", digest.text(), std::move(bytes)};
  return url() + signed_path(digest) + "?X-Amz-Expires=300&X-Amz-Signature=" + signature;
}

// ---- one answer

void FakeRegistry::pump(Connection& connection) {
  if (!connection.plan) return;
  Plan& plan = *connection.plan;
  if (plan.silent) return;
  if (!std::exchange(connection.head_sent, true)) {
    std::string head =
        "HTTP/1.1 " + std::to_string(plan.status) + " " + std::string(proxy::reason_of(plan.status)) + "\r\n";
    for (const proxy::Header& header : plan.headers) head += header.name + ": " + header.value + "\r\n";
    if (plan.headers.find("Content-Length") == nullptr && plan.headers.find("Transfer-Encoding") == nullptr)
      head += "Content-Length: " + std::to_string(plan.end - plan.at) + "\r\n";
    head += "\r\n";
    if (!plan.raw.empty()) head = plan.raw;
    bufferevent_write(connection.socket, head.data(), head.size());
  }
  if (connection.is_head && plan.raw.empty()) plan.at = plan.end;
  evbuffer* output = bufferevent_get_output(connection.socket);
  uint64_t until = std::min({plan.end, plan.cut_at.value_or(plan.end), plan.stall_at.value_or(plan.end)});
  while (plan.at < until && evbuffer_get_length(output) < kPieceBytes) {
    uint64_t piece = std::min<uint64_t>(kPieceBytes, until - plan.at);
    if (paced_) piece = std::min(piece, allowance_);
    if (piece == 0) return;
    if (paced_) allowance_ -= piece;
    bufferevent_write(connection.socket, plan.bytes->data() + plan.at, piece);
    plan.at += piece;
    body_bytes_sent_ += piece;
    changed_.ring();
  }
  if (plan.cut_at && plan.at >= *plan.cut_at && evbuffer_get_length(output) == 0) return close(connection);
  if (plan.at < plan.end) return;
  connection.plan.reset();
  received(connection);  // the next request may be here already
}

void FakeRegistry::close(Connection& connection) {
  auto found = std::find_if(connections_.begin(), connections_.end(),
                            [&](const auto& entry) { return entry.get() == &connection; });
  if (found != connections_.end()) connections_.erase(found);
}

}  // namespace breakwater::test

#include "proxy/upstream/registry_client.h"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <utility>

#include "proxy/http/url.h"
#include "proxy/upstream/challenge.h"
#include "proxy/upstream/host_health.h"
#include "proxy/upstream/memory_sink.h"
#include "proxy/upstream/registry_rules.h"
#include "proxy/upstream/tokens.h"

namespace breakwater::proxy {
namespace {

// How much of an error's body is kept: enough for a Retry-After in its text.
constexpr size_t kErrorBytesKept = size_t{16} * 1024;
constexpr size_t kErrorBytesMax = size_t{1024} * 1024;  // a longer body of an error is not read to its end
constexpr size_t kTokenAnswerBytesMax = size_t{128} * 1024;
constexpr int64_t kTokenTimeout_ms = 30'000;
constexpr Millis kFailedSoon(3'000);  // within this time a client can still wait for another attempt

// The number that `text` begins with. Docker Hub's "ratelimit-remaining" reads "76;w=21600".
std::optional<int64_t> leading_number(std::string_view text) {
  int64_t number = 0;
  size_t digits = 0;
  while (digits < std::min(text.size(), size_t{18}) && text[digits] >= '0' && text[digits] <= '9')
    number = number * 10 + (text[digits++] - '0');
  return digits == 0 ? std::nullopt : std::optional(number);
}

}  // namespace

struct RegistryClient::Impl {
  Impl(Loop& event_loop, HttpClient& client, const store::Clock& time, store::Log& events,
       const RegistryClientSettings& client_settings);

  class AnswerSink;
  struct Answer {
    Head head;
    std::string error_text;
  };

  Task<Result<Head>> send(RegistryClientRequest request, Sink& sink);
  Task<Result<Head>> ask_host(Url url, const RegistryClientRequest& request, Sink& sink);
  Task<Result<Answer>> send_once(Url url, HttpClientRequest request, Sink& sink);
  HttpClientRequest request_for(const Url& url, const RegistryClientRequest& request,
                                const std::string& authorization) const;

  std::string authorization_for(const Endpoint& endpoint, const std::string& scope) const;
  Task<Result<bool>> answer_challenge(Url url, std::string scope, std::string challenges,
                                      std::string rejected);
  Task<Result<bool>> answer_bearer(Url url, std::string scope, Challenge challenge, std::string rejected);
  Task<Result<Answer>> follow_realm(Url& realm, bool with_credentials, Sink& sink);
  Task<Result<Token>> ask_realm(Url realm, bool with_credentials, bool own_host);

  void note_head(const Url& url, const Head& head);

  store::Time now() const { return clock.now(); }

  HttpClient& http_client;
  const store::Clock& clock;
  store::Log& log;
  RegistryClientSettings settings;
  RegistryClientStats stats;
  Observe observe;
  TargetPolicy targets;
  // The registry's challenge was Basic, so the password is sent with each request.
  bool basic_asked = false;
  HostHealth health;
  Tokens tokens;  // last: destroyed before what its requests use
};

// Stands between libcurl and the caller's sink for one request. The caller's sink sees only 200 and 206; the
// text of an error is kept here.
class RegistryClient::Impl::AnswerSink final : public Sink {
 public:
  AnswerSink(Impl& client, const Url& url, const HttpClientRequest& request, AdmittedRequest& admitted,
             Sink& caller)
      : client_(client), url_(url), asked_(request.headers), admitted_(admitted), caller_(caller) {
    caller_.resume_ = [this] { resume(); };
  }
  ~AnswerSink() override { caller_.resume_ = nullptr; }
  AnswerSink(const AnswerSink&) = delete;
  AnswerSink& operator=(const AnswerSink&) = delete;

  bool is_connected() const { return connected_; }
  const std::optional<Head>& answered() const { return head_; }
  std::string& error_text() { return error_text_; }

  void connected() override { connected_ = true; }

  Result<> head(const Head& head) override {
    head_ = head;
    client_.note_head(url_, head);
    // A 429 or a server error is reported once its text is here.
    if (head.status != 429 && !is_server_error(head.status)) admitted_.answered();
    if (is_unasked_html(asked_, head))
      return failure(Error::Kind::corrupt, url_.without_query() + " answered with a web page");
    // A 416 is complete with its head, and its body may never come: docker-registry 2.8 announces the length
    // of the blob and sends 33 bytes.
    if (head.status == 416)
      return failure(Error::Kind::not_found, url_.without_query() + " has nothing in that range");
    for_caller_ = head.status == 200 || head.status == 206;
    if (for_caller_) return caller_.head(head);
    return {};
  }

  Result<bool> body(std::span<const char> data) override {
    if (!for_caller_) return keep_error_text(data);
    auto taken = caller_.body(data);
    if (taken && *taken) client_.stats.fetched_bytes += data.size();
    return taken;
  }

 private:
  Result<bool> keep_error_text(std::span<const char> data) {
    error_bytes_ += data.size();
    if (error_bytes_ > kErrorBytesMax)
      return failure(Error::Kind::corrupt, url_.without_query() + ": the text of its error does not end");
    error_text_.append(data.data(), std::min(data.size(), kErrorBytesKept - error_text_.size()));
    return true;
  }

  Impl& client_;
  const Url& url_;
  const Headers& asked_;
  AdmittedRequest& admitted_;
  Sink& caller_;
  bool connected_ = false;
  bool for_caller_ = false;
  std::optional<Head> head_;
  size_t error_bytes_ = 0;
  std::string error_text_;
};

RegistryClient::Impl::Impl(Loop& event_loop, HttpClient& client, const store::Clock& time, store::Log& events,
                           const RegistryClientSettings& client_settings)
    : http_client(client),
      clock(time),
      log(events),
      settings(client_settings),
      health(clock, log, settings, targets.registry, stats),
      tokens(event_loop, time) {
  auto url = Url::parse(settings.url);
  if (!url) throw std::invalid_argument(url.error().message);  // the configuration was checked before
  targets.registry = url->endpoint();
  targets.registry_is_private = names_private_network(url->host());
  targets.allow_private = settings.allow_private;
}

// ---- sending a request

Task<Result<Head>> RegistryClient::Impl::send(RegistryClientRequest request, Sink& sink) {
  auto url = Url::parse(targets.registry.text() + request.path);
  if (!url) co_return failure(std::move(url).error());
  for (uint32_t redirects = 0;; ++redirects) {
    auto head = co_await ask_host(*url, request, sink);
    if (!head || !is_redirect(head->status)) co_return head;
    auto target = redirect_target(*url, *head, targets);
    if (request.redirect_is_answer && (!target || !is_registry(*target))) co_return head;
    if (!target) co_return failure(std::move(target).error());
    if (redirects == settings.redirects_max)
      co_return failure(Error::Kind::corrupt,
                        targets.registry.text() + request.path + ": too many redirects");
    url = std::move(*target);
  }
}

// The answer of one host. If the host answers with a challenge, that is answered and the host is asked again.
Task<Result<Head>> RegistryClient::Impl::ask_host(Url url, const RegistryClientRequest& request, Sink& sink) {
  for (bool met = false;; met = true) {
    std::string authorization = authorization_for(url.endpoint(), request.scope);
    auto answer = co_await send_once(url, request_for(url, request, authorization), sink);
    if (!answer) co_return failure(std::move(answer).error());
    if (answer->head.status == 401 && !met) {
      auto again = co_await answer_challenge(url, request.scope, answer->head.headers.all("WWW-Authenticate"),
                                             authorization);
      if (!again) co_return failure(std::move(again).error());
      if (*again) continue;
    }
    auto usable = check_answer(request.method, url, answer->head, answer->error_text, epoch_s(clock.wall()));
    if (!usable) co_return failure(std::move(usable).error());
    co_return std::move(answer->head);
  }
}

HttpClientRequest RegistryClient::Impl::request_for(const Url& url, const RegistryClientRequest& request,
                                                    const std::string& authorization) const {
  HttpClientRequest sent(request.method, url.text());
  sent.headers = request.headers;
  sent.headers.remove("Authorization");
  if (!authorization.empty()) sent.headers.add("Authorization", authorization);
  sent.timeout_ms = request.timeout_ms;
  sent.private_allowed = targets.private_allowed(url.endpoint());
  return sent;
}

// One request and its answer, whatever its status. What came of it is reported to the circuit breaker of the
// host. An error means that the transfer failed.
Task<Result<RegistryClient::Impl::Answer>> RegistryClient::Impl::send_once(Url url, HttpClientRequest request,
                                                                           Sink& sink) {
  auto breaker = health.breaker_of(url.endpoint());
  auto permit = breaker->admit(now(), url.endpoint().text());
  if (!permit) co_return failure(std::move(permit).error());

  ++stats.requests_total;
  AdmittedRequest admitted(std::move(breaker), *permit, now());
  AnswerSink answer_sink(*this, url, request, admitted, sink);
  auto began = std::chrono::steady_clock::now();
  auto ended = co_await http_client.send(request, answer_sink);
  auto took = std::chrono::steady_clock::now() - began;
  bool out_of_time = request.timeout_ms > 0 && took >= Millis(request.timeout_ms);

  if (!answer_sink.answered()) {
    auto error = ended ? Error(Error::Kind::unavailable, url.without_query() + " ended without an answer", 0)
                       : std::move(ended).error();
    auto failed = out_of_time || took >= kFailedSoon ? HostHealth::Failed::late : HostHealth::Failed::soon;
    if (out_of_time && answer_sink.is_connected()) failed = HostHealth::Failed::impatient;
    health.report_failure(admitted, url, error, failed);
    co_return failure(std::move(error));
  }
  health.report_answer(admitted, url, *answer_sink.answered(), answer_sink.error_text());
  bool refused = answer_sink.answered()->status >= 400;
  if (!ended && !refused) co_return failure(std::move(ended).error());
  Answer answer;
  answer.head = *answer_sink.answered();
  answer.error_text = std::move(answer_sink.error_text());
  co_return std::move(answer);
}

// ---- challenges

std::string RegistryClient::Impl::authorization_for(const Endpoint& endpoint,
                                                    const std::string& scope) const {
  TokenKey key;
  key.endpoint = endpoint;
  key.scope = scope;
  if (auto token = tokens.find(key)) return "Bearer " + *token;
  if (basic_asked && settings.credentials && endpoint == targets.registry)
    return basic_authorization(settings.credentials->username, settings.credentials->password);
  return "";
}

// Returns true if the request should be sent again, with what authorization_for() now returns. False means
// that nothing more can be done.
Task<Result<bool>> RegistryClient::Impl::answer_challenge(Url url, std::string scope, std::string header,
                                                          std::string rejected) {
  auto challenges = parse_challenges(header);
  const Challenge* bearer = find_challenge(challenges, "bearer");
  if (bearer != nullptr && !bearer->get("realm").empty())
    co_return co_await answer_bearer(url, scope, *bearer, rejected);

  bool ours = url.endpoint() == targets.registry && settings.credentials;
  if (!ours || find_challenge(challenges, "basic") == nullptr || rejected.starts_with("Basic "))
    co_return false;
  basic_asked = true;
  co_return true;
}

Task<Result<bool>> RegistryClient::Impl::answer_bearer(Url url, std::string scope, Challenge challenge,
                                                       std::string rejected) {
  bool own_host = url.endpoint() == targets.registry;
  std::string asked_scope = scope_to_ask(own_host, scope, challenge.get("scope"));
  auto realm = url.resolve(token_url(challenge.get("realm"), challenge.get("service"), asked_scope));
  if (!realm)
    co_return failure(Error::Kind::corrupt,
                      url.without_query() + " names no usable realm: " + realm.error().message);
  if (auto checked = targets.check(*realm); !checked) co_return failure(std::move(checked).error());

  bool with_credentials = own_host && settings.credentials &&
                          is_trusted_realm(targets.registry, realm->endpoint(), settings.token_realms);
  TokenKey key;
  key.endpoint = url.endpoint();
  key.scope = scope;
  std::string rejected_token = rejected.starts_with("Bearer ") ? rejected.substr(7) : "";
  Tokens::Fetch fetch = [this, address = *realm, with_credentials, own_host] {
    return ask_realm(address, with_credentials, own_host);
  };
  auto token = co_await tokens.get(key, rejected_token, std::move(fetch));
  if (!token) co_return failure(std::move(token).error());
  co_return true;
}

// The answer of a realm, whose redirects are followed; `realm` is then the URL that answered. The password is
// not sent to another host.
Task<Result<RegistryClient::Impl::Answer>> RegistryClient::Impl::follow_realm(Url& realm,
                                                                              bool with_credentials,
                                                                              Sink& sink) {
  for (uint32_t redirects = 0;; ++redirects) {
    HttpClientRequest request("GET", realm.text());
    request.timeout_ms = kTokenTimeout_ms;
    request.private_allowed = targets.private_allowed(realm.endpoint());
    if (with_credentials)
      request.headers.add("Authorization", basic_authorization(settings.credentials->username,
                                                               settings.credentials->password));
    auto answer = co_await send_once(realm, std::move(request), sink);
    if (!answer || !is_redirect(answer->head.status)) co_return answer;
    auto target = redirect_target(realm, answer->head, targets);
    if (!target) co_return failure(std::move(target).error());
    if (redirects == settings.redirects_max)
      co_return failure(Error::Kind::corrupt,
                        realm.without_query() + ": too many redirects where a token was due");
    with_credentials = with_credentials && target->endpoint() == realm.endpoint();
    realm = std::move(*target);
  }
}

Task<Result<Token>> RegistryClient::Impl::ask_realm(Url realm, bool with_credentials, bool own_host) {
  MemorySink body(kTokenAnswerBytesMax);
  auto answer = co_await follow_realm(realm, with_credentials, body);
  if (!answer) co_return failure(std::move(answer).error());
  int status = answer->head.status;
  if (status == 200) co_return parse_token(body.take());

  // A 429 of the token endpoint counts as a 429 of the registry.
  if (status == 429 && own_host) {
    AdmittedRequest admitted(health.breaker_of(targets.registry), CircuitBreaker::Permit::normal, now());
    health.report_throttled(admitted, realm, answer->head, answer->error_text);
  }
  auto usable = check_answer("GET", realm, answer->head, answer->error_text, epoch_s(clock.wall()));
  bool transient = !usable && (usable.error().kind == Error::Kind::throttled || is_server_error(status) ||
                               status == 408 || status == 425);
  if (transient) co_return failure(std::move(usable).error());
  if (status < 400)
    co_return failure(Error::Kind::corrupt, "GET " + realm.without_query() + ": " + std::to_string(status) +
                                                " where a token was due");
  co_return failure(Error::Kind::denied,
                    "GET " + realm.without_query() + ": " + std::to_string(status) + ", no token for us");
}

void RegistryClient::Impl::note_head(const Url& url, const Head& head) {
  if (observe) observe(head.seconds);
  log.debug("upstream answered", {{"route", settings.name},
                                  {"url", url.without_query()},
                                  {"status", int64_t{head.status}},
                                  {"seconds", head.seconds}});
  if (url.endpoint() != targets.registry) return;
  if (stats.unwell)
    log.info("upstream answers again", {{"route", settings.name}, {"upstream", targets.registry.text()}});
  stats.unwell = false;
  if (is_private_address(head.address)) targets.registry_is_private = true;
  if (auto remaining = leading_number(head.headers.get("ratelimit-remaining")))
    stats.ratelimit_remaining = remaining;
}

// ---- RegistryClient

RegistryClient::RegistryClient(Loop& loop, HttpClient& http_client, const store::Clock& clock,
                               store::Log& log, const RegistryClientSettings& settings)
    : impl_(std::make_unique<Impl>(loop, http_client, clock, log, settings)) {}
RegistryClient::~RegistryClient() = default;

Task<Result<Reply>> RegistryClient::fetch(RegistryClientRequest request, size_t bytes_max) {
  MemorySink body(bytes_max);
  auto head = co_await impl_->send(std::move(request), body);
  if (!head) co_return failure(std::move(head).error());
  Reply reply;
  reply.head = std::move(*head);
  reply.body = body.take();
  co_return std::move(reply);
}

Task<Result<Head>> RegistryClient::download(RegistryClientRequest request, Sink& sink) {
  return impl_->send(std::move(request), sink);
}

const RegistryClientSettings& RegistryClient::settings() const { return impl_->settings; }
const RegistryClientStats& RegistryClient::stats() const { return impl_->stats; }
void RegistryClient::observe_latency(Observe observe) { impl_->observe = std::move(observe); }

}  // namespace breakwater::proxy

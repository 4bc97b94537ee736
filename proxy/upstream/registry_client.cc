#include "proxy/upstream/registry_client.h"

#include <algorithm>
#include <utility>

#include "proxy/http/url.h"
#include "proxy/upstream/authentication.h"
#include "proxy/upstream/guarded_client.h"
#include "proxy/upstream/memory_sink.h"
#include "proxy/upstream/registry_rules.h"

namespace breakwater::proxy {

RegistryClientStats& RegistryClientStats::operator+=(const RegistryClientStats& other) {
  requests_total += other.requests_total;
  failures += other.failures;
  refusals.credentials += other.refusals.credentials;
  refusals.denied += other.refusals.denied;
  refusals.throttled += other.refusals.throttled;
  fetched_bytes += other.fetched_bytes;
  throttled_until = std::max(throttled_until, other.throttled_until);
  if (other.ratelimit_remaining &&
      (!ratelimit_remaining || *other.ratelimit_remaining < *ratelimit_remaining)) {
    ratelimit_remaining = other.ratelimit_remaining;
    ratelimit_limit = other.ratelimit_limit;
    ratelimit_window_s = other.ratelimit_window_s;
  }
  latency += other.latency;
  last_answered_at = std::max(last_answered_at, other.last_answered_at);
  unwell = unwell || other.unwell;
  credentials_rest = credentials_rest || other.credentials_rest;
  return *this;
}

namespace {

std::string_view said_of_redirect(Error::Kind kind) {
  switch (kind) {
    case Error::Kind::not_found: return "what it redirects to is not there";
    case Error::Kind::denied: return "what it redirects to is refused to us";
    case Error::Kind::throttled: return "where it redirects to there were too many requests";
    case Error::Kind::corrupt: return "where it redirects to may not be asked, or answers what is of no use";
    default: return "where it redirects to nothing answers";
  }
}

}  // namespace

struct RegistryClient::Impl {
  Impl(Loop& event_loop, HttpClient& http_client, const store::Clock& time, store::Log& log,
       const RegistryClientSettings& client_settings);

  Task<Result<Head>> send(RegistryClientRequest request, Sink& sink);
  Task<Result<Head>> follow(RegistryClientRequest request, Sink& sink);
  Task<Result<Head>> ask_host(Url url, const RegistryClientRequest& request, Sink& sink);
  // The error about what a redirect leads to, as others may read it.
  Error redirect_failed(const RegistryClientRequest& request, const Error& error) const;
  HttpClientRequest request_for(const Url& url, const RegistryClientRequest& request,
                                const std::string& authorization) const;

  const store::Clock& clock;
  std::optional<std::string> peer;
  store::Log& log;
  RegistryClientSettings settings;
  RegistryClientStats stats;
  TargetPolicy targets;
  GuardedClient client;
  Authentication authentication;  // last: destroyed before what its requests use
};

RegistryClient::Impl::Impl(Loop& event_loop, HttpClient& http_client, const store::Clock& time,
                           store::Log& the_log, const RegistryClientSettings& client_settings)
    : clock(time),
      log(the_log),
      settings(client_settings),
      client(http_client, clock, log, settings, targets, stats),
      authentication(event_loop, client, clock, log, settings, targets, stats) {
  targets.registry = settings.upstream;
  targets.registry_may_be_private = settings.upstream_may_be_private;
  targets.allow_private = settings.allow_private;
}

Task<Result<Head>> RegistryClient::Impl::send(RegistryClientRequest request, Sink& sink) {
  auto head = co_await follow(std::move(request), sink);
  if (!head && head.error().kind == Error::Kind::denied) ++stats.refusals.denied;
  co_return head;
}

// The answer at the end of all redirects.
Task<Result<Head>> RegistryClient::Impl::follow(RegistryClientRequest request, Sink& sink) {
  auto url = Url::parse(targets.registry.text() + request.path);
  if (!url) co_return failure(std::move(url).error());
  for (uint32_t redirects = 0;; ++redirects) {
    auto head = co_await ask_host(*url, request, sink);
    // What the caller's sink says does not name the host.
    const bool is_redirected = url->endpoint() != targets.registry;
    if (!head && is_redirected && head.error().message.find(url->host()) != std::string::npos)
      co_return failure(redirect_failed(request, head.error()));
    if (!head || !is_redirect(head->status)) co_return head;
    auto target = redirect_target(*url, *head, targets);
    if (request.redirect_is_answer && (!target || !is_registry(*target))) co_return head;
    if (!target) co_return failure(redirect_failed(request, target.error()));
    if (redirects == settings.redirects_max)
      co_return failure(Error::Kind::corrupt,
                        targets.registry.text() + request.path + ": too many redirects");
    url = std::move(*target);
  }
}

// The answer of one host. If the host refuses the request for want of another authorization, that is got and
// the host is asked again.
Task<Result<Head>> RegistryClient::Impl::ask_host(Url url, const RegistryClientRequest& request, Sink& sink) {
  Authorization authorization(authentication, url.endpoint(), request.scope);
  GuardedClient::Reading reading;
  if (request.method == "GET") reading.vouched = request.vouched;
  reading.decoding = request.decoding;
  reading.size = request.size;
  reading.note = request.hops.note();
  const Question question = question_of(url.endpoint(), request.method, request.path);
  for (;;) {
    if (auto refused = authorization.refused_unasked()) co_return failure(std::move(*refused));
    auto sent = request_for(url, request, authorization.header());
    auto answer = co_await client.send(url, question, std::move(sent), reading, sink);
    if (!answer) co_return failure(std::move(answer).error());
    if (url.endpoint() == targets.registry) peer = Hops::of(answer->head.headers).last();
    auto again = co_await authorization.answer_refusal(url, answer->head);
    if (!again) co_return failure(authorization.explained(std::move(again).error()));
    if (*again) continue;
    const auto& further = request.answers;
    if (std::find(further.begin(), further.end(), answer->head.status) != further.end())
      co_return std::move(answer->head);
    auto usable = check_answer(request.method, url, answer->head, answer->error_text, epoch_s(clock.wall()));
    if (!usable) co_return failure(authorization.explained(std::move(usable).error()));
    co_return std::move(answer->head);
  }
}

// Host and path of storage may be as good as a secret, so they are for the operator's log alone.
Error RegistryClient::Impl::redirect_failed(const RegistryClientRequest& request, const Error& error) const {
  log.warning("redirect_failed",
              {{"route", settings.name}, {"path", request.path}, {"error", error.message}});
  const std::string asked = targets.registry.text() + request.path + ": ";
  return Error(error.kind, asked + std::string(said_of_redirect(error.kind)), error.retry_after_s);
}

HttpClientRequest RegistryClient::Impl::request_for(const Url& url, const RegistryClientRequest& request,
                                                    const std::string& authorization) const {
  HttpClientRequest sent(request.method, url.text());
  sent.headers = request.headers;
  sent.headers.remove("Authorization");
  if (!authorization.empty()) sent.headers.add("Authorization", authorization);
  if (url.endpoint() == targets.registry && !settings.hop_name.empty())
    sent.headers.set("Via", request.hops.via(settings.hop_name));
  sent.timeout_ms = request.timeout_ms;
  sent.stall_timeout_ms = request.stall_timeout_ms;
  sent.receive_bytes = request.receive_bytes;
  sent.may_connect = [this, endpoint = url.endpoint()](const IpAddress& address) {
    return targets.may_connect(endpoint, address);
  };
  return sent;
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

const std::optional<std::string>& RegistryClient::peer() const { return impl_->peer; }
const RegistryClientSettings& RegistryClient::settings() const { return impl_->settings; }
const RegistryClientStats& RegistryClient::stats() const { return impl_->stats; }
void RegistryClient::observe_latency(Observe observe) { impl_->client.observe_latency(std::move(observe)); }
void RegistryClient::observe_use(ObserveUse observe) { impl_->client.observe_use(std::move(observe)); }

}  // namespace breakwater::proxy

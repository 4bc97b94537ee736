#include "routes/router.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>
#include <memory>
#include <utility>

#include "proxy/http/http.h"
#include "routes/access/challenge.h"
#include "routes/access/token_request.h"
#include "routes/oci/media_type.h"
#include "routes/oci/oci_error.h"
#include "routes/ops/audited_requests.h"

namespace breakwater::routes {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr proxy::Millis kTurnWaitMax(30'000);  // while a client has as many requests as it may
constexpr int64_t kTurnRetryAfterS = 5;
constexpr std::string_view kReadOnly =
    "this registry is read-only for now, because its operator has switched that on: pulls go on, push again "
    "later";
// Begins the reasons that are about what one client has.
constexpr std::string_view kOfClient = "client_";
constexpr std::string_view kNameCounts =
    "a name counts here: log in; who has none gets a token for what anybody may";
constexpr size_t kLoggedTargetBytesMax = 512;
constexpr size_t kLoggedHeaderBytesMax = 128;

// nginx's status for a client that left before it got an answer.
constexpr int kClientLeft = 499;

constexpr std::string_view kOnlyRead = "this path is only read; use GET";

std::string_view path_of(const proxy::Request& request) {
  return std::string_view(request.target).substr(0, request.target.find('?'));
}

bool is_read(std::string_view method) { return method == "GET" || method == "HEAD"; }

bool is_logged_parameter(std::string_view key) { return key == "ns" || key == "n" || key == "last"; }

bool is_printable(char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '\\'; }

void append_printable(std::string& text, std::string_view more) {
  const auto from = static_cast<ptrdiff_t>(text.size());
  text += more.substr(0, kLoggedTargetBytesMax - text.size());
  std::transform(text.begin() + from, text.end(), text.begin() + from,
                 [](char c) { return is_printable(c) ? c : '?'; });
}

// The tag or the digest, as it stands in the path.
std::string_view reference_of(const OciPath& path, std::string_view logged) {
  if (!path.digest) return path.tag;
  const auto plain = logged.substr(0, logged.find('?'));
  return plain.substr(plain.rfind('/') + 1);
}

void note_upstream(RequestContext& context) {
  auto note = std::make_shared<proxy::UpstreamNote>();
  context.asker.hops.note_in(note);
  context.upstream = std::move(note);
}

bool is_base(std::string_view plain_path) { return plain_path == "/v2/" || plain_path == "/v2"; }

void reply_ok(proxy::Exchange& exchange, std::string_view content_type, std::string_view body) {
  auto headers = base_headers();
  headers.add("Content-Type", std::string(content_type));
  exchange.reply(200, std::move(headers), body);
}

void reply_token(proxy::Exchange& exchange, const std::string& token) {
  auto headers = base_headers();
  headers.add("Content-Type", std::string(kJson));
  headers.add("Cache-Control", "no-store");
  exchange.reply(200, std::move(headers), bearer_answer(token));
}

}  // namespace

std::string loggable(std::string_view target) {
  const size_t question = target.find('?');
  std::string text;
  append_printable(text, target.substr(0, question));
  if (question == std::string_view::npos) return text;
  std::string_view rest = target.substr(question);
  while (!rest.empty()) {
    const size_t end = rest.find('&', 1);
    const auto parameter = rest.substr(1, end == std::string_view::npos ? end : end - 1);
    const size_t equals = parameter.find('=');
    append_printable(text, rest.substr(0, 1));
    append_printable(
        text, is_logged_parameter(parameter.substr(0, equals)) ? parameter : parameter.substr(0, equals));
    if (equals != std::string_view::npos && !is_logged_parameter(parameter.substr(0, equals)))
      append_printable(text, "=-");
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end);
  }
  return text;
}

// Writes the access line and the metrics of one request when the request ends, however it ends: this object
// lives in the frame of the request's Task.
class Router::AccessRecord {
 public:
  AccessRecord(Router& router, const proxy::Exchange& exchange, const RequestContext& context)
      : router_(router), exchange_(exchange), context_(context), exceptions_(std::uncaught_exceptions()) {
    ++router_.requests_running_;
  }
  AccessRecord(const AccessRecord&) = delete;
  AccessRecord& operator=(const AccessRecord&) = delete;
  ~AccessRecord() {
    --router_.requests_running_;
    const auto now = SteadyClock::now();
    const double seconds = std::chrono::duration<double>(now - begun_).count();
    const auto& request = exchange_.request();
    auto& counts =
        context_.route == router_.settings_.route ? router_.counts_ : router_.metrics_.of(context_.route);
    counts.count_request({request.method, context_.path.kind, status(), context_.cache, seconds,
                          exchange_.bytes_sent(), context_.pushed_bytes});
    const auto& client = exchange_.client();
    if (client != nullptr && context_.refused.starts_with(kOfClient)) {
      client->refused(context_.route, context_.refused);
    } else if (!context_.refused.empty()) {
      counts.refused(context_.refused);
    }
    log(request, seconds);
    const EndedRequest ended{exchange_, context_, status(), seconds, now};
    if (router_.history_ != nullptr) router_.observers_.history->count(history(), ended);
    if (router_.observers_.ring != nullptr) router_.observers_.ring->add(ended);
    if (router_.observers_.audit == nullptr) return;
    auto not_done = audit_entry(exchange_, context_, status(), reason());
    if (not_done) router_.observers_.audit->note(*std::move(not_done));
  }

  void ended() { ended_ = true; }

 private:
  // The server answers 500 for a Task that ends without a reply. A Task that is destroyed before has lost its
  // client.
  int status() const {
    if (exchange_.started()) return exchange_.status();
    return ended_ || std::uncaught_exceptions() > exceptions_ ? 500 : kClientLeft;
  }

  RouteHistory& history() const {
    const bool is_own = context_.route == router_.settings_.route;
    return is_own ? *router_.history_ : router_.observers_.history->of(context_.route);
  }

  // Fields that have no value are left out, because access lines are many.
  void log(const proxy::Request& request, double seconds) const {
    const std::string path = loggable(request.target);
    std::array<store::Log::Field, 18> fields = {{
        {"route", context_.route},
        {"client", exchange_.peer().text},
        {"method", request.method},
        {"path", path},
        {"status", int64_t{status()}},
        {"bytes", static_cast<int64_t>(exchange_.bytes_sent())},
        {"seconds", seconds},
        {"cache", name_of(context_.cache)},
        {"trace", context_.trace},
    }};
    size_t count = 9;
    const auto add = [&](std::string_view key, std::string_view value) {
      if (!value.empty()) fields[count++] = {key, value};
    };
    add("user", context_.user);
    add("repository", context_.path.name);
    add("reference", reference_of(context_.path, path));
    add("user_agent", request.headers.get("User-Agent").substr(0, kLoggedHeaderBytesMax));
    add("range", request.headers.get("Range").substr(0, kLoggedHeaderBytesMax));
    if (context_.upstream != nullptr && context_.upstream->seconds > 0) {
      if (context_.upstream->status != 0)
        fields[count++] = {"upstream_status", int64_t{context_.upstream->status}};
      fields[count++] = {"upstream_seconds", context_.upstream->seconds};
    }
    add("reason", reason());
    // What the request waited for, if it did not end normally.
    if (!ended_) add("end", exchange_.step());
    router_.log_.write(store::Log::Level::info, "request", std::span(fields.data(), count));
  }

  // Never empty from 400 on.
  std::string_view reason() const {
    if (!context_.error.empty() || status() < 400) return context_.error;
    if (status() == kClientLeft) return "the client left before it had an answer";
    return "the route ended before its reply";
  }

  Router& router_;
  const proxy::Exchange& exchange_;
  const RequestContext& context_;
  int exceptions_;
  SteadyClock::time_point begun_ = SteadyClock::now();
  bool ended_ = false;
};

Router::Router(proxy::Loop& loop, RouterSettings settings, Namespaces& namespaces, Metrics& metrics,
               store::Log& log, RouterObservers observers)
    : loop_(loop),
      settings_(std::move(settings)),
      namespaces_(namespaces),
      metrics_(metrics),
      counts_(metrics.of(settings_.route)),
      log_(log),
      observers_(observers),
      history_(observers.history == nullptr ? nullptr : &observers.history->of(settings_.route)) {}

proxy::Route Router::route() {
  return [this](proxy::Exchange& exchange) { return serve(exchange); };
}

proxy::Task<> Router::serve(proxy::Exchange& exchange) {
  RequestContext context;
  context.trace = exchange.id();
  context.route = settings_.route;
  context.asker = proxy::Asker(proxy::Hops::of(exchange.request().headers), exchange.client());
  if (!settings_.writable) note_upstream(context);
  AccessRecord record(*this, exchange, context);
  if (requests_running_ > settings_.requests_max) {
    reply_error(exchange, Error{Error::Kind::unavailable, "as many requests are served as may be at once", 1},
                OciSubject::name, context);
  } else if (const auto refusal = host_refusal(settings_.hosts, exchange.request())) {
    context.refused = refusal->reason;
    reply_denied(exchange, refusal->message, context);
  } else {
    bool is_its_turn = exchange.take_turn();
    if (!is_its_turn) is_its_turn = co_await exchange.wait_for_turn(loop_.now() + kTurnWaitMax);
    if (is_its_turn) {
      try {
        co_await dispatch(exchange, context);
      } catch (const std::exception& error) {
        context.error = error.what();
        throw;
      }
    } else {
      reply_has_its_share(exchange, context);
    }
  }
  record.ended();
}

bool Router::is_let_in(proxy::Exchange& exchange, const Answerer& answerer, RequestContext& context) const {
  const auto entry = let_in(exchange.peer(), *namespaces_.self().access, *answerer.access);
  if (entry.verdict == Verdict::allowed) return true;
  // Clients begin with GET /v2/, and print no message of a refusal there.
  if (is_read(exchange.request().method) && is_base(path_of(exchange.request()))) {
    reply_ok(exchange, kJson, "{}");
  } else {
    reply_denied(exchange, entry.why, context);
  }
  return false;
}

// Where nobody needs a name to do anything, what clients have for other registries is not looked at.
proxy::Task<std::optional<Router::Who>> Router::identify(proxy::Exchange& exchange, const Answerer& answerer,
                                                         RequestContext& context) {
  Who who;
  if (!exchange.peer().subject.empty()) who.identity.emplace().name = exchange.peer().subject;
  const bool counts = settings_.writable || answerer.access->rules.has_value();
  who.can_log_in = counts && settings_.authenticator != nullptr && settings_.authenticator->knows_anybody();
  if (who.can_log_in) {
    auto given = co_await settings_.authenticator->identify(exchange.request().headers, exchange.peer());
    if (!given) {
      reply_not_identified(exchange, given.error(), answerer, context);
      co_return std::nullopt;
    }
    if (*given) who.identity = std::move(*given);
  }
  if (who.identity) context.user = who.identity->name;
  co_return who;
}

void Router::reply_not_identified(proxy::Exchange& exchange, const Error& error, const Answerer& answerer,
                                  RequestContext& context) const {
  std::string why = error.remedy.empty() ? error.message : error.message + "; " + error.remedy;
  if (error.kind == Error::Kind::denied) {
    context.refused = "credentials";
    const Who nobody{std::nullopt, true};
    const auto path = path_of(exchange.request());
    auto text = path == kTokenPath ? basic_challenge(settings_.route)
                                   : challenge(exchange, Action::pull, answerer, nobody, "");
    return reply_unauthorized(exchange, std::move(text), why, context);
  }
  if (error.kind == Error::Kind::invalid) {
    context.refused = "credentials";
    return reply_oci(exchange, {400, "UNAUTHORIZED", "", ""}, base_headers(context), why, context);
  }
  if (error.kind == Error::Kind::throttled) context.refused = "client_passwords";
  reply_error(exchange, error, OciSubject::name, context);
}

bool Router::is_authorized(proxy::Exchange& exchange, Action action, const Answerer& answerer, const Who& who,
                           RequestContext& context) const {
  const auto& request = exchange.request();
  const auto& name = context.path.name;
  const std::string repository = name.empty() ? "" : answerer.kept_as(name);
  const auto decision = authorize({exchange.peer(), who.get(), who.can_log_in}, action,
                                  {*namespaces_.self().access, *answerer.access, repository, name});
  const bool is_first_question = is_read(request.method) && is_base(path_of(request));
  const bool is_silent = request.headers.find("Authorization") == nullptr && !who.identity;
  const bool is_asked_for_name = is_first_question && is_silent && settings_.writable &&
                                 what_a_name_helps(exchange, answerer, who) != NameHelps::nothing;
  if (decision.verdict == Verdict::allowed && !is_asked_for_name) return true;
  if (decision.verdict == Verdict::needs_name || is_asked_for_name) {
    const std::string_view why = is_asked_for_name ? kNameCounts : std::string_view(decision.why);
    reply_unauthorized(exchange, challenge(exchange, action, answerer, who, name), why, context);
  } else if (is_first_question) {
    reply_ok(exchange, kJson, "{}");
  } else {
    reply_denied(exchange, decision.why, context);
  }
  return false;
}

NameHelps Router::what_a_name_helps(const proxy::Exchange& exchange, const Answerer& answerer,
                                    const Who& who) const {
  if (!who.can_log_in) return NameHelps::nothing;
  const Actions wanted =
      settings_.writable ? Actions{Action::pull, Action::push, Action::remove} : Actions{Action::pull};
  return routes::what_a_name_helps(exchange.peer(), wanted, *answerer.access);
}

// What is challenged at GET /v2/ is what most clients do from then on. Those that never ask it take the
// challenge of each request, and have a password or need one: not all of them reach /token behind a
// certificate of a private authority. dockerd follows no Bearer challenge of a mirror.
std::string Router::challenge(const proxy::Exchange& exchange, Action action, const Answerer& answerer,
                              const Who& who, const std::string& name) const {
  const auto& request = exchange.request();
  const bool had_token = request.headers.get("Authorization").starts_with("Bearer ");
  const bool is_first_question = is_base(path_of(request));
  const bool is_bearer = had_token || (is_first_question && settings_.writable &&
                                       what_a_name_helps(exchange, answerer, who) == NameHelps::some);
  const std::string scope = is_first_question ? "" : scope_text(action, name);
  const bool lacks_scope = who.identity && who.identity->scopes;
  auto text = is_bearer ? bearer_challenge(exchange, settings_.route, scope, lacks_scope) : std::string();
  return text.empty() ? basic_challenge(settings_.route) : text;
}

bool Router::may_sign(const proxy::Exchange& exchange, const Answerer& answerer, const Who& who,
                      const std::string& name) const {
  if (!answerer.access->rules && !who.identity) return false;
  const std::string repository = answerer.kept_as(name);
  const Asked asked{*namespaces_.self().access, *answerer.access, repository, name};
  return authorize({exchange.peer(), who.get()}, Action::sign, asked).verdict == Verdict::allowed;
}

// Asked by any thread, while the request runs.
std::function<bool(const std::string&)> Router::may_pull(const proxy::Exchange& exchange,
                                                         const Answerer& answerer, const Who& who) const {
  std::optional<Identity> identity = who.identity;
  if (identity) identity = listing_for(*std::move(identity), settings_.route);
  return [listener = namespaces_.self().access, route = answerer.access, peer = exchange.peer(),
          identity = std::move(identity)](const std::string& repository) {
    const Caller caller{peer, identity ? &*identity : nullptr};
    return authorize(caller, Action::pull, {*listener, *route, repository}).verdict == Verdict::allowed;
  };
}

bool Router::is_token_path(std::string_view path) const {
  return path == kTokenPath && settings_.passes != nullptr && settings_.authenticator != nullptr &&
         settings_.authenticator->knows_anybody();
}

proxy::Task<> Router::serve_token(proxy::Exchange& exchange, RequestContext& context) {
  const auto& request = exchange.request();
  const auto& self = namespaces_.self();
  if (request.method != "GET")
    co_return reply_not_allowed(exchange, "GET", "tokens are asked for by GET", context);
  auto given = co_await settings_.authenticator->identify(request.headers, exchange.peer());
  if (!given) co_return reply_not_identified(exchange, given.error(), self, context);
  auto identity = *std::move(given);
  if (!identity && !exchange.peer().subject.empty()) identity.emplace().name = exchange.peer().subject;
  const Caller nobody{exchange.peer(), nullptr, true};
  if (!identity &&
      authorize(nobody, Action::pull, {*self.access, *self.access, {}}).verdict != Verdict::allowed)
    co_return reply_unauthorized(exchange, basic_challenge(settings_.route),
                                 "nobody may do anything here without a name; log in", context);
  const auto target = std::string_view(request.target);
  auto scopes =
      scopes_of_query(target.substr(std::min(target.size(), kTokenPath.size() + 1)), settings_.route);
  if (!scopes)
    co_return reply_oci(exchange, {400, "UNSUPPORTED", "", ""}, base_headers(context), scopes.error().message,
                        context);
  if (identity) context.user = identity->name;
  const auto token =
      settings_.passes->issue(Pass::bearer, identity ? &*identity : nullptr, *std::move(scopes));
  reply_token(exchange, token);
}

std::string Router::read_only_text() const {
  const std::string why = "route " + settings_.route + " is a mirror, which is only read; push to ";
  return why + (settings_.push_to.empty() ? "the registry that it mirrors" : settings_.push_to);
}

void Router::reply_has_its_share(proxy::Exchange& exchange, RequestContext& context) {
  context.refused = "client_requests";
  const std::string reason = "as many requests of " + exchange.client()->address() +
                             " are at work as one client may have (per_client.requests)";
  reply_error(exchange, Error{Error::Kind::throttled, reason, kTurnRetryAfterS}, OciSubject::name, context);
}

proxy::Task<> Router::dispatch(proxy::Exchange& exchange, RequestContext& context) {
  const auto& request = exchange.request();
  const auto plain_path = path_of(request);
  if (!is_let_in(exchange, namespaces_.self(), context)) co_return;
  if (!is_read(request.method) && !settings_.writable) {
    reply_not_allowed(exchange, "GET, HEAD", read_only_text(), context);
    co_return;
  }
  if (plain_path == "/" || plain_path == "/healthz") {
    if (is_read(request.method))
      reply_ok(exchange, "text/plain", "ok");
    else
      reply_not_allowed(exchange, "GET, HEAD", kOnlyRead, context);
    co_return;
  }
  if (is_token_path(plain_path)) co_return co_await serve_token(exchange, context);
  auto path = parse_oci_path(request.target);
  if (!path) {
    reply_path_error(exchange, path.error(), context);
    co_return;
  }
  context.path = *std::move(path);
  co_await serve_path(exchange, context);
}

// Of the base and of paths that nobody knows the listener's own route decides.
proxy::Task<> Router::serve_path(proxy::Exchange& exchange, RequestContext& context) {
  const auto& request = exchange.request();
  const OciPath& path = context.path;
  const bool is_of_registry = path.kind != OciPath::Kind::base && path.kind != OciPath::Kind::unknown;
  const auto answerer =
      is_of_registry ? namespaces_.choose(path.query.ns) : Result<Answerer>(namespaces_.self());
  if (!answerer) co_return reply_error(exchange, answerer.error(), OciSubject::name, context);
  const auto action = is_of_registry ? action_of(request.method, path.kind) : Action::pull;
  if (!is_let_in(exchange, *answerer, context)) co_return;
  const auto who = co_await identify(exchange, *answerer, context);
  if (!who) co_return;
  if (!is_authorized(exchange, action, *answerer, *who, context)) co_return;
  if (!is_served_now(exchange, context)) co_return;
  if (path.kind == OciPath::Kind::unknown) co_return reply_no_such_path(exchange, context);
  if (!is_of_registry && is_read(request.method)) co_return reply_ok(exchange, kJson, "{}");
  if (!is_of_registry) co_return reply_not_allowed(exchange, "GET, HEAD", kOnlyRead, context);
  const auto registry = namespaces_.registry(*answerer);
  if (!registry) co_return reply_error(exchange, registry.error(), OciSubject::name, context);
  if (answerer->named) {
    context.oci_namespace = path.query.ns;
    context.route = answerer->access->route;
  }
  context.may_sign = path.kind == OciPath::Kind::manifest && may_sign(exchange, *answerer, *who, path.name);
  const bool sees_all = !answerer->access->rules && !who->identity;
  if (!sees_all) context.may_pull_from = may_pull(exchange, *answerer, *who);
  co_await (*registry)->serve(exchange, path, context);
}

// Else it is answered.
bool Router::is_served_now(proxy::Exchange& exchange, RequestContext& context) {
  if (!is_read(exchange.request().method) && settings_.is_read_only()) {
    context.refused = "read_only";
    reply_denied(exchange, kReadOnly, context);
    return false;
  }
  const auto away = settings_.away();
  if (away) reply_error(exchange, *away, OciSubject::name, context);
  return !away;
}

}  // namespace breakwater::routes

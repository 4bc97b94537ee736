#include "routes/ops/admin.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "routes/oci/oci_error.h"
#include "routes/oci/request_context.h"
#include "routes/ops/operations.h"
#include "store/base/digest.h"

namespace breakwater::routes {
namespace {

constexpr std::string_view kIndex = "index.html";
constexpr std::string_view kFiles = "/-/";
// What was sent on by somebody has one of these.
constexpr std::array<std::string_view, 3> kOfProxies = {"Forwarded", "X-Forwarded-For", "Via"};
constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

// A stream of events by Authorization ends then: whoever goes on says anew who he is.
constexpr std::chrono::minutes kNamedStreamFor(5);

std::string_view content_type_of(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kTypes = {
      {{".html", "text/html; charset=utf-8"},
       {".js", "text/javascript; charset=utf-8"},
       {".css", "text/css; charset=utf-8"},
       {".svg", "image/svg+xml"}}};
  for (const auto& [ending, type] : kTypes) {
    if (name.ends_with(ending)) return type;
  }
  return "application/octet-stream";
}

// Whether Accept-Encoding names it, and not with a weight of 0.
bool accepts(std::string_view header, std::string_view encoding) {
  while (!header.empty()) {
    auto one = header.substr(0, header.find(','));
    header.remove_prefix(std::min(header.size(), one.size() + 1));
    const size_t semicolon = one.find(';');
    auto name = one.substr(0, semicolon);
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with(' ')) name.remove_suffix(1);
    if (!proxy::same_token(name, encoding)) continue;
    if (semicolon == std::string_view::npos) return true;
    const auto weight = one.substr(semicolon);
    const size_t equals = weight.find('=');
    return equals == std::string_view::npos || weight.find_first_of("123456789", equals) != weight.npos;
  }
  return false;
}

void reply_json(proxy::Exchange& exchange, int status, const Json& json, proxy::Headers headers) {
  headers.add("Content-Type", "application/json");
  headers.add("Cache-Control", "no-store");
  exchange.reply(status, std::move(headers),
                 json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

// A challenge for Basic would make a browser open a dialog of its own.
void reply_refused(proxy::Exchange& exchange, int status, const Error& error) {
  auto headers = base_headers();
  if (status == 401) headers.add("WWW-Authenticate", "Bearer realm=\"breakwater\"");
  if (error.retry_after_s > 0) headers.add("Retry-After", std::to_string(error.retry_after_s));
  reply_json(exchange, status, error_json(error), std::move(headers));
}

// Of who is not who he says.
void reply_not_identified(proxy::Exchange& exchange, Error error) {
  const int status = error.kind == Error::Kind::denied ? 401 : api_status_of(error);
  if (!error.remedy.empty()) error.message += "; " + error.remedy;
  reply_refused(exchange, status, error);
}

// The header of a proxy that says nothing of who asks; "" if none has sent it on.
std::string_view proxy_header_of(const proxy::Exchange& exchange) {
  if (exchange.peer().is_told) return {};
  for (const auto header : kOfProxies) {
    if (exchange.request().headers.find(header) != nullptr) return header;
  }
  return {};
}

RouteAccess access_of(AdminSettings& settings) {
  return {"",
          {"admin.allow", settings.allow},
          {"admin.allow_admin", std::move(settings.allow_act)},
          std::move(settings.access)};
}

RouteAccess without_addresses(RouteAccess access) {
  access.allow_change.networks = Networks();
  if (!access.rules) return access;
  for (AccessRule& rule : *access.rules) rule.networks = Networks();
  return access;
}

bool is_read(const proxy::Request& request) { return request.method == "GET" || request.method == "HEAD"; }

}  // namespace

Admin::Admin(AskApi api, Metrics& metrics, AdminSettings settings, std::span<const PageFile> files)
    : api_(std::move(api)),
      metrics_(metrics),
      access_(access_of(settings)),
      by_name_(without_addresses(access_)),
      callers_(settings.authenticator, settings.passes),
      routes_(std::move(settings.routes)),
      hosts_(std::move(settings.hosts)) {
  for (const auto& file : files) {
    const auto digest = store::digest_of(store::Algorithm::sha256, file.content);
    const auto kept = [](std::string_view text) { return std::make_shared<const std::string>(text); };
    files_.push_back({std::string(file.name), digest.hex().substr(0, 20), kept(file.content), kept(file.gzip),
                      kept(file.zstd)});
  }
}

proxy::Route Admin::route() {
  return [this](proxy::Exchange& exchange) { return serve(exchange); };
}

std::optional<Admin::Refusal> Admin::entry_refusal(const proxy::Exchange& exchange) {
  auto entry = let_in(exchange.peer(), access_, access_);
  if (entry.verdict != Verdict::allowed)
    return Refusal{403, Error(Error::Kind::denied, std::move(entry.why), 0)};
  if (const auto refused = host_refusal(hosts_, exchange.request())) {
    metrics_.of("admin").refused(refused->reason);
    return Refusal{403, Error(Error::Kind::denied, refused->message, 0)};
  }
  return std::nullopt;
}

std::string Admin::why_by_rules(const proxy::Peer& peer, const Who& who, Action action,
                                Verdict verdict) const {
  const std::string name = who.identity ? who.identity->name : "the address " + peer.text;
  const std::string what = action == Action::administer ? " may not administer" : " may not look";
  return name + what + " by \"admin.access\"" +
         (verdict == Verdict::needs_name ? " without a name; sign in" : "; add a rule there, if it may");
}

// Without rules a name helps nobody: the addresses decide.
std::optional<Admin::Refusal> Admin::refusal(const proxy::Peer& peer, const Who& who, Action action,
                                             const RouteAccess& access) const {
  const Caller caller{peer, who.get(), access.rules && callers_.can_sign_in()};
  auto decision = authorize(caller, action, {access, access, {}});
  if (decision.verdict == Verdict::allowed) return std::nullopt;
  const bool is_of_token = who.identity && (who.identity->grant || who.identity->scopes);
  if (access.rules && !is_of_token) decision.why = why_by_rules(peer, who, action, decision.verdict);
  const int status = decision.verdict == Verdict::needs_name ? 401 : 403;
  return Refusal{status, Error(Error::Kind::denied, std::move(decision.why), 0)};
}

std::optional<Admin::Refusal> Admin::look_refusal(const proxy::Exchange& exchange, const Who& who) const {
  return refusal(exchange.peer(), who, Action::pull, access_);
}

std::optional<Admin::Refusal> Admin::act_refusal(const proxy::Exchange& exchange, const Who& who) const {
  const auto header = proxy_header_of(exchange);
  if (header.empty()) return refusal(exchange.peer(), who, Action::administer, access_);
  auto refused = refusal(exchange.peer(), who, Action::administer, by_name_);
  if (refused && (!who.identity || !access_.rules))
    refused->error.message =
        "a proxy has sent this on (" + std::string(header) +
        "), so its address tells nothing of who asks: name it in trusted_proxies and have it "
        "say who does, sign in as somebody whom \"admin.access\" names, ask Breakwater "
        "directly, or use the command on its machine";
  return refused;
}

Sight Admin::sight_of(const proxy::Exchange& exchange, const Who& who) const {
  return {exchange.peer(), who.get(), routes_};
}

ApiCaller Admin::caller_of(const proxy::Exchange& exchange, const Who& who) const {
  ApiCaller caller;
  if (who.identity) caller.user = who.identity->name;
  caller.sight = sight_of(exchange, who);
  const bool is_by_authorization =
      who.identity && who.session.empty() && exchange.request().headers.find("Authorization") != nullptr;
  if (is_by_authorization)
    caller.goes_on = [until = std::chrono::steady_clock::now() + kNamedStreamFor] {
      return std::chrono::steady_clock::now() < until;
    };
  if (!who.session.empty())
    caller.goes_on = [this, session = who.session, peer = exchange.peer()] {
      return callers_.is_valid(session, peer);
    };
  return caller;
}

void Admin::reply_caller(proxy::Exchange& exchange, const Who& who) const {
  Json json;
  json["client"] = exchange.peer().text;
  if (who.identity) json["user"] = who.identity->name;
  json["signed_in"] = !who.session.empty();
  json["can_sign_in"] = callers_.can_sign_in();
  auto refused = look_refusal(exchange, who);
  json["may_look"] = !refused;
  json["sees_all"] = !refused && sight_of(exchange, who).is_of_all();
  if (!refused) refused = act_refusal(exchange, who);
  json["may_act"] = !refused;
  if (refused) json["why_not"] = refused->error.message;
  reply_json(exchange, 200, json, base_headers());
}

proxy::Task<> Admin::serve_session(proxy::Exchange& exchange) {
  const auto& method = exchange.request().method;
  auto headers = base_headers();
  if (method == "DELETE") {
    headers.add("Set-Cookie", callers_.sign_out(exchange));
    co_return reply_json(exchange, 200, Json::object(), std::move(headers));
  }
  if (method != "POST") {
    headers.add("Allow", "POST, DELETE");
    const Error error(Error::Kind::invalid, "a session is begun by POST and ended by DELETE", 0);
    co_return reply_json(exchange, 405, error_json(error), std::move(headers));
  }
  auto signed_in = co_await callers_.sign_in(exchange);
  if (!signed_in) co_return reply_not_identified(exchange, std::move(signed_in.error()));
  Json json;
  json["user"] = signed_in->user;
  headers.add("Set-Cookie", std::move(signed_in->cookie));
  reply_json(exchange, 200, json, std::move(headers));
}

const Admin::Served* Admin::find(std::string_view name) const {
  const auto found =
      std::find_if(files_.begin(), files_.end(), [name](const auto& one) { return one.name == name; });
  return found == files_.end() ? nullptr : &*found;
}

// Whatever is not one of the files is a place in the page, which says itself if there is no such thing.
void Admin::reply_file(proxy::Exchange& exchange, std::string_view path) const {
  const bool is_file = path.starts_with(kFiles);
  const auto* served = find(is_file ? path.substr(kFiles.size()) : kIndex);
  auto headers = base_headers();
  if (served == nullptr) {
    headers.add("Content-Type", "text/plain; charset=utf-8");
    headers.add("Cache-Control", "no-store");
    return exchange.reply(404, std::move(headers),
                          is_file ? std::string_view("there is no such file of the page\n")
                                  : std::string_view("this build has no page; the API is at /api/v1/\n"));
  }
  const auto& request = exchange.request();
  const auto accepted = request.headers.get("Accept-Encoding");
  const std::string encoding = accepts(accepted, "zstd") ? "zstd" : accepts(accepted, "gzip") ? "gzip" : "";
  const auto& body = encoding.empty() ? served->content : encoding == "zstd" ? served->zstd : served->gzip;
  const std::string etag = "\"" + served->etag + (encoding.empty() ? "" : "-") + encoding + "\"";
  headers.add("ETag", etag);
  headers.add("Vary", "Accept-Encoding");
  headers.add("Cache-Control", is_file ? "public, max-age=31536000, immutable" : "no-cache");
  headers.add("Content-Security-Policy", std::string(kPolicy));
  headers.add("Referrer-Policy", "no-referrer");
  headers.add("X-Frame-Options", "DENY");
  headers.add("Cross-Origin-Opener-Policy", "same-origin");
  headers.add("Cross-Origin-Resource-Policy", "same-origin");
  if (request.headers.get("If-None-Match").find(etag) != std::string_view::npos)
    return exchange.reply(304, std::move(headers), std::string_view());
  headers.add("Content-Type", std::string(content_type_of(served->name)));
  if (!encoding.empty()) headers.add("Content-Encoding", encoding);
  exchange.reply(200, std::move(headers), body);
}

proxy::Task<> Admin::serve(proxy::Exchange& exchange) {
  const auto& request = exchange.request();
  const auto path = std::string_view(request.target).substr(0, request.target.find('?'));
  RequestContext context;
  context.trace = exchange.id();
  if (const auto refused = entry_refusal(exchange))
    co_return reply_refused(exchange, refused->status, refused->error);
  if (!path.starts_with(kApiPath)) {
    if (is_read(request)) co_return reply_file(exchange, path);
    co_return reply_not_allowed(exchange, "GET, HEAD", "pages are read; the API is at /api/v1/", context);
  }
  co_return co_await serve_api(exchange, path.substr(kApiPath.size()));
}

// `path` is below /api/v1/.
proxy::Task<> Admin::serve_api(proxy::Exchange& exchange, std::string_view path) {
  const auto& request = exchange.request();
  if (path == "session") co_return co_await serve_session(exchange);
  auto who = co_await callers_.identify(exchange);
  if (!who) co_return reply_not_identified(exchange, std::move(who.error()));
  if (path == "caller" && is_read(request)) co_return reply_caller(exchange, *who);
  const auto* operation = operation_at(path, request.method);
  const bool is_for_administrators =
      request.method != "GET" ||
      (operation != nullptr && operation->tells == Operation::Tells::administrators);
  auto refused = look_refusal(exchange, *who);
  if (!refused && is_for_administrators) refused = act_refusal(exchange, *who);
  if (refused) co_return reply_refused(exchange, refused->status, refused->error);
  if (operation != nullptr && operation->is_of_machine) {
    const Error error(
        Error::Kind::denied,
        "it names a folder of the machine: use breakwater " + std::string(operation->verb) + " there", 0);
    co_return reply_refused(exchange, 403, error);
  }
  auto caller = caller_of(exchange, *who);
  co_await api_(exchange, std::move(caller));
}

}  // namespace breakwater::routes

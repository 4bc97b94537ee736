#include "routes/ops/admin.h"

#include <algorithm>
#include <array>
#include <utility>

#include "routes/oci/oci_error.h"
#include "routes/oci/request_context.h"
#include "routes/ops/api.h"
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

void reply_error_json(proxy::Exchange& exchange, int status, const Error& error) {
  auto headers = base_headers();
  headers.add("Content-Type", "application/json");
  headers.add("Cache-Control", "no-store");
  exchange.reply(status, std::move(headers), error_json(error).dump() + "\n");
}

bool is_read(const proxy::Request& request) { return request.method == "GET" || request.method == "HEAD"; }

}  // namespace

Admin::Admin(proxy::Route api, Metrics& metrics, AdminSettings settings, std::span<const PageFile> files)
    : api_(std::move(api)),
      metrics_(metrics),
      access_{"",
              {"admin.allow", std::move(settings.allow)},
              {"admin.allow_admin", std::move(settings.allow_act)},
              std::nullopt},
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

std::optional<Error> Admin::refusal(const proxy::Exchange& exchange, Action action) const {
  auto decision = authorize({exchange.peer()}, action, {access_, access_, {}});
  if (decision.verdict == Verdict::allowed) return std::nullopt;
  return Error(Error::Kind::denied, std::move(decision.why), 0);
}

std::optional<Error> Admin::look_refusal(const proxy::Exchange& exchange) {
  if (auto refused = refusal(exchange, Action::pull)) return refused;
  if (const auto refused = host_refusal(hosts_, exchange.request())) {
    metrics_.of("admin").refused(refused->reason);
    return Error(Error::Kind::denied, refused->message, 0);
  }
  return std::nullopt;
}

std::optional<Error> Admin::act_refusal(const proxy::Exchange& exchange) const {
  for (const auto header : kOfProxies) {
    if (!exchange.peer().is_told && exchange.request().headers.find(header) != nullptr)
      return Error(Error::Kind::denied,
                   "a proxy has sent this on (" + std::string(header) +
                       "), so its address tells nothing of who asks: name it in trusted_proxies and have it "
                       "say who does, ask Breakwater directly, or use the command on its machine",
                   0);
  }
  return refusal(exchange, Action::administer);
}

void Admin::reply_caller(proxy::Exchange& exchange) const {
  Json json;
  json["client"] = exchange.peer().text;
  const auto refused = act_refusal(exchange);
  json["may_act"] = !refused;
  if (refused) json["why_not"] = refused->message;
  auto headers = base_headers();
  headers.add("Content-Type", "application/json");
  headers.add("Cache-Control", "no-store");
  exchange.reply(200, std::move(headers), json.dump() + "\n");
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
  if (const auto refused = look_refusal(exchange)) co_return reply_error_json(exchange, 403, *refused);
  if (!path.starts_with(kApiPath)) {
    if (is_read(request)) co_return reply_file(exchange, path);
    co_return reply_not_allowed(exchange, "GET, HEAD", "pages are read; the API is at /api/v1/", context);
  }
  const auto operation_path = path.substr(kApiPath.size());
  if (operation_path == "caller" && is_read(request)) co_return reply_caller(exchange);
  if (request.method != "GET") {
    if (const auto refused = act_refusal(exchange)) co_return reply_error_json(exchange, 403, *refused);
  }
  const auto* operation = operation_at(operation_path, request.method);
  if (operation != nullptr && operation->is_of_machine) {
    const Error error(
        Error::Kind::denied,
        "it names a folder of the machine: use breakwater " + std::string(operation->verb) + " there", 0);
    co_return reply_error_json(exchange, 403, error);
  }
  co_await api_(exchange);
}

}  // namespace breakwater::routes

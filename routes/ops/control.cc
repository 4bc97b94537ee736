#include "routes/ops/control.h"

#include <stop_token>
#include <utility>
#include <vector>

#include "routes/oci/oci_error.h"
#include "routes/oci/oci_path.h"
#include "routes/oci/request_context.h"
#include "routes/ops/explanations.h"
#include "store/base/printable.h"
#include "store/blobs/parts.h"
#include "store/upkeep/backup.h"
#include "store/upkeep/explaining.h"

namespace breakwater::routes {
namespace {

constexpr size_t kBodyBytesMax = 4096;

void reply_text(proxy::Exchange& exchange, int status, std::string_view text) {
  auto headers = base_headers();
  headers.add("Content-Type", "text/plain; charset=utf-8");
  exchange.reply(status, std::move(headers), std::string(text) + "\n");
}

void reply_result(proxy::Exchange& exchange, const Result<std::string>& text) {
  if (text) return reply_text(exchange, 200, *text);
  reply_text(exchange, oci_status_of(text.error(), OciSubject::manifest).status, text.error().message);
}

template <class Explained>
Result<std::string> text_of(const Result<Explained>& explained) {
  if (!explained) return failure(explained.error());
  std::string text;
  for (const std::string& line : lines_of(*explained))
    text += (text.empty() ? "" : "\n") + store::printable(line);
  return text;
}

proxy::Task<Result<std::string>> read_body(proxy::Exchange& exchange) {
  std::string body;
  for (;;) {
    auto piece = co_await exchange.read();
    if (!piece || piece->empty()) break;
    body += piece->view();
    if (body.size() > kBodyBytesMax) co_return failure(Error::Kind::invalid, "more than 4096 bytes");
  }
  co_return body;
}

}  // namespace

proxy::Route Control::route() {
  return [this](proxy::Exchange& exchange) { return serve(exchange); };
}

Result<std::string> explanation_of(store::Store& store, const std::string& of) {
  const auto digest = store::Digest::parse(of);
  if (digest) return text_of(store::why(store.parts(), *digest));
  const size_t colon = of.rfind(':');
  const std::string name = of.substr(0, colon);
  if (colon == std::string::npos || !is_oci_name(name) || !is_oci_tag(of.substr(colon + 1))) {
    return failure(Error::Kind::invalid, "expected a digest or <repository>:<tag>, not \"" + of + "\"");
  }
  const auto tags = store::why(store.parts(), name, of.substr(colon + 1));
  // "sha256:…" is most likely a malformed digest, unless a repository of that name exists.
  const bool is_digest = name == "sha256" || name == "sha512";
  if (!tags && is_digest && tags.error().kind == Error::Kind::not_found) return failure(digest.error());
  return text_of(tags);
}

Result<std::string> plan_text(store::Store& store) { return text_of(store.plan()); }

proxy::Task<> Control::serve(proxy::Exchange& exchange) {
  const auto& request = exchange.request();
  const std::string target(request.target);
  if (target.starts_with(kApiPath)) co_return co_await api_.serve(exchange);
  const bool is_plan = target == "/plan";
  if (!is_plan && target != "/why") co_return reply_text(exchange, 404, "here are /api/v1/, /why and /plan");
  if (request.method != (is_plan ? "GET" : "POST")) {
    RequestContext context;
    context.trace = exchange.id();
    co_return reply_not_allowed(exchange, is_plan ? "GET" : "POST", "use the method of Allow", context);
  }
  if (is_plan) co_return co_await plan(exchange);
  auto body = co_await read_body(exchange);
  if (!body) co_return reply_text(exchange, 400, body.error().message);
  co_await explain(exchange, std::move(*body));
}

proxy::Task<> Control::explain(proxy::Exchange& exchange, std::string of) {
  auto job = [&store = store_, of] { return explanation_of(store, of); };
  reply_result(exchange, co_await workers_.run(std::move(job)));
}

proxy::Task<> Control::plan(proxy::Exchange& exchange) {
  auto job = [&store = store_] { return plan_text(store); };
  reply_result(exchange, co_await workers_.run(std::move(job)));
}

}  // namespace breakwater::routes

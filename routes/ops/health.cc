#include "routes/ops/health.h"

#include <utility>

#include "routes/oci/client_text.h"
#include "routes/oci/oci_error.h"
#include "routes/oci/request_context.h"

namespace breakwater::routes {
namespace {

void reply_text(proxy::Exchange& exchange, int status, std::string_view body) {
  auto headers = base_headers();
  headers.add("Content-Type", "text/plain; charset=utf-8");
  headers.add("Cache-Control", "no-store");
  exchange.reply(status, std::move(headers), body);
}

std::string_view name_of(Readiness readiness) {
  switch (readiness) {
    case Readiness::starting: return "starting\n";
    case Readiness::ready: return "ready\n";
    case Readiness::draining: break;
  }
  return "draining\n";
}

}  // namespace

proxy::Route Health::route() {
  return [this](proxy::Exchange& exchange) { return serve(exchange); };
}

proxy::Task<> Health::serve(proxy::Exchange& exchange) {
  const auto& request = exchange.request();
  RequestContext context;
  context.trace = exchange.id();
  const auto decision = authorize({exchange.peer()}, Action::pull, {access_, access_, {}});
  if (decision.verdict == Verdict::denied) {
    reply_denied(exchange, decision.why, context);
  } else if (const auto refusal = host_refusal(hosts_, request)) {
    metrics_.of("metrics").refused(refusal->reason);
    reply_denied(exchange, refusal->message, context);
  } else if (request.method != "GET" && request.method != "HEAD") {
    reply_not_allowed(exchange, "GET, HEAD", "it is only read here; use GET", context);
  } else {
    answer(exchange, std::string_view(request.target).substr(0, request.target.find('?')));
  }
  co_return;
}

void Health::answer_ready(proxy::Exchange& exchange) {
  if (readiness_ != Readiness::ready) return reply_text(exchange, 503, name_of(readiness_));
  const std::string trouble = trouble_();
  if (trouble.empty()) return reply_text(exchange, 200, name_of(readiness_));
  reply_text(exchange, 503, "not ready: " + client_text(trouble) + "\n");
}

void Health::answer(proxy::Exchange& exchange, std::string_view path) {
  if (path == "/livez") return reply_text(exchange, 200, "ok\n");
  if (path == "/readyz") return answer_ready(exchange);
  if (path != "/metrics") return reply_text(exchange, 404, "here are /metrics, /livez and /readyz\n");
  auto headers = base_headers();
  headers.add("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
  exchange.reply(200, std::move(headers), std::make_shared<const std::string>(metrics_.text()));
}

}  // namespace breakwater::routes

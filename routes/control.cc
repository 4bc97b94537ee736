#include "routes/control.h"

#include <stop_token>
#include <utility>

#include "routes/oci_error.h"
#include "routes/request_context.h"

namespace breakwater::routes {
namespace {

constexpr size_t kPathBytesMax = 4096;

void reply_text(proxy::Exchange& exchange, int status, std::string_view text) {
  auto headers = base_headers();
  headers.add("Content-Type", "text/plain; charset=utf-8");
  exchange.reply(status, std::move(headers), std::string(text) + "\n");
}

// Work goes on no longer than whoever asked for it waits.
struct Stop {
  std::stop_source source;
  ~Stop() { source.request_stop(); }
};

}  // namespace

std::string words_of(const store::Store::BackedUp& done) {
  return "backed up " + std::to_string(done.blobs) + " blobs of " + std::to_string(done.bytes) + " bytes, and the catalog";
}

proxy::Route Control::route() {
  return [this](proxy::Exchange& exchange) { return serve(exchange); };
}

proxy::Task<> Control::serve(proxy::Exchange& exchange) {
  const auto& request = exchange.request();
  if (request.target != "/backup") {
    reply_text(exchange, 404, "here is /backup");
  } else if (request.method != "POST") {
    reply_not_allowed(exchange, "POST", "", "");
  } else {
    co_await back_up(exchange);
  }
}

proxy::Task<> Control::back_up(proxy::Exchange& exchange) {
  std::string path;
  for (;;) {
    auto piece = co_await exchange.read();
    if (!piece) co_return reply_text(exchange, 400, piece.error().message);
    if (piece->empty()) break;
    path += *piece;
    if (path.size() > kPathBytesMax) co_return reply_text(exchange, 400, "a path of more than 4096 bytes");
  }
  if (!path.starts_with('/')) co_return reply_text(exchange, 400, "the path must begin with a slash");
  Stop stop;
  auto job = [&store = store_, path, token = stop.source.get_token()] { return store.back_up(path, token); };
  exchange.at("backing up");
  auto done = co_await workers_.run(std::move(job));
  if (done) co_return reply_text(exchange, 200, words_of(*done));
  reply_text(exchange, oci_status_of(done.error(), OciSubject::blob).status, done.error().message);
}

}  // namespace breakwater::routes

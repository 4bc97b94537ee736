#include "routes/ops/json_body.h"

#include "routes/oci/media_type.h"

namespace breakwater::routes {

proxy::Task<Result<std::string>> read_json_body(proxy::Exchange& exchange, size_t bytes_max) {
  std::string body;
  for (;;) {
    auto piece = co_await exchange.read();
    if (!piece) co_return failure(piece.error());
    if (piece->empty()) break;
    body += piece->view();
    if (body.size() > bytes_max)
      co_return failure(Error::Kind::too_large, "more than " + std::to_string(bytes_max >> 10) + " KiB");
  }
  const auto type = without_parameters(exchange.request().headers.get("Content-Type"));
  if (!body.empty() && !proxy::same_token(type, kJson))
    co_return failure(Error::Kind::invalid, "the body's Content-Type must be application/json");
  co_return body;
}

}  // namespace breakwater::routes

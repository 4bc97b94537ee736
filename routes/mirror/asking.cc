#include "routes/mirror/asking.h"

#include <string>

namespace breakwater::routes {

proxy::Task<std::optional<Error>> refusal_to_ask(MirrorParts parts, const MirrorSettings& settings,
                                                 proxy::Asker asker, bool is_being_asked) {
  if (auto circle = co_await parts.upstreams.circle(asker.hops, is_being_asked)) co_return circle;
  if (is_being_asked || asker.client == nullptr) co_return std::nullopt;
  const auto wait_s = asker.client->take_question();
  if (!wait_s) co_return std::nullopt;
  asker.client->refused(settings.route, "client_upstream");
  co_return Error(Error::Kind::throttled,
                  asker.client->address() +
                      " has asked for more that is not here than one client may in a minute "
                      "(per_client.upstream_misses_per_minute)",
                  *wait_s);
}

}  // namespace breakwater::routes

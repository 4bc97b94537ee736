#include "routes/ops/request_filter.h"

#include <utility>

namespace breakwater::routes {

Result<RequestFilter> filter_of(const Arguments& arguments, const RouteDirectory& directory) {
  RequestFilter filter;
  filter.route = arguments.word("route");
  if (arguments.has("image")) {
    const auto image = parse_repository_pattern(arguments.word("image"), directory);
    if (!image) return failure(image.error());
    filter.route = image->route;
    filter.repository = image->pattern == "*" ? "" : image->pattern;
  }
  if (arguments.has("client")) {
    auto client = proxy::IpNetwork::parse(arguments.word("client"));
    if (!client)
      return failure(Error::Kind::invalid,
                     "\"client\" is an address or a network, not \"" + arguments.word("client") + "\"");
    filter.client = *client;
  }
  if (arguments.has("result")) {
    if (auto set = filter.set_outcome(arguments.word("result")); !set) return failure(set.error());
  }
  return filter;
}

}  // namespace breakwater::routes

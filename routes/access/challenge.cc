#include "routes/access/challenge.h"

#include "routes/access/token_request.h"

namespace breakwater::routes {

std::string basic_challenge(std::string_view route) {
  return std::string("Basic realm=\"").append(route).append("\"");
}

// A Host that could end the quoted text is none of ours.
std::string bearer_challenge(const proxy::Exchange& exchange, std::string_view route, std::string_view scope,
                             bool lacks_scope) {
  const auto host = exchange.request().headers.get("Host");
  if (host.empty() || host.find_first_of("\"\\, ") != std::string_view::npos) return {};
  std::string text = "Bearer realm=\"";
  text += exchange.is_secure() ? "https://" : "http://";
  text.append(host).append(kTokenPath).append("\",service=\"").append(route).append("\"");
  if (!scope.empty()) text.append(",scope=\"").append(scope).append("\"");
  if (lacks_scope) text += ",error=\"insufficient_scope\"";
  return text;
}

}  // namespace breakwater::routes

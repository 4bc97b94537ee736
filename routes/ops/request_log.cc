#include "routes/ops/request_log.h"

#include <algorithm>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "routes/oci/date_text.h"
#include "store/base/printable.h"

namespace breakwater::routes {

using nlohmann::ordered_json;

ordered_json json_of(const PastRequest& request) {
  ordered_json one;
  // What clients send may be no UTF-8, which JSON is.
  const auto add = [&one](const char* key, const std::string& text) {
    if (!text.empty()) one[key] = store::printable(text);
  };
  one["number"] = request.number;
  one["at"] = date_text(request.at);
  add("route", request.route);
  add("client", request.client);
  add("method", request.method);
  add("repository", request.repository);
  add("reference", request.reference);
  one["status"] = request.status;
  one["bytes"] = request.bytes;
  one["seconds"] = request.seconds;
  one["cache"] = name_of(request.cache);
  add("reason", request.reason);
  add("user_agent", request.user_agent);
  add("range", request.range);
  if (request.upstream_status != 0) one["upstream_status"] = request.upstream_status;
  if (request.upstream_seconds > 0) one["upstream_seconds"] = request.upstream_seconds;
  add("trace", request.trace);
  return one;
}

ordered_json requests_json(const RequestRing& ring, const RequestsQuestion& question) {
  const size_t limit = std::min(question.limit, kRequestsMax);
  const auto page = question.after
                        ? ring.after(*question.after, question.filter, limit)
                        : ring.before(question.before.value_or(UINT64_MAX), question.filter, limit);
  ordered_json answer;
  answer["requests"] = ordered_json::array();
  for (const PastRequest& request : page.requests) answer["requests"].push_back(json_of(request));
  answer["next"] = page.next;
  answer["newest"] = ring.newest();
  answer["missed"] = page.missed;
  if (page.previous > 0) answer["previous"] = page.previous;
  return answer;
}

}  // namespace breakwater::routes

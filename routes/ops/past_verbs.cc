#include "routes/ops/past_verbs.h"

#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "routes/ops/caches.h"
#include "routes/ops/history.h"
#include "routes/ops/request_filter.h"
#include "routes/ops/request_log.h"
#include "routes/ops/request_ring.h"
#include "routes/ops/savings.h"
#include "routes/ops/words.h"

namespace breakwater::routes {
namespace {

constexpr proxy::Millis kWaitMax(30'000);
constexpr proxy::Millis kLookAgainAfter(100);

Result<SavingsQuestion> savings_question(const Arguments& arguments, const RouteDirectory& directory,
                                         const Sight& sight) {
  SavingsQuestion question;
  question.sight = sight;
  const auto since = span_of(arguments, "since");
  if (!since) return failure(since.error());
  question.since = since->value_or(question.since);
  question.route = arguments.word("route");
  if (!question.route.empty() && directory.find(question.route) == nullptr)
    return failure(Error::Kind::not_found, "there is no route \"" + question.route + "\"");
  return question;
}

std::string percent(const Json& ratio) {
  if (!ratio.is_number()) return "-";
  return std::to_string(std::lround(ratio.get<double>() * 100)) + " %";
}

std::string signed_bytes(const Json& bytes) {
  const auto value = bytes.get<int64_t>();
  return value < 0 ? "-" + bytes_words(static_cast<uint64_t>(-value))
                   : bytes_words(static_cast<uint64_t>(value));
}

std::string name_of_image(const Json& request) {
  auto repository = text_of(request, "repository");
  const auto reference = text_of(request, "reference");
  if (reference.empty()) return repository;
  return repository + (reference.find(':') == std::string::npos ? ":" : "@") + reference.substr(0, 19);
}

}  // namespace

Result<Json> saved_of_store(const StoreSide& side, const Arguments& arguments) {
  const auto question = savings_question(arguments, side.directory, side.sight);
  if (!question) return failure(question.error());
  return savings(side.store, *question);
}

proxy::Task<Result<Json>> saved(ServerSide& server, Arguments arguments, std::shared_ptr<Progress>,
                                Sight sight) {
  auto question = savings_question(arguments, server.directory(), sight);
  if (!question) co_return failure(question.error());
  auto flushed = co_await server.history().flush(server.workers());
  if (!flushed) co_return failure(flushed.error());
  auto job = [&store = server.store(), question = *std::move(question)] { return savings(store, question); };
  co_return co_await server.workers().run(std::move(job));
}

std::string saved_words(const Json& answer) {
  const auto& total = answer["total"];
  std::string text = "In the last " + duration_words(answer["since_s"]) + ": " +
                     signed_bytes(total["saved_bytes"]) + " and " +
                     std::to_string(total["saved_requests"].get<int64_t>()) +
                     " requests were not asked of upstream; " + percent(total["hit_ratio"]) + " of " +
                     count_words(total["requests"], "request", "requests") + " were hits.\n\n";
  Columns routes({"ROUTE", ">REQUESTS", ">HITS", ">SENT", ">FROM UPSTREAM", ">SAVED", ">REQUESTS SAVED"});
  for (const auto& route : answer["routes"]) {
    const auto name = text_of(route, "route");
    routes.add({name.empty() ? "others" : name, std::to_string(route["requests"].get<uint64_t>()),
                percent(route["hit_ratio"]), bytes_words(route["bytes_sent"]),
                bytes_words(route["upstream_bytes"]), signed_bytes(route["saved_bytes"]),
                std::to_string(route["saved_requests"].get<int64_t>())});
  }
  text += routes.text();
  Columns heaviest({"HEAVIEST REPOSITORIES", ">REQUESTS", ">SENT"});
  for (const auto& one : answer["repositories"]["by_bytes"])
    heaviest.add({text_of(one, "route") + "/" + text_of(one, "repository"),
                  std::to_string(one["requests"].get<uint64_t>()), bytes_words(one["bytes_sent"])});
  if (!heaviest.is_empty()) text += "\n" + heaviest.text();
  Columns clients({"HEAVIEST CLIENTS", ">REQUESTS", ">SENT"});
  for (const auto& one : answer["clients"]["by_bytes"])
    clients.add({text_of(one, "client"), std::to_string(one["requests"].get<uint64_t>()),
                 bytes_words(one["bytes_sent"])});
  if (!clients.is_empty()) text += "\n" + clients.text();
  return text;
}

proxy::Task<Result<Json>> log(ServerSide& server, Arguments arguments, std::shared_ptr<Progress>,
                              Sight sight) {
  auto filter = filter_of(arguments, server.directory());
  if (!filter) co_return failure(filter.error());
  RequestsQuestion question;
  question.filter = *std::move(filter);
  question.filter.sight = sight;
  const auto after = number_of(arguments, "after", 0, 0, UINT64_MAX);
  if (!after) co_return failure(after.error());
  if (arguments.has("after")) question.after = *after;
  const auto limit = number_of(arguments, "limit", kRequestsMax, 1, kRequestsMax);
  if (!limit) co_return failure(limit.error());
  question.limit = *limit;
  const auto before = number_of(arguments, "before", 0, 1, UINT64_MAX);
  if (!before) co_return failure(before.error());
  if (arguments.has("before")) question.before = *before;
  if (question.before && question.after)
    co_return failure(Error::Kind::invalid, "\"after\" goes on and \"before\" goes back: one of them");
  auto& ring = server.requests();
  auto answer = requests_json(ring, question);
  const auto until = server.loop().now() + kWaitMax;
  while (arguments.flag("wait") && question.after && answer["requests"].empty() &&
         server.loop().now() < until) {
    // There may be more of them than an answer looks at.
    if (answer["next"] == answer["newest"]) co_await ring.more().wait_until(until);
    // What comes meanwhile is looked at together, and each once.
    co_await server.loop().sleep(kLookAgainAfter);
    question.after = answer["next"].get<uint64_t>();
    answer = requests_json(ring, question);
  }
  co_return answer;
}

std::string log_words(const Json& answer) {
  std::string text;
  for (const auto& request : answer["requests"]) {
    text += text_of(request, "at") + " " + text_of(request, "client") + " " + text_of(request, "route") +
            " " + text_of(request, "method") + " " + name_of_image(request) + " " +
            std::to_string(request["status"].get<int>()) + " " + text_of(request, "cache") + " " +
            bytes_words(request["bytes"]);
    if (const auto reason = text_of(request, "reason"); !reason.empty()) text += ": " + reason;
    text += "\n";
  }
  return text;
}

Result<Json> cache(const StoreSide& side, const Arguments& arguments) {
  CachesQuestion question;
  if (arguments.has("repository")) {
    const auto repository = parse_repository_pattern(arguments.word("repository"), side.directory);
    if (!repository) return failure(repository.error());
    question.route = repository->route;
    question.repository = repository->pattern == "*" ? "" : repository->pattern;
  }
  question.sight = side.sight;
  question.after = arguments.word("after");
  return caches(side.store, question);
}

std::string cache_words(const Json& answer) {
  Columns columns({"CACHE", ">SIZE", ">AGE", "LAST IMPORT", ">PUSHES", ">NEW IN THE LAST", ">REUSED"});
  for (const auto& one : answer["caches"]) {
    columns.add({text_of(one, "route") + "/" + text_of(one, "repository") + ":" + text_of(one, "tag"),
                 one["bytes"].is_null() ? "?" : bytes_words(one["bytes"]), duration_words(one["age_s"]),
                 one["imported_at"].is_null() ? "never" : text_of(one, "imported_at"),
                 std::to_string(one["pushes"].get<uint64_t>()), bytes_words(one["new_bytes"]),
                 bytes_words(one["reused_bytes"])});
  }
  std::string text = columns.is_empty() ? "no tag here is one of a cache\n" : columns.text();
  for (const auto& one : answer["caches"]) {
    if (!one.contains("generations")) continue;
    Columns exports(
        {"EXPORT OF " + text_of(one, "tag"), ">SIZE", ">NEW", ">NEW LAYERS", ">REUSED", ">REUSED LAYERS"});
    for (const auto& generation : one["generations"]) {
      exports.add(
          {text_of(generation, "at"), bytes_words(generation["bytes"]), bytes_words(generation["new_bytes"]),
           std::to_string(generation["new_layers"].get<uint64_t>()), bytes_words(generation["reused_bytes"]),
           std::to_string(generation["reused_layers"].get<uint64_t>())});
    }
    if (!exports.is_empty()) text += "\n" + exports.text();
    Columns churn({">LAYER AT POSITION", ">CHANGED", ">BYTES"});
    for (const auto& layer : one["churn"])
      churn.add({std::to_string(layer["position"].get<uint64_t>()),
                 count_words(layer["changes"], "time", "times"), bytes_words(layer["bytes"])});
    if (!churn.is_empty()) text += "\n" + churn.text();
  }
  return text + (answer["next"].is_null() ? "" : "there are more: --after " + text_of(answer, "next") + "\n");
}

}  // namespace breakwater::routes

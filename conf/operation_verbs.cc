#include "conf/operation_verbs.h"

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <iostream>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "conf/exit_status.h"
#include "conf/image_lists.h"
#include "conf/local_request.h"
#include "conf/open_folder.h"
#include "conf/own_server_side.h"
#include "conf/progress_line.h"
#include "proxy/http/http.h"
#include "routes/ops/api.h"
#include "store/base/printable.h"

namespace breakwater::conf {
namespace {

using routes::Arguments;
using routes::Json;
using routes::Operation;
using routes::Parameter;

constexpr std::string_view kFollow = "follow";
constexpr auto kChangeMax = std::chrono::seconds(2);
constexpr auto kAskAgainAfter = std::chrono::milliseconds(50);

int fail(const Error& error) {
  std::cerr << store::printable(error.message) << "\n";
  return status_of(error);
}

const Parameter* parameter_of(const Operation& operation, std::string_view name) {
  for (const auto& parameter : operation.parameters) {
    if (parameter.name == name) return &parameter;
  }
  return nullptr;  // dry_run
}

std::string query_of(const Arguments& arguments) {
  std::string query;
  for (const auto& [name, values] : arguments.all()) {
    for (const auto& value : values)
      query += (query.empty() ? "?" : "&") + name + "=" + proxy::percent_encode(value);
  }
  return query;
}

std::string body_of(const Operation& operation, const Arguments& arguments) {
  Json json = Json::object();
  for (const auto& [name, values] : arguments.all()) {
    const auto* parameter = parameter_of(operation, name);
    if (parameter == nullptr || parameter->kind == Parameter::Kind::flag) {
      json[name] = values.front() == "true";
    } else if (parameter->kind == Parameter::Kind::words) {
      json[name] = values;
    } else {
      json[name] = values.front();
    }
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Error error_of(const Json& json) {
  const auto error = json.value("error", Json::object());
  const auto kind = error.value("kind", std::string());
  const bool is_not_tried = kind == "invalid" || kind == "unavailable";
  const auto message = error.value("message", std::string("the server gave no reason"));
  return {is_not_tried ? Error::Kind::invalid : Error::Kind::internal, message, 0};
}

// The answer of the process that serves; `unavailable` if none does.
Result<Json> ask(const Config& config, const Operation& operation, const Arguments& arguments,
                 ProgressLine& progress) {
  const bool asks = operation.effect == Operation::Effect::ask;
  LocalRequest request;
  request.method = operation.method();
  request.target =
      std::string(routes::kApiPath) + std::string(operation.path) + (asks ? query_of(arguments) : "");
  if (!asks) request.json = body_of(operation, arguments);
  const bool is_long = operation.takes == Operation::Takes::minutes;
  if (is_long) request.accept = routes::kNdjson;
  Json last;
  const auto on_line = [&](std::string_view line) {
    last = Json::parse(line, nullptr, false);
    if (!last.is_object() || !last.contains("progress")) return;
    const auto& told = last["progress"];
    progress.show(told.value("bytes", uint64_t{0}), told.value("bytes_total", uint64_t{0}));
  };
  const auto reply = ask_server(config.data, request, on_line);
  progress.end();
  if (!reply) return failure(reply.error());
  if (reply->status != 200) last = Json::parse(reply->body, nullptr, false);
  if (!last.is_object()) return failure(Error::Kind::internal, "the server ended before it answered");
  if (last.contains("error")) return failure(error_of(last));
  if (reply->status != 200) return failure(Error::Kind::internal, "the server answered " + reply->body);
  return is_long ? last.value("result", Json::object()) : last;
}

// Done by this process, on the folder that nobody serves.
Result<Json> do_alone(Config config, const Operation& operation, const Arguments& arguments,
                      ProgressLine& line) {
  if (operation.of_store == nullptr) {
    return failure(Error::Kind::unavailable, "nobody serves " +
                                                 std::filesystem::absolute(config.data).string() +
                                                 ": start it, or name another folder with --data");
  }
  if (auto there = check_folder(config); !there) return failure(there.error());
  // What is written outside of the folder is the caller's, where the folder's owner may not write.
  const bool writes_elsewhere = operation.verb == "backup";
  if (auto become = writes_elsewhere ? Result<>() : become_owner(config); !become)
    return failure(become.error());
  OpenFolder folder;
  // Evicting is for the process that serves.
  if (auto opened = open_folder(config, folder, Bounds::ignored); !opened) return failure(opened.error());
  const auto directory = route_directory(config);
  routes::Progress progress;
  const auto nobody = [](const store::RepositoryKey&, const store::Digest&) {};
  std::jthread shows([&](const std::stop_token& stop) { line.follow(progress, stop); });
  return operation.of_store(routes::StoreSide{*folder.store, directory, progress, nobody, std::stop_token()},
                            arguments);
}

// While a process reloads or hands over nobody answers for a moment, and the folder may be locked.
Result<Json> run_once(const Config& config, const Operation& operation, const Arguments& arguments) {
  if (operation.of_directory != nullptr) return operation.of_directory(route_directory(config), arguments);
  ProgressLine progress;
  const auto until = std::chrono::steady_clock::now() + kChangeMax;
  for (;;) {
    auto answer = ask(config, operation, arguments, progress);
    if (answer || answer.error().kind != Error::Kind::unavailable) return answer;
    auto alone = do_alone(config, operation, arguments, progress);
    const bool is_busy =
        !alone && (alone.error().kind == Error::Kind::conflict || operation.of_store == nullptr);
    if (!is_busy || std::chrono::steady_clock::now() >= until) return alone;
    std::this_thread::sleep_for(kAskAgainAfter);
  }
}

void print(const Operation& operation, const Json& answer, bool as_json) {
  if (as_json) {
    std::cout << answer.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
    return;
  }
  const std::string words = operation.words(answer);
  for (size_t at = 0; at < words.size();) {
    const size_t end = std::min(words.find('\n', at), words.size());
    std::cout << store::printable(std::string_view(words).substr(at, end - at)) << "\n";
    at = end + 1;
  }
}

bool is_confirmed(const Operation& operation, const Arguments& arguments) {
  const bool is_final = !operation.typed.empty();
  if (is_final) {
    std::cout << "This cannot be undone. To go on, type the " << operation.typed << ": " << std::flush;
  } else {
    std::cout << "Go on? [y/N] " << std::flush;
  }
  std::string typed;
  if (!std::getline(std::cin, typed)) return false;
  if (is_final) return typed == arguments.word(operation.typed);
  return typed == "y" || typed == "Y" || typed == "yes";
}

// Shows what would be done, and asks.
Result<bool> may_go_on(const Config& config, const Operation& operation, Arguments arguments) {
  arguments.add("dry_run", "true");
  const auto plan = run_once(config, operation, arguments);
  if (!plan) return failure(plan.error());
  print(operation, *plan, false);
  return is_confirmed(operation, arguments);
}

// A path is this process's: the one that serves has another working directory.
Arguments with_absolute_paths(const Operation& operation, const Arguments& arguments) {
  Arguments made;
  for (const auto& [name, values] : arguments.all()) {
    const auto* parameter = parameter_of(operation, name);
    const bool is_path = parameter != nullptr && parameter->shape == "DIR";
    for (const auto& value : values)
      made.add(name, is_path && !value.empty() ? std::filesystem::absolute(value).string() : value);
  }
  return made;
}

// The requests that come, until it is interrupted or nobody serves any more.
int follow(const Config& config, const Operation& operation, const Arguments& given, bool as_json) {
  Arguments arguments;
  for (const auto& [name, values] : given.all()) {
    if (name != kFollow && name != "after" && name != "wait") arguments.add(name, values.front());
  }
  Arguments next = arguments;
  for (;;) {
    const auto answer = run_once(config, operation, next);
    if (!answer) return fail(answer.error());
    if (!(*answer)["requests"].empty()) print(operation, *answer, as_json);
    if (!std::cout.flush()) return kWrong;
    next = arguments;
    next.add("after", std::to_string((*answer)["next"].get<uint64_t>()));
    next.add("wait", "true");
  }
}

}  // namespace

int run_operation(Config config, Options options) {
  config.data = std::filesystem::absolute(config.data);
  const Operation& operation = *options.operation;
  auto listed = with_listed_images(operation, with_absolute_paths(operation, options.arguments), std::cin);
  if (!listed) return fail(listed.error());
  const Arguments& arguments = *listed;
  const bool is_act = operation.effect == Operation::Effect::act && !arguments.flag("dry_run");
  if (is_act && !options.yes && ::isatty(STDIN_FILENO) == 1) {
    const auto goes_on = may_go_on(config, operation, arguments);
    if (!goes_on) return fail(goes_on.error());
    if (!*goes_on) {
      std::cerr << "nothing was done\n";
      return kWrong;
    }
  }
  if (arguments.flag(kFollow)) return follow(config, operation, arguments, options.json);
  const auto answer = run_once(config, operation, arguments);
  if (!answer) return fail(answer.error());
  print(operation, *answer, options.json);
  return answer->value("well", true) ? 0 : kWrong;
}

}  // namespace breakwater::conf

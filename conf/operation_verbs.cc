#include "conf/operation_verbs.h"

#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <string>
#include <utility>

#include "conf/asking.h"
#include "conf/exit_status.h"
#include "conf/image_lists.h"
#include "store/base/printable.h"

namespace breakwater::conf {
namespace {

using routes::Arguments;
using routes::Json;
using routes::Operation;

constexpr std::string_view kFollow = "follow";

int fail(const Error& error) {
  std::cerr << store::printable(error.message) << "\n";
  return status_of(error);
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
Result<bool> may_go_on(const Asked& asked, Arguments arguments) {
  arguments.add("dry_run", "true");
  const auto plan = answer_of(asked, arguments);
  if (!plan) return failure(plan.error());
  print(asked.operation, *plan, false);
  return is_confirmed(asked.operation, arguments);
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
int follow(const Asked& asked, const Arguments& given, bool as_json) {
  Arguments arguments;
  for (const auto& [name, values] : given.all()) {
    if (name != kFollow && name != "after" && name != "wait") arguments.add(name, values.front());
  }
  Arguments next = arguments;
  for (;;) {
    const auto answer = answer_of(asked, next);
    if (!answer) return fail(answer.error());
    if (!(*answer)["requests"].empty()) print(asked.operation, *answer, as_json);
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
  const Asked asked{config, operation, options.init, !options.json};
  const bool is_act = operation.effect == Operation::Effect::act && !arguments.flag("dry_run");
  if (is_act && !options.yes && ::isatty(STDIN_FILENO) == 1) {
    const auto goes_on = may_go_on(asked, arguments);
    if (!goes_on) return fail(goes_on.error());
    if (!*goes_on) {
      std::cerr << "nothing was done\n";
      return kWrong;
    }
  }
  if (arguments.flag(kFollow)) return follow(asked, arguments, options.json);
  const auto answer = answer_of(asked, arguments);
  if (!answer) return fail(answer.error());
  print(operation, *answer, options.json);
  return answer->value("well", true) ? 0 : kWrong;
}

}  // namespace breakwater::conf

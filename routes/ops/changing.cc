#include "routes/ops/changing.h"

#include <utility>

namespace breakwater::routes {
namespace {

Result<bool> state_of(const Arguments& arguments) {
  const auto& state = arguments.word("state");
  if (state == "on") return true;
  if (state == "off") return false;
  return failure(Error::Kind::invalid, "\"state\" is on or off, not \"" + state + "\"");
}

Json answer_of(const Arguments& arguments, const char* key, bool is_on) {
  Json json;
  json[key] = is_on;
  if (arguments.flag("dry_run")) json["dry_run"] = true;
  return json;
}

}  // namespace

proxy::Task<Result<Json>> reload(ServerSide& server, Arguments arguments, std::shared_ptr<Progress>, Sight) {
  const bool is_dry = arguments.flag("dry_run");
  auto changes = co_await server.change(is_dry);
  if (!changes) co_return failure(changes.error());
  Json json;
  json["changes"] = *std::move(changes);
  if (is_dry) json["dry_run"] = true;
  co_return json;
}

std::string reload_words(const Json& answer) {
  const bool is_dry = answer.contains("dry_run");
  if (answer["changes"].empty())
    return is_dry ? "nothing would change but the secrets and certificates that are read again\n"
                  : "reloaded: nothing has changed but the secrets and certificates that are read again\n";
  std::string text = is_dry ? "this would change:\n" : "reloaded:\n";
  for (const auto& change : answer["changes"]) text += "  " + change.get<std::string>() + "\n";
  return text;
}

proxy::Task<Result<Json>> read_only(ServerSide& server, Arguments arguments, std::shared_ptr<Progress>,
                                    Sight) {
  const auto state = state_of(arguments);
  if (!state) co_return failure(state.error());
  if (!arguments.flag("dry_run")) {
    auto set = co_await server.set_read_only(*state);
    if (!set) co_return failure(set.error());
  }
  co_return answer_of(arguments, "read_only", *state);
}

std::string read_only_words(const Json& answer) {
  const bool is_dry = answer.contains("dry_run");
  if (answer["read_only"].get<bool>())
    return std::string("registries ") + (is_dry ? "would refuse" : "refuse") +
           " pushes and deletes, pulls go on; also after a restart\n";
  return std::string("registries ") + (is_dry ? "would take" : "take") + " pushes and deletes\n";
}

proxy::Task<Result<Json>> drain(ServerSide& server, Arguments arguments, std::shared_ptr<Progress>, Sight) {
  const auto state = state_of(arguments);
  if (!state) co_return failure(state.error());
  if (!arguments.flag("dry_run")) server.set_draining(*state);
  co_return answer_of(arguments, "draining", *state);
}

std::string drain_words(const Json& answer) {
  const bool is_dry = answer.contains("dry_run");
  if (answer["draining"].get<bool>())
    return std::string("/readyz ") + (is_dry ? "would say" : "says") +
           " 503 draining, so that a load balancer sends nobody; whoever comes is served\n";
  return std::string("/readyz ") + (is_dry ? "would say" : "says") + " whether it is ready\n";
}

}  // namespace breakwater::routes

#include "routes/ops/token_verbs.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "routes/access/authorize.h"
#include "routes/ops/token_list.h"
#include "routes/ops/words.h"

namespace breakwater::routes {
namespace {

constexpr size_t kNameBytesMax = 64;
constexpr size_t kPatternsMax = 64;
constexpr size_t kPatternBytesMax = 255;
constexpr store::Time::duration kLifetime = std::chrono::hours(24 * 90);  // if nobody says
constexpr std::string_view kNever = "never";

tl::unexpected<Error> wrong(std::string message) { return failure(Error::Kind::invalid, std::move(message)); }

// "pull,push" in its parts; an empty one stays.
std::vector<std::string> parts_of(std::string_view text) {
  std::vector<std::string> parts;
  for (size_t at = 0; at <= text.size();) {
    const size_t comma = std::min(text.find(',', at), text.size());
    parts.emplace_back(text.substr(at, comma - at));
    at = comma + 1;
  }
  return parts;
}

Result<> check_name(const std::string& name) {
  static constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  if (name.size() <= kNameBytesMax && name.find_first_not_of(kAllowed) == std::string::npos) return {};
  return wrong("\"name\" has letters, digits, - _ and . only, 64 at most");
}

Result<std::vector<std::string>> actions_of(const Arguments& arguments) {
  if (!arguments.has("may")) return std::vector<std::string>{std::string(name_of(Action::pull))};
  auto actions = parts_of(arguments.word("may"));
  for (const auto& action : actions) {
    if (std::none_of(kActionsOfRepositories.begin(), kActionsOfRepositories.end(),
                     [&action](Action known) { return action == name_of(known); }))
      return wrong("\"may\" names pull, push, delete and sign, with commas between, not \"" + action + "\"");
  }
  std::sort(actions.begin(), actions.end());
  actions.erase(std::unique(actions.begin(), actions.end()), actions.end());
  return actions;
}

Result<std::vector<std::string>> repositories_of(const Arguments& arguments) {
  static constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789._:/*-";
  if (!arguments.has("repositories")) return std::vector<std::string>{"*"};
  auto patterns = parts_of(arguments.word("repositories"));
  if (patterns.size() > kPatternsMax) return wrong("\"repositories\" has more than 64 patterns");
  for (const auto& pattern : patterns) {
    if (pattern.empty() || pattern.size() > kPatternBytesMax ||
        pattern.find_first_not_of(kAllowed) != std::string::npos)
      return wrong("\"repositories\" has patterns such as cache/*, with commas between, not \"" + pattern +
                   "\"");
  }
  return patterns;
}

Result<std::optional<store::Time::duration>> lifetime_of(const Arguments& arguments) {
  if (arguments.word("expires") == kNever) return std::nullopt;
  const auto given = span_of(arguments, "expires");
  if (!given) return failure(given.error());
  return given->value_or(kLifetime);
}

Result<store::AccessTokens::Wish> wish_of(const StoreSide& side, const Arguments& arguments) {
  store::AccessTokens::Wish wish;
  wish.name = arguments.word("name");
  wish.made_by = side.who;
  if (auto checked = check_name(wish.name); !checked) return failure(checked.error());
  auto may = actions_of(arguments);
  if (!may) return failure(may.error());
  wish.may = *std::move(may);
  auto repositories = repositories_of(arguments);
  if (!repositories) return failure(repositories.error());
  wish.repositories = *std::move(repositories);
  const auto lifetime = lifetime_of(arguments);
  if (!lifetime) return failure(lifetime.error());
  wish.lifetime = *lifetime;
  return wish;
}

std::string joined(const Json& list) {
  std::string text;
  for (const auto& one : list) text += (text.empty() ? "" : ",") + one.get<std::string>();
  return text;
}

std::string or_never(const Json& json, const char* key) {
  return json.contains(key) ? text_of(json, key) : std::string(kNever);
}

}  // namespace

Result<Json> list_tokens(const StoreSide& side, const Arguments&) { return tokens(side.store); }

std::string tokens_words(const Json& answer) {
  Columns columns({"TOKEN", "STANDING", "MAY", "REPOSITORIES", "CREATED", "BY", "EXPIRES", "LAST USED"});
  for (const auto& token : answer["tokens"]) {
    columns.add({text_of(token, "name"), text_of(token, "standing"), joined(token["may"]),
                 joined(token["repositories"]), text_of(token, "created_at"), text_of(token, "made_by"),
                 or_never(token, "expires_at"), or_never(token, "last_used_at")});
  }
  return columns.is_empty() ? "there are no tokens\n" : columns.text();
}

Result<Json> create_token(const StoreSide& side, const Arguments& arguments) {
  const auto wish = wish_of(side, arguments);
  if (!wish) return failure(wish.error());
  return arguments.flag("dry_run") ? plan_create_token(side.store, *wish) : create_token(side.store, *wish);
}

std::string token_created_words(const Json& answer) {
  std::string text = text_of(answer, "words") + "\nmay " + joined(answer["may"]) + " in " +
                     joined(answer["repositories"]) + "; expires: " + or_never(answer, "expires_at") + "\n";
  if (answer.contains("token")) text += text_of(answer, "token") + "\n";
  return text;
}

Result<Json> revoke_token(const StoreSide& side, const Arguments& arguments) {
  const auto& name = arguments.word("name");
  return arguments.flag("dry_run") ? plan_revoke_token(side.store, name) : revoke_token(side.store, name);
}

std::string token_revoked_words(const Json& answer) { return text_of(answer, "words") + "\n"; }

}  // namespace breakwater::routes

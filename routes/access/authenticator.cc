#include "routes/access/authenticator.h"

#include <algorithm>
#include <utility>

#include "routes/access/credentials.h"

namespace breakwater::routes {

bool Authenticator::knows_anybody() const {
  return users_ != nullptr || std::any_of(sources_.begin(), sources_.end(),
                                          [](const TokenSource* source) { return source->has_any(); });
}

proxy::Task<Result<std::optional<Identity>>> Authenticator::identify(const proxy::Headers& headers,
                                                                     const proxy::Peer& peer) {
  if (!knows_anybody()) co_return std::nullopt;
  auto given = credentials_of(headers);
  if (!given) co_return failure(std::move(given.error()));
  if (!*given) co_return std::nullopt;
  const Credentials& credentials = **given;
  co_return co_await identify(credentials, peer);
}

proxy::Task<Result<std::optional<Identity>>> Authenticator::identify(const Credentials& credentials,
                                                                     const proxy::Peer& peer) {
  if (auto* source = source_of(credentials.secret.view()); source != nullptr) {
    auto who = co_await source->identify(credentials.secret, peer);
    if (!who) co_return failure(std::move(who.error()));
    if (who->name.empty()) co_return std::nullopt;
    co_return *std::move(who);
  }
  if (credentials.kind == Credentials::Kind::bearer) {
    Error unknown{Error::Kind::denied, "the Bearer token is none that is known here", 0, "ask for a new one"};
    co_return failure(std::move(unknown));
  }
  if (users_ == nullptr) {
    Error nobody{Error::Kind::denied, "there are tokens here, and no users", 0,
                 "use a token as the password"};
    co_return failure(std::move(nobody));
  }
  auto who = co_await users_->identify(credentials.user, credentials.secret, peer);
  if (!who) co_return failure(std::move(who.error()));
  co_return *std::move(who);
}

TokenSource* Authenticator::source_of(std::string_view secret) const {
  const auto found = std::find_if(sources_.begin(), sources_.end(),
                                  [secret](const TokenSource* source) { return source->recognises(secret); });
  return found == sources_.end() ? nullptr : *found;
}

}  // namespace breakwater::routes

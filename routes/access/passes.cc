#include "routes/access/passes.h"

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "routes/access/jose.h"
#include "store/base/secret.h"

namespace breakwater::routes {
namespace {

using nlohmann::json;

// What a pass was given for, which is looked at again with each request.
constexpr const char* kUser = "user";
constexpr const char* kToken = "token";
constexpr const char* kJob = "job";
constexpr const char* kCertificate = "certificate";
constexpr const char* kNobody = "nobody";

std::string_view purpose_of(Pass pass) { return pass == Pass::bearer ? "bearer" : "session"; }

tl::unexpected<Error> denied(const char* why) {
  return failure(Error{Error::Kind::denied, why, 0, "log in again"});
}

// Nobody can guess it, and no two are the same.
std::string new_id() {
  std::array<char, 16> bytes{};
  store::fill_random(bytes);
  return base64url({bytes.data(), bytes.size()});
}

json words_of(Actions actions) {
  json words = json::array();
  for (const Action action : kActionsOfRepositories) {
    if (actions.has(action)) words.push_back(name_of(action));
  }
  return words;
}

Actions actions_of(const json& words) {
  Actions actions;
  for (const Action action : kActionsOfRepositories) {
    for (const auto& word : words) {
      if (word == name_of(action)) actions.add(action);
    }
  }
  return actions;
}

json json_of(const std::vector<Scope>& scopes) {
  json all = json::array();
  for (const Scope& scope : scopes)
    all.push_back({{"route", scope.route}, {"repository", scope.repository}, {"may", words_of(scope.may)}});
  return all;
}

std::vector<Scope> scopes_of(const json& all) {
  std::vector<Scope> scopes;
  for (const auto& one : all)
    scopes.push_back({one.at("route"), one.at("repository"), actions_of(one.at("may"))});
  return scopes;
}

}  // namespace

// Clients of the one specification read `token`, those of OAuth2 `access_token`.
std::string bearer_answer(const std::string& token) {
  nlohmann::ordered_json answer;
  answer["token"] = token;
  answer["access_token"] = token;
  answer["expires_in"] = Passes::kBearerFor.count();
  return answer.dump();
}

std::string Passes::issue(Pass pass, const Identity* who, std::optional<std::vector<Scope>> scopes) const {
  const auto lasts = pass == Pass::bearer ? kBearerFor : kSessionFor;
  json content;
  content["until"] = (clock_.now() + lasts).time_since_epoch().count();
  if (pass == Pass::session) content["id"] = new_id();
  if (scopes) content["scopes"] = json_of(*scopes);
  content["for"] = kNobody;
  if (who != nullptr) {
    content["name"] = who->name;
    const auto token = who->grant ? tokens_.digest_of(who->name) : std::nullopt;
    const auto* hash = who->grant || users_ == nullptr ? nullptr : users_->hash_of(who->name);
    if (token) {
      content["for"] = kToken;
      content["digest"] = token->text();
    } else if (who->grant) {
      content["for"] = kJob;
      content["may"] = words_of(who->grant->may);
      content["repositories"] = who->grant->repositories;
    } else if (hash != nullptr) {
      content["for"] = kUser;
      content["mark"] = seal_.mark(*hash);
    } else {
      content["for"] = kCertificate;
    }
  }
  return std::string(kPassPrefix) + seal_.of(purpose_of(pass), content.dump());
}

Result<Identity> Passes::identity(Pass pass, std::string_view text, const proxy::Peer& peer) const {
  const auto opened = text.starts_with(kPassPrefix)
                          ? seal_.open(purpose_of(pass), text.substr(kPassPrefix.size()))
                          : std::nullopt;
  if (!opened) return denied("nobody here has given this token");
  // We have written it, so it is what issue() writes.
  const json content = json::parse(*opened);
  if (clock_.now().time_since_epoch().count() >= content.at("until").get<int64_t>())
    return denied("the token has expired");
  if (pass == Pass::session && ended_.contains(content.at("id").get<std::string>()))
    return denied("the session was ended");
  const std::string kind = content.at("for");
  Identity identity;
  if (kind == kToken) {
    auto known = tokens_.identity_of(store::Digest::parse(content.at("digest").get<std::string>()).value());
    if (!known) return known;
    identity = *std::move(known);
  } else if (kind == kUser) {
    const std::string name = content.at("name");
    const auto* hash = users_ == nullptr ? nullptr : users_->hash_of(name);
    if (hash == nullptr || seal_.mark(*hash) != content.at("mark").get<std::string>())
      return denied("the password that the token was given for is another one now");
    identity = users_->identity_of(name);
  } else if (kind == kCertificate) {
    identity.name = content.at("name");
    if (identity.name != peer.subject)
      return denied("the token was given to who showed a certificate, which this connection has not");
  } else if (kind == kJob) {
    identity.name = content.at("name");
    identity.grant = Grant{actions_of(content.at("may")), content.at("repositories")};
  }
  if (content.contains("scopes")) identity.scopes = scopes_of(content.at("scopes"));
  return identity;
}

void Passes::end(std::string_view session) {
  const auto opened = session.starts_with(kPassPrefix)
                          ? seal_.open(purpose_of(Pass::session), session.substr(kPassPrefix.size()))
                          : std::nullopt;
  if (!opened) return;
  const std::string id = json::parse(*opened).at("id");
  if (!ended_.insert(id).second) return;
  ended_order_.push_back(id);
  if (ended_order_.size() <= kEndedMax) return;
  ended_.erase(ended_order_.front());
  ended_order_.pop_front();
}

proxy::Task<Result<Identity>> Passes::identify(const store::Secret& secret, const proxy::Peer& peer) {
  co_return identity(Pass::bearer, secret.view(), peer);
}

}  // namespace breakwater::routes

#include "routes/ops/token_list.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "routes/access/token_text.h"
#include "routes/oci/date_text.h"

namespace breakwater::routes {
namespace {

using Json = nlohmann::ordered_json;
using store::AccessTokens;
using store::TokenRecord;

std::string_view name_of(AccessTokens::Standing standing) {
  switch (standing) {
    case AccessTokens::Standing::valid: return "valid";
    case AccessTokens::Standing::expired: return "expired";
    case AccessTokens::Standing::revoked: return "revoked";
  }
  return "";
}

void add_time(Json& json, const char* key, store::Time time) {
  if (time != store::Time()) json[key] = date_text(time);
}

void add_what_it_may(Json& json, const TokenRecord& token) {
  json["may"] = token.may;
  json["repositories"] = token.repositories;
  json["created_at"] = date_text(token.created_at);
  json["made_by"] = token.made_by;
  add_time(json, "expires_at", token.expires_at_wall);
}

Json json_of(const TokenRecord& token, AccessTokens::Standing standing) {
  Json json = {{"name", token.name}, {"standing", name_of(standing)}};
  add_what_it_may(json, token);
  add_time(json, "last_used_at", token.last_used_at);
  add_time(json, "revoked_at", token.revoked_at);
  return json;
}

Json new_json(const TokenRecord& token, bool is_dry_run) {
  Json json = {{"name", token.name}, {"dry_run", is_dry_run}};
  add_what_it_may(json, token);
  return json;
}

Json revoked_json(const std::string& name, bool is_dry_run, bool is_changed, const std::string& words) {
  return {{"name", name}, {"dry_run", is_dry_run}, {"changed", is_changed}, {"words", words}};
}

}  // namespace

Json tokens(store::Store& store) {
  const auto& all = store.access_tokens();
  Json rows = Json::array();
  for (const TokenRecord& token : all.list()) rows.push_back(json_of(token, all.standing_of(token)));
  return {{"tokens_max", AccessTokens::kTokensMax}, {"tokens", std::move(rows)}};
}

Result<Json> plan_create_token(store::Store& store, const AccessTokens::Wish& wish) {
  const auto planned = store.access_tokens().plan(wish);
  if (!planned) return failure(planned.error());
  Json json = new_json(*planned, true);
  json["words"] = "a token " + wish.name + " would be made";
  return json;
}

Result<Json> create_token(store::Store& store, const AccessTokens::Wish& wish) {
  const store::Secret text = new_token();
  const auto made = store.access_tokens().create(digest_of_token(text.view()), wish);
  if (!made) return failure(made.error());
  Json json = new_json(*made, false);
  json["token"] = std::string(text.view());
  json["words"] = "the token " + wish.name + " is made, and shown this once: it is the password of any user";
  return json;
}

Result<Json> plan_revoke_token(store::Store& store, const std::string& name) {
  bool is_known = false, is_revoked = true;
  for (const TokenRecord& token : store.access_tokens().list()) {
    if (token.name != name) continue;
    is_known = true;
    is_revoked = is_revoked && token.revoked_at != store::Time();
  }
  if (!is_known) return failure(Error::Kind::not_found, "there is no token " + name);
  return revoked_json(name, true, !is_revoked, is_revoked ? "it is revoked already" : "would be revoked");
}

Result<Json> revoke_token(store::Store& store, const std::string& name) {
  const auto revoked = store.access_tokens().revoke(name);
  if (!revoked) return failure(revoked.error());
  const bool is_changed = revoked->has_value();
  return revoked_json(name, false, is_changed,
                      is_changed ? "revoked: who shows it is refused from now on" : "it was revoked already");
}

}  // namespace breakwater::routes

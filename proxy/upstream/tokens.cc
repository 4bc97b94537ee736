#include "proxy/upstream/tokens.h"

#include <algorithm>

namespace breakwater::proxy {
namespace {

constexpr std::chrono::seconds kRefusalStands(60);

}  // namespace

std::optional<std::string> Tokens::find(const TokenKey& key) const {
  auto found = tokens_.find(key);
  if (found == tokens_.end() || found->second.use_until <= clock_.now()) return std::nullopt;
  return found->second.text;
}

Task<Result<std::string>> Tokens::get(TokenKey key, std::string rejected, Fetch fetch) {
  auto held = find(key);
  if (held && *held != rejected) co_return std::move(*held);
  tokens_.erase(key);

  // The fetch of others may bring the very token that was rejected here.
  for (auto running = flights_.find(key); running != flights_.end(); running = flights_.find(key)) {
    const std::shared_ptr<Flight> flight = running->second;
    while (!flight->result) co_await flight->ended.wait();
    if (!*flight->result || **flight->result != rejected) co_return *flight->result;
  }
  auto flight = std::make_shared<Flight>(loop_);
  flights_.emplace(key, flight);
  fetches_.spawn(run(key, flight, std::move(fetch)));
  while (!flight->result) co_await flight->ended.wait();
  co_return *flight->result;
}

Task<Result<std::string>> Tokens::renew(TokenKey key, std::string rejected) {
  auto found = tokens_.find(key);
  if (found == tokens_.end()) co_return failure(Error::Kind::not_found, "the token is not known any more");
  Fetch fetch = found->second.fetch;
  co_return co_await get(std::move(key), std::move(rejected), std::move(fetch));
}

void Tokens::note_refusal(const TokenKey& key) {
  if (auto found = tokens_.find(key); found != tokens_.end()) found->second.refused_at = clock_.now();
}

bool Tokens::refusal_stands(const TokenKey& key) const {
  auto found = tokens_.find(key);
  return found != tokens_.end() && found->second.refused_at &&
         clock_.now() < *found->second.refused_at + kRefusalStands;
}

Task<> Tokens::run(TokenKey key, std::shared_ptr<Flight> flight, Fetch fetch) {
  Result<Token> token = co_await fetch();
  flights_.erase(key);
  if (token) {
    keep(key, *token, std::move(fetch));
    flight->result.emplace(std::move(token->text));
  } else {
    flight->result.emplace(failure(token.error()));
  }
  flight->ended.ring();
}

void Tokens::keep(const TokenKey& key, const Token& token, Fetch fetch) {
  if (tokens_.size() >= tokens_max_) ensure_capacity();
  auto use_for = std::chrono::milliseconds(life_s(token) * 800);  // 80 %
  tokens_[key] = CachedToken{token.text, clock_.now() + use_for, std::move(fetch), std::nullopt};
}

// How long the token is good from now on. Its issuer may have handed out a token that it had already. If it
// would be over by now, the clocks differ, and what the issuer says about the time counts for nothing.
int64_t Tokens::life_s(const Token& token) const {
  const auto now_s = std::chrono::floor<std::chrono::seconds>(clock_.wall().time_since_epoch()).count();
  const int64_t age_s = std::max<int64_t>(0, now_s - token.issued_at_s.value_or(now_s));
  return age_s < token.expires_in_s ? token.expires_in_s - age_s : token.expires_in_s;
}

void Tokens::ensure_capacity() {
  store::Time now = clock_.now();
  std::erase_if(tokens_, [now](const auto& entry) { return entry.second.use_until <= now; });
  if (tokens_.size() < tokens_max_) return;
  auto sooner = [](const auto& a, const auto& b) { return a.second.use_until < b.second.use_until; };
  tokens_.erase(std::min_element(tokens_.begin(), tokens_.end(), sooner));
}

}  // namespace breakwater::proxy

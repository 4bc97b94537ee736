#include "proxy/upstream/tokens.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <nlohmann/json.hpp>

namespace breakwater::proxy {
namespace {

using nlohmann::json;

constexpr int64_t kExpiresInDefault_s = 60;
constexpr int64_t kExpiresInMax_s = int64_t{24} * 60 * 60;
constexpr std::chrono::seconds kRefusalStands(60);
constexpr size_t kTokenBytesMax = size_t{32} * 1024;

// Whether the text can be sent in a header. RFC 6750's b64token is stricter; what matters is that the text
// cannot end the header or the line.
bool fits_header(std::string_view text) {
  return !text.empty() && text.size() <= kTokenBytesMax &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

std::string text_of(const json& answer, const char* name) {
  auto found = answer.find(name);
  return found != answer.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// A number, or one in a string.
double number_of(const json& value) {
  if (value.is_number()) return value.get<double>();
  return value.is_string() ? std::strtod(value.get_ref<const std::string&>().c_str(), nullptr) : 0;
}

int64_t expires_in_of(const json& answer) {
  auto found = answer.find("expires_in");
  const double seconds = found == answer.end() ? 0 : number_of(*found);
  return seconds > 0 ? static_cast<int64_t>(std::clamp(seconds, 1.0, double{kExpiresInMax_s}))
                     : kExpiresInDefault_s;
}

// The moment of an RFC 3339 time such as "2026-11-26T06:40:00.123Z" or "…+01:00"; nothing for other text.
std::optional<int64_t> epoch_of(const std::string& text) {
  std::tm parts{};
  const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) return std::nullopt;
  if (*rest == '.')
    for (++rest; *rest >= '0' && *rest <= '9';) ++rest;
  const int64_t seconds = timegm(&parts);
  if (std::string_view(rest) == "Z" || std::string_view(rest) == "z") return seconds;
  std::tm zone{};
  const bool is_zone = (*rest == '+' || *rest == '-') && strptime(rest + 1, "%H:%M", &zone) != nullptr;
  if (!is_zone) return std::nullopt;
  const int64_t ahead_s = int64_t{zone.tm_hour} * 3600 + int64_t{zone.tm_min} * 60;
  return *rest == '+' ? seconds - ahead_s : seconds + ahead_s;
}

}  // namespace

Result<Token> parse_token(std::string_view text) {
  json answer = json::parse(text, nullptr, false);
  if (!answer.is_object())
    return failure(Error::Kind::corrupt, "the token endpoint's answer is no JSON object");
  Token token;
  token.text = text_of(answer, "token");
  if (!fits_header(token.text)) token.text = text_of(answer, "access_token");
  if (!fits_header(token.text))
    return failure(Error::Kind::corrupt, "the token endpoint's answer holds no usable token");
  token.expires_in_s = expires_in_of(answer);
  token.issued_at_s = epoch_of(text_of(answer, "issued_at"));
  return token;
}

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

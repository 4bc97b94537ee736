#include "proxy/upstream/tokens.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace breakwater::proxy {
namespace {

using nlohmann::json;

constexpr int64_t kExpiresInDefault_s = 60;
constexpr int64_t kExpiresInMax_s = int64_t{24} * 60 * 60;
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

int64_t expires_in_of(const json& answer) {
  auto found = answer.find("expires_in");
  if (found == answer.end() || !found->is_number()) return kExpiresInDefault_s;
  double seconds = found->get<double>();
  return seconds > 0 ? static_cast<int64_t>(std::clamp(seconds, 1.0, double{kExpiresInMax_s}))
                     : kExpiresInDefault_s;
}

}  // namespace

Result<Token> parse_token(std::string_view text) {
  json answer = json::parse(text, nullptr, false);
  if (!answer.is_object())
    return failure(Error::Kind::corrupt, "the token endpoint's answer is no JSON object");
  Token token;
  token.text = text_of(answer, "token");
  if (token.text.empty()) token.text = text_of(answer, "access_token");
  if (!fits_header(token.text))
    return failure(Error::Kind::corrupt, "the token endpoint's answer holds no usable token");
  token.expires_in_s = expires_in_of(answer);
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

  std::shared_ptr<Flight> flight;
  if (auto running = flights_.find(key); running != flights_.end()) {
    flight = running->second;
  } else {
    flight = std::make_shared<Flight>(loop_);
    flights_.emplace(key, flight);
    fetches_.spawn(run(key, flight, std::move(fetch)));
  }
  while (!flight->result) co_await flight->ended.wait();
  co_return *flight->result;
}

Task<> Tokens::run(TokenKey key, std::shared_ptr<Flight> flight, Fetch fetch) {
  Result<Token> token = co_await fetch();
  flights_.erase(key);
  if (token) {
    keep(key, *token);
    flight->result.emplace(std::move(token->text));
  } else {
    flight->result.emplace(failure(token.error()));
  }
  flight->ended.ring();
}

void Tokens::keep(const TokenKey& key, const Token& token) {
  if (tokens_.size() >= tokens_max_) ensure_capacity();
  auto use_for = std::chrono::milliseconds(token.expires_in_s * 800);  // 80 %
  tokens_[key] = CachedToken{token.text, clock_.now() + use_for};
}

void Tokens::ensure_capacity() {
  store::Time now = clock_.now();
  std::erase_if(tokens_, [now](const auto& entry) { return entry.second.use_until <= now; });
  if (tokens_.size() < tokens_max_) return;
  auto sooner = [](const auto& a, const auto& b) { return a.second.use_until < b.second.use_until; };
  tokens_.erase(std::min_element(tokens_.begin(), tokens_.end(), sooner));
}

}  // namespace breakwater::proxy

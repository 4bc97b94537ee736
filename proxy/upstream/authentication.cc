#include "proxy/upstream/authentication.h"

#include <utility>

#include "proxy/upstream/memory_sink.h"

namespace breakwater::proxy {
namespace {

constexpr size_t kTokenAnswerBytesMax = size_t{128} * 1024;
constexpr int64_t kTokenTimeout_ms = 30'000;

// Whether the error says that the realm does not work, rather than that it refuses us.
bool is_dead(const Error& error) {
  return error.kind == Error::Kind::unavailable || error.kind == Error::Kind::corrupt;
}

}  // namespace

// ---- Authentication

std::string Authentication::known_authorization(const TokenKey& key) const {
  if (auto token = tokens_.find(key)) return "Bearer " + *token;
  return basic_asked_ && is_registry_itself(key.endpoint) ? password_authorization() : "";
}

std::string Authentication::password_authorization() const {
  if (!settings_.credentials) return "";
  return basic_authorization(settings_.credentials->username, settings_.credentials->password);
}

Tokens::Fetch Authentication::fetch_from(const Url& realm, bool with_credentials, bool own_host) {
  return [this, realm, with_credentials, own_host] { return ask_realm(realm, with_credentials, own_host); };
}

// The answer of a realm, whose redirects are followed; `realm` is then the URL that answered. The password is
// not sent to another host.
Task<Result<GuardedClient::Answer>> Authentication::follow_realm(Url& realm, bool with_credentials,
                                                                 Sink& sink) {
  GuardedClient::Reading reading;
  reading.bodies = GuardedClient::Reading::Bodies::of_success;
  reading.vouched = Vouched::by_form;
  for (uint32_t redirects = 0;; ++redirects) {
    HttpClientRequest request("GET", realm.text());
    request.timeout_ms = kTokenTimeout_ms;
    request.may_connect = [this, endpoint = realm.endpoint()](const IpAddress& address) {
      return targets_.may_connect(endpoint, address);
    };
    if (with_credentials) request.headers.add("Authorization", password_authorization());
    auto answer = co_await client_.send(realm, std::move(request), reading, sink);
    if (!answer || !is_redirect(answer->head.status)) co_return answer;
    auto target = redirect_target(realm, answer->head, targets_);
    if (!target) co_return failure(std::move(target).error());
    if (redirects == settings_.redirects_max)
      co_return failure(Error::Kind::corrupt,
                        realm.without_query() + ": too many redirects where a token was due");
    with_credentials = with_credentials && target->endpoint() == realm.endpoint();
    realm = std::move(*target);
  }
}

Task<Result<Token>> Authentication::ask_realm(Url realm, bool with_credentials, bool own_host) {
  MemorySink body(kTokenAnswerBytesMax);
  auto answer = co_await follow_realm(realm, with_credentials, body);
  if (!answer) co_return failure(std::move(answer).error());
  if (answer->head.status / 100 == 2) co_return parse_token(body.take());

  // A 429 of the token endpoint counts as a 429 of the registry.
  if (answer->head.status == 429 && own_host) client_.throttled_by_realm(realm, *answer);
  co_return failure(refusal_of_realm(realm, answer->head, answer->error_text, epoch_s(clock_.wall())));
}

// ---- Authorization

Authorization::Authorization(Authentication& authentication, const Endpoint& endpoint, std::string scope)
    : authentication_(authentication), own_host_(authentication.is_registry_itself(endpoint)) {
  key_.endpoint = endpoint;
  key_.scope = std::move(scope);
  header_ = authentication_.known_authorization(key_);
}

void Authorization::use(std::string header) {
  header_ = std::move(header);
  is_fresh_ = true;
}

Task<Result<bool>> Authorization::answer_refusal(Url url, const Head& head) {
  const int status = head.status;
  if (status != 400 && status != 401 && status != 403) co_return false;
  auto challenges = challenges_of(head.headers);
  const bool is_challenge = status == 401 || (status == 403 && !challenges.empty());
  const bool is_old_token = has_token() && !is_fresh_;
  Tokens& tokens = authentication_.tokens_;
  if (is_old_token && status != 401 && tokens.refusal_stands(key_)) co_return false;
  if (is_old_token && (!is_challenge || challenges.empty())) co_return co_await replace_token();
  if (has_token() && is_fresh_ && status != 401) tokens.note_refusal(key_);
  if (!is_challenge) co_return false;
  co_return co_await answer_challenges(std::move(url), std::move(challenges));
}

// A realm that does not answer leaves the registry's own answer standing.
Task<Result<bool>> Authorization::replace_token() {
  auto token = co_await authentication_.tokens_.renew(key_, token_text());
  if (!token) co_return false;
  use("Bearer " + *token);
  co_return true;
}

Task<Result<bool>> Authorization::answer_challenges(Url url, std::vector<Challenge> challenges) {
  const bool has_asked = is_fresh_;
  auto again = co_await try_realms(std::move(url), challenges);
  if (again && *again) co_return true;
  if (!again && again.error().kind == Error::Kind::throttled) co_return again;
  if (may_send_password(challenges)) {
    authentication_.basic_asked_ = true;
    use(authentication_.password_authorization());
    co_return true;
  }
  // What the registry said to a token is better than why there is no other token.
  if (has_asked) co_return false;
  co_return again;
}

// True if a realm gave a token that has not been refused yet. The error is that of the first realm that
// failed.
Task<Result<bool>> Authorization::try_realms(Url url, std::vector<Challenge> challenges) {
  std::optional<Error> failed;
  for (const Challenge& challenge : challenges) {
    for (const Realm& realm : realms_of(url, challenge, failed)) {
      if (!tried_.insert(realm.url.text()).second) continue;
      auto fetch = authentication_.fetch_from(realm.url, realm.is_trusted, own_host_);
      auto token = co_await authentication_.tokens_.get(key_, token_text(), std::move(fetch));
      if (token) {
        use("Bearer " + *token);
        co_return true;
      }
      if (token.error().kind == Error::Kind::throttled) co_return failure(token.error());
      if (!failed) failed = token.error();
      if (is_dead(token.error())) break;  // another scope does not revive it
    }
  }
  if (failed) co_return failure(std::move(*failed));
  co_return false;
}

// Where the challenge wants us to ask for a token, in the order to try; none if it is not a Bearer challenge
// with a usable realm. Why it is not usable goes to `unusable` if nothing is there yet.
std::vector<Authorization::Realm> Authorization::realms_of(const Url& url, const Challenge& challenge,
                                                           std::optional<Error>& unusable) const {
  std::vector<Realm> realms;
  if (challenge.scheme != "bearer" || challenge.get("realm").empty()) return realms;
  for (const auto& scope : scopes_to_ask(own_host_, key_.scope, challenge.get("scope"))) {
    auto realm = url.resolve(token_url(challenge.get("realm"), challenge.get("service"), scope));
    auto checked = realm ? authentication_.targets_.check(*realm) : Result<>();
    if (!realm || !checked) {
      auto error = realm ? checked.error()
                         : Error(Error::Kind::corrupt,
                                 url.without_query() + " names no usable realm: " + realm.error().message, 0);
      if (!unusable) unusable = std::move(error);
      return {};
    }
    const bool is_trusted = own_host_ && authentication_.settings_.credentials &&
                            is_trusted_realm(authentication_.targets_.registry, realm->endpoint(),
                                             authentication_.settings_.token_realms);
    realms.push_back(Realm{std::move(*realm), is_trusted});
  }
  return realms;
}

bool Authorization::may_send_password(const std::vector<Challenge>& challenges) const {
  return own_host_ && find_challenge(challenges, "basic") != nullptr && !header_.starts_with("Basic ") &&
         !authentication_.password_authorization().empty();
}

}  // namespace breakwater::proxy

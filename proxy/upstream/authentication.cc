#include "proxy/upstream/authentication.h"

#include <utility>

#include "proxy/upstream/memory_sink.h"

namespace breakwater::proxy {
namespace {

// How many realms are asked for one request: a registry may name another one in each answer.
constexpr size_t kRealmsMax = 16;

constexpr size_t kTokenAnswerBytesMax = size_t{128} * 1024;
constexpr int64_t kTokenTimeout_ms = 30'000;

// Whether the error says that the realm does not work, rather than that it refuses us.
bool is_dead(const Error& error) {
  return error.kind == Error::Kind::unavailable || error.kind == Error::Kind::corrupt;
}

}  // namespace

// ---- Authentication

std::string Authentication::known_authorization(const TokenKey& key) {
  if (auto token = tokens_.find(key)) return "Bearer " + *token;
  return basic_asked_ && is_registry_itself(key.endpoint) ? password_authorization(key.scope) : "";
}

std::string Authentication::password_authorization(const std::string& scope) {
  const Credentials* credentials = credentials_.usable(scope);
  return credentials == nullptr ? "" : basic_authorization(credentials->username, credentials->password);
}

Tokens::Fetch Authentication::fetch_for(const Errand& errand) {
  return [this, errand] { return ask_realm(errand); };
}

// The answer of a realm, whose redirects are followed; `errand.realm` is then the URL that answered.
// `authorization` is not sent to another host.
Task<Result<GuardedClient::Answer>> Authentication::follow_realm(Errand& errand, std::string authorization,
                                                                 Sink& sink) {
  GuardedClient::Reading reading;
  reading.bodies = GuardedClient::Reading::Bodies::of_success;
  reading.vouched = Vouched::by_form;
  Url& realm = errand.realm;
  Question question;
  question.kind = Question::Kind::tokens;
  question.repository = errand.scope;
  for (uint32_t redirects = 0;; ++redirects) {
    HttpClientRequest request("GET", realm.text());
    request.timeout_ms = kTokenTimeout_ms;
    request.may_connect = [this, endpoint = realm.endpoint()](const IpAddress& address) {
      return targets_.may_connect(endpoint, address);
    };
    if (!authorization.empty()) request.headers.add("Authorization", authorization);
    question.host = realm.endpoint();
    auto answer = co_await client_.send(realm, question, std::move(request), reading, sink);
    if (!answer || !is_redirect(answer->head.status)) co_return answer;
    auto target = redirect_target(realm, answer->head, targets_);
    if (!target) co_return failure(std::move(target).error());
    if (redirects == settings_.redirects_max)
      co_return failure(Error::Kind::corrupt,
                        realm.without_query() + ": too many redirects where a token was due");
    if (target->endpoint() != realm.endpoint()) authorization.clear();
    realm = std::move(*target);
  }
}

Task<Result<Token>> Authentication::ask_realm(Errand errand) {
  MemorySink body(kTokenAnswerBytesMax);
  const std::string password = errand.is_trusted ? password_authorization(errand.scope) : std::string();
  auto answer = co_await follow_realm(errand, password, body);
  if (!answer) co_return failure(std::move(answer).error());
  if (answer->head.status / 100 == 2) {
    if (!password.empty()) credentials_.accepted_by_realm();
    co_return parse_token(body.take());
  }

  // Whoever needs a token of this registry waits, also if the next challenge names another realm.
  if (answer->head.status == 429 && errand.is_own_host) client_.throttled_by_realm(*answer);
  auto error = refusal_of_realm(errand.realm, answer->head, answer->error_text, epoch_s(clock_.wall()));
  if (answer->head.status == 401 && !password.empty())
    credentials_.refused(errand.scope, OwnCredentials::Extent::all, error.message);
  co_return failure(std::move(error));
}

// ---- Authorization

Authorization::Authorization(Authentication& authentication, const Endpoint& endpoint, std::string scope)
    : authentication_(authentication), own_host_(authentication.is_registry_itself(endpoint)) {
  key_.endpoint = endpoint;
  key_.scope = std::move(scope);
  key_.identity = identity();
  header_ = authentication_.known_authorization(key_);
}

// Who we are for this request just now. It changes when our credentials are refused, or read again.
std::string Authorization::identity() const {
  return own_host_ ? authentication_.credentials_.identity(key_.scope) : std::string();
}

void Authorization::use(std::string header) {
  header_ = std::move(header);
  is_fresh_ = true;
  with_credentials_ = false;
}

std::optional<Error> Authorization::refused_unasked() const {
  return own_host_ && header_.empty() ? authentication_.client_.tokens_refused() : std::nullopt;
}

Error Authorization::explained(Error error) const {
  if (error.kind == Error::Kind::denied && !refused_token_of_.empty()) {
    error.message += ", although " + refused_token_of_ + " had just given the token (invalid_token)";
    error.remedy = "the upstream and its token server disagree, most often by their clocks: try again later";
  }
  return own_host_ ? authentication_.credentials_.explained(std::move(error), key_.scope) : error;
}

Task<Result<bool>> Authorization::answer_refusal(Url url, const Head& head) {
  const int status = head.status;
  note_acceptance(status);
  if (status != 400 && status != 401 && status != 403) co_return false;
  if (header_.empty()) was_anonymous_ = true;
  if (has_password() && status == 401 && go_on_without_password(url)) co_return true;
  auto challenges = challenges_of(head.headers);
  const bool is_challenge = status == 401 || (status == 403 && !challenges.empty());
  const bool is_old_token = has_token() && !is_fresh_;
  Tokens& tokens = authentication_.tokens_;
  if (is_old_token && status != 401 && tokens.refusal_stands(key_)) co_return false;
  if (is_old_token && (!is_challenge || challenges.empty())) co_return co_await replace_token();
  if (has_token() && is_fresh_ && status != 401) tokens.note_refusal(key_);
  if (has_token() && is_fresh_) note_refused_token(challenges);
  if (!is_challenge) co_return false;
  co_return co_await answer_challenges(std::move(url), status, std::move(challenges));
}

// Whether the registry took what our credentials sent or brought.
void Authorization::note_acceptance(int status) {
  const bool is_accepted = status < 400 || status == 404;
  if (is_accepted && own_host_ && !header_.empty() && !key_.identity.empty())
    authentication_.credentials_.accepted(key_.scope);
}

// `invalid_token` says that the token itself is no good: expired, revoked or malformed (RFC 6750,
// section 3.1).
void Authorization::note_refused_token(const std::vector<Challenge>& challenges) {
  const Challenge* bearer = find_challenge(challenges, "bearer");
  if (bearer == nullptr || bearer->get("error") != "invalid_token") return;
  const auto realm = Url::parse(bearer->get("realm"));
  refused_token_of_ = realm ? realm->endpoint().text() : std::string("its token server");
}

// True if the request should be sent again after a 401 to our password: with another one, or with none.
bool Authorization::go_on_without_password(const Url& url) {
  authentication_.credentials_.refused(key_.scope, OwnCredentials::Extent::all,
                                       "GET " + url.without_query() + ": 401");
  const std::string before = std::exchange(key_.identity, identity());
  if (key_.identity == before || (key_.identity.empty() && was_anonymous_)) return false;
  use(authentication_.password_authorization(key_.scope));
  return true;
}

// A realm that does not answer leaves the registry's own answer standing.
Task<Result<bool>> Authorization::replace_token() {
  auto token = co_await authentication_.tokens_.renew(key_, token_text());
  if (!token) co_return false;
  use("Bearer " + *token);
  co_return true;
}

Task<Result<bool>> Authorization::answer_challenges(Url url, int status, std::vector<Challenge> challenges) {
  const bool has_asked = is_fresh_;
  auto again = co_await try_realms(url, challenges);
  if ((!again || !*again) && is_refusal_of_credentials(status, challenges)) {
    authentication_.credentials_.refused(
        key_.scope, OwnCredentials::Extent::scope,
        "GET " + url.without_query() + ": 401 to the token of our credentials");
    key_.identity = identity();
    again = co_await try_realms(url, challenges);
  }
  if (again && *again) co_return true;
  if (!again && again.error().kind == Error::Kind::throttled) co_return again;
  if (may_send_password(challenges)) {
    authentication_.basic_asked_ = true;
    use(authentication_.password_authorization(key_.scope));
    co_return true;
  }
  // What the registry said to a token is better than why there is no other token.
  if (has_asked) co_return false;
  co_return again;
}

// Whether a 401 to a new token that our credentials have brought is about them. `insufficient_scope` says
// that the token is good and the repository not for us, or not there (RFC 6750, section 3.1).
bool Authorization::is_refusal_of_credentials(int status, const std::vector<Challenge>& challenges) const {
  if (status != 401 || !own_host_ || !has_token() || !with_credentials_) return false;
  const Challenge* bearer = find_challenge(challenges, "bearer");
  return bearer == nullptr || bearer->get("error") != "insufficient_scope";
}

// As try_realms_once(), and anew for as long as what our credentials met makes us somebody else.
Task<Result<bool>> Authorization::try_realms(Url url, std::vector<Challenge> challenges) {
  for (;;) {
    denied_by_.clear();
    auto got = co_await try_realms_once(url, challenges);
    if (got && *got) co_return true;
    // A 401 of the realm has changed who we are already.
    if (!denied_by_.empty() && identity() == key_.identity)
      authentication_.credentials_.refused(key_.scope, OwnCredentials::Extent::scope, denied_by_);
    const std::string now = identity();
    if (now == key_.identity) co_return got;
    key_.identity = now;
  }
}

// True if a realm gave a token that has not been refused yet. The error is that of the first realm that
// failed.
Task<Result<bool>> Authorization::try_realms_once(Url url, std::vector<Challenge> challenges) {
  std::optional<Error> failed;
  for (const Challenge& challenge : challenges) {
    for (const Errand& errand : errands_of(url, challenge, failed)) {
      if (tried_.size() >= kRealmsMax) break;
      if (!tried_.insert(key_.identity + " " + errand.realm.text()).second) continue;
      const bool with_credentials = errand.is_trusted && !key_.identity.empty();
      auto fetch = authentication_.fetch_for(errand);
      auto token = co_await authentication_.tokens_.get(key_, token_text(), std::move(fetch));
      if (token) {
        use("Bearer " + *token);
        with_credentials_ = with_credentials;
        co_return true;
      }
      const bool is_denied = token.error().kind == Error::Kind::denied;
      if (is_denied && with_credentials) denied_by_ = token.error().message;
      if (token.error().kind == Error::Kind::throttled || identity() != key_.identity)
        co_return failure(token.error());
      if (!failed) failed = token.error();
      if (is_dead(token.error())) break;  // another scope does not revive it
    }
  }
  if (failed) co_return failure(std::move(*failed));
  co_return false;
}

// Where the challenge wants us to ask for a token, in the order to try; none if it is not a Bearer challenge
// with a usable realm. Why it is not usable goes to `unusable` if nothing is there yet.
std::vector<Authorization::Errand> Authorization::errands_of(const Url& url, const Challenge& challenge,
                                                             std::optional<Error>& unusable) const {
  std::vector<Errand> errands;
  if (challenge.scheme != "bearer" || challenge.get("realm").empty()) return errands;
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
    const bool is_trusted =
        own_host_ && is_trusted_realm(authentication_.targets_.registry, realm->endpoint(),
                                      authentication_.settings_.token_realms);
    errands.push_back(Errand{std::move(*realm), key_.scope, own_host_, is_trusted});
  }
  return errands;
}

bool Authorization::may_send_password(const std::vector<Challenge>& challenges) const {
  return own_host_ && find_challenge(challenges, "basic") != nullptr && !has_password() &&
         !authentication_.password_authorization(key_.scope).empty();
}

}  // namespace breakwater::proxy

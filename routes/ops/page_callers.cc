#include "routes/ops/page_callers.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "routes/access/credentials.h"
#include "routes/access/token_text.h"
#include "routes/ops/json_body.h"
#include "routes/ops/operation.h"

namespace breakwater::routes {
namespace {

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// "" if there is none.
std::string_view session_of(const proxy::Request& request) {
  auto rest = request.headers.get("Cookie");
  while (!rest.empty()) {
    auto one = rest.substr(0, rest.find(';'));
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
    one = trimmed(one);
    const size_t equals = one.find('=');
    if (equals != std::string_view::npos && one.substr(0, equals) == PageCallers::kCookie)
      return one.substr(equals + 1);
  }
  return {};
}

std::string cookie(const proxy::Exchange& exchange, std::string_view value, std::chrono::seconds lasts) {
  std::string text(PageCallers::kCookie);
  text.append("=").append(value).append("; Path=/; HttpOnly; SameSite=Strict; Max-Age=");
  text += std::to_string(lasts.count());
  return exchange.is_secure() ? text + "; Secure" : text;
}

// Who bears what somebody else has given him for minutes has to ask for it again.
bool is_of_minutes(const Credentials& given, const Identity& who) {
  return who.scopes || (who.grant && !given.secret.view().starts_with(kTokenPrefix));
}

std::string* text_at(Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? nullptr : found->get_ptr<std::string*>();
}

// Neither what was read nor what was made of it keeps the password.
Result<Credentials> credentials_in(std::string body) {
  auto object = Json::parse(body, nullptr, false);
  store::cleanse(body);
  auto* user = object.is_object() ? text_at(object, "user") : nullptr;
  auto* password = object.is_object() ? text_at(object, "password") : nullptr;
  if (user == nullptr || password == nullptr || object.size() != 2)
    return failure(Error::Kind::invalid, R"(the body is {"user": "…", "password": "…"})");
  Credentials given;
  given.user = *user;
  given.secret = store::Secret(*password);
  store::cleanse(*password);
  return given;
}

}  // namespace

proxy::Task<Result<PageCallers::Who>> PageCallers::identify(const proxy::Exchange& exchange) {
  Who who;
  const auto& peer = exchange.peer();
  const auto session = session_of(exchange.request());
  if (passes_ != nullptr && !session.empty()) {
    auto identity = passes_->identity(Pass::session, session, peer);
    if (identity) {
      who.identity = *std::move(identity);
      who.session = session;
      co_return who;
    }
  }
  if (authenticator_ != nullptr && knows_anybody()) {
    auto given = co_await authenticator_->identify(exchange.request().headers, peer);
    if (!given) co_return failure(std::move(given.error()));
    who.identity = *std::move(given);
  }
  if (!who.identity && !peer.subject.empty()) who.identity.emplace().name = peer.subject;
  co_return who;
}

bool PageCallers::is_valid(const std::string& session, const proxy::Peer& peer) const {
  return passes_->identity(Pass::session, session, peer).has_value();
}

proxy::Task<Result<PageCallers::SignedIn>> PageCallers::sign_in(proxy::Exchange& exchange) {
  if (!can_sign_in())
    co_return failure(Error::Kind::not_found, "nobody can sign in: there are neither users nor tokens here");
  auto body = co_await read_json_body(exchange, kSignInBytesMax);
  if (!body) co_return failure(body.error());
  auto given = credentials_in(*std::move(body));
  if (!given) co_return failure(given.error());
  auto identified = co_await authenticator_->identify(*given, exchange.peer());
  if (!identified) co_return failure(identified.error());
  auto who = *std::move(identified);
  if (!who || is_of_minutes(*given, *who))
    co_return failure(Error::Kind::denied,
                      "this is for minutes only, and opens no session: sign in with a password, or with a "
                      "token that was made here");
  // Whoever signs in anew leaves nothing behind.
  if (const auto before = session_of(exchange.request()); !before.empty()) passes_->end(before);
  SignedIn signed_in;
  signed_in.user = who->name;
  signed_in.cookie = cookie(exchange, passes_->issue(Pass::session, &*who), Passes::kSessionFor);
  co_return signed_in;
}

std::string PageCallers::sign_out(const proxy::Exchange& exchange) {
  const auto session = session_of(exchange.request());
  if (passes_ != nullptr && !session.empty()) passes_->end(session);
  return cookie(exchange, "", std::chrono::seconds(0));
}

}  // namespace breakwater::routes

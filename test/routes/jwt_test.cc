#include "routes/access/jwt.h"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "store/base/hmac.h"
#include "test/catch.h"
#include "test/fakes/signing_key.h"

namespace breakwater::routes {
namespace {

using nlohmann::json;
using std::chrono::seconds;
using test::base64url;
using test::jwks;
using test::signed_text;
using test::SigningKey;

constexpr int64_t kNow = 1'700'000'000;  // 2023-11-14T22:13:20Z

store::Time at(int64_t epoch_s) { return store::Time(seconds(epoch_s)); }

const SigningKey& rsa() {
  static const SigningKey key = SigningKey::rsa("r");
  return key;
}
const SigningKey& ec() {
  static const SigningKey key = SigningKey::ec("e");
  return key;
}
const SigningKey& strangers() {
  static const SigningKey key = SigningKey::rsa("r");
  return key;
}

const KeySet& keys() {
  static const auto set = KeySet::parse(jwks({rsa().jwk(), ec().jwk(), SigningKey::rsa("weak", 1024).jwk()}));
  return *set;
}

json claims() {
  return {{"iss", "https://ci.example"}, {"sub", "repo:me/app"}, {"aud", "breakwater"},
          {"exp", kNow + 300},           {"nbf", kNow - 5},      {"iat", kNow}};
}
json with(const char* claim, json value) {
  json changed = claims();
  changed[claim] = std::move(value);
  return changed;
}
json without(const char* claim) {
  json changed = claims();
  changed.erase(claim);
  return changed;
}

// Whether the token is good, as whoever asks goes about it; else why not.
Result<> judge(std::string_view token) {
  const auto jwt = Jwt::parse(token);
  if (!jwt) return failure(jwt.error());
  if (auto timely = jwt->check_times(at(kNow)); !timely) return timely;
  return jwt->check_signature(keys());
}

TEST_CASE("a token that its issuer's key has signed is taken, with RS256 and with ES256") {
  for (const SigningKey* key : {&rsa(), &ec()}) {
    const auto token = key->token(claims().dump());
    CHECK(judge(token));
    const auto jwt = Jwt::parse(token);
    REQUIRE(jwt);
    CHECK(jwt->issuer() == "https://ci.example");
    CHECK(jwt->subject() == "repo:me/app");
    CHECK(jwt->name() == "ci.example:repo:me/app");
    CHECK(jwt->expires_at() == at(kNow + 300));
    CHECK(jwt->check_signature(*KeySet::parse(jwks({key->jwk()}))));
    CHECK_FALSE(jwt->check_signature(*KeySet::parse(jwks({}))));
  }
}

TEST_CASE("whatever character of a token is another one, the token is refused") {
  const auto token = ec().token(claims().dump());
  size_t taken = 0;
  for (size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = token[i] == 'A' ? 'B' : 'A';
    if (judge(changed)) ++taken;
    changed.erase(i, 1);
    if (judge(changed)) ++taken;
  }
  CHECK(taken == 0);
}

TEST_CASE("ES256 is a signature of 64 bytes, r and s, whatever their first bytes are") {
  // One of 256 numbers begins with a zero byte, and one of two with a high bit, which DER writes otherwise.
  size_t taken = 0;
  for (int i = 0; i < 600; ++i) {
    const std::string text = "text " + std::to_string(i);
    taken += keys().find("e", SigningAlgorithm::es256)->has_signed(text, ec().signature(text)) ? 1U : 0U;
  }
  CHECK(taken == 600);
}

struct Attack {
  std::string what, token, why;
};

std::string with_header(const std::string& header) { return rsa().token(header, claims().dump()); }

// HMAC-SHA256 of the text in base64url, by a "secret" that everybody knows.
std::string hs256(const std::string& secret) {
  const std::string text = signed_text(R"({"alg":"HS256","kid":"r"})", claims().dump());
  std::string bytes;
  const std::string hex = store::hmac_sha256(secret, text);
  for (size_t i = 0; i < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return text + "." + base64url(bytes);
}

std::string es256_with(const std::string& signature) {
  return signed_text(ec().header(), claims().dump()) + "." + base64url(signature);
}

// The order of P-256, which a number of a signature has to be less than.
const std::string kOrder =
    "\xff\xff\xff\xff" + std::string(4, '\0') +
    "\xff\xff\xff\xff\xff\xff\xff\xff\xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51";

std::vector<Attack> attacks_on_algorithms() {
  const std::string payload = claims().dump();
  const std::string none = "and only RS256 and ES256 are taken";
  const std::string jwk_header = R"({"alg":"RS256","kid":"r","jwk":)" + strangers().jwk() + "}";
  return {
      {"none", signed_text(R"({"alg":"none"})", payload) + ".", none},
      {"none with an id", signed_text(R"({"alg":"none","kid":"r"})", payload) + ".", none},
      {"none in other letters", signed_text(R"({"alg":"nOnE"})", payload) + ".", none},
      {"none with a signature", with_header(R"({"alg":"none","kid":"r"})"), none},
      {"HMAC by the key's JWK", hs256(rsa().jwk()), none},
      {"HMAC by the key's modulus", hs256(rsa().number("n")), none},
      {"HMAC by nothing", hs256(""), none},
      {"RS384", with_header(R"({"alg":"RS384","kid":"r"})"), none},
      {"PS256", with_header(R"({"alg":"PS256","kid":"r"})"), none},
      {"EdDSA", with_header(R"({"alg":"EdDSA","kid":"r"})"), none},
      {"lower case", with_header(R"({"alg":"rs256","kid":"r"})"), none},
      {"no alg", with_header(R"({"kid":"r"})"), none},
      {"an alg that is a list", with_header(R"({"alg":["RS256"],"kid":"r"})"), none},
      {"ES256 by an RSA key", with_header(R"({"alg":"ES256","kid":"r"})"), "does not list"},
      {"RS256 by an EC key", ec().token(R"({"alg":"RS256","kid":"e"})", payload), "does not list"},
      {"a key in the header", strangers().token(jwk_header, payload), "not its issuer's"},
      {"somebody's key of the same id", strangers().token(payload), "not its issuer's"},
      {"no signature", signed_text(rsa().header(), payload) + ".", "not its issuer's"},
      {"the signature of another text",
       signed_text(rsa().header(), payload) + "." + base64url(rsa().signature("x")), "not its issuer's"},
      {"a key that is not listed", with_header(R"({"alg":"RS256","kid":"R"})"), "'R', which its issuer does"},
      {"an id that is a number", with_header(R"({"alg":"RS256","kid":1})"), "a kid that is no text"},
      {"a weak key", with_header(R"({"alg":"RS256","kid":"weak"})"), "not taken: it is an RSA key of 1024"},
      {"crit", with_header(R"({"alg":"RS256","kid":"r","crit":["exp"]})"), "crit"},
      {"crit of nothing", with_header(R"({"alg":"RS256","kid":"r","crit":[]})"), "crit"},
      {"b64", with_header(R"({"alg":"RS256","kid":"r","b64":false,"crit":["b64"]})"), "crit"},
      {"two algs", with_header(R"({"alg":"RS256","alg":"none","kid":"r"})"), "names are unique"},
      {"two ids, one escaped", with_header(R"({"alg":"RS256","kid":"r","\u006bid":"e"})"),
       "names are unique"},
  };
}

std::vector<Attack> attacks_on_es256() {
  const std::string text = signed_text(ec().header(), claims().dump());
  const std::string good = ec().signature(text), der = ec().der_signature(text);
  const std::string not_its = "not its issuer's";
  return {
      {"DER", es256_with(der), not_its},
      {"a byte less", es256_with(good.substr(1)), not_its},
      {"a byte more", es256_with(good + '\0'), not_its},
      {"s before r", es256_with(good.substr(32) + good.substr(0, 32)), not_its},
      {"zeros", es256_with(std::string(64, '\0')), not_its},
      {"r of zero", es256_with(std::string(32, '\0') + good.substr(32)), not_its},
      {"s of zero", es256_with(good.substr(0, 32) + std::string(32, '\0')), not_its},
      {"the order", es256_with(kOrder + kOrder), not_its},
      {"ones", es256_with(std::string(64, '\xff')), not_its},
      {"nothing", es256_with(""), not_its},
  };
}

std::vector<Attack> attacks_on_form() {
  const std::string good = rsa().token(claims().dump());
  const size_t dot = good.find('.');
  const std::string twice = R"({"iss":"https://ci.example","sub":"you","sub":"me","exp":1700000300})";
  const std::string base64 = "is not base64url";
  // The last character of 256 bytes has four bits that belong to none of them.
  std::string loose = good;
  loose.back() = loose.back() == 'A' ? 'B' : static_cast<char>(loose.back() + 1);
  return {
      {"nothing", "", "not three parts"},
      {"two parts", good.substr(0, good.rfind('.')), "not three parts"},
      {"four parts", good + ".YQ", "not three parts"},
      {"encrypted", "e30.e30.e30.e30.e30", "not three parts"},
      {"empty parts", "..", "header is no JSON object"},
      {"padding", good + "=", base64},
      {"a space", good.substr(0, dot) + " " + good.substr(dot), base64},
      {"a line break", good + "\n", base64},
      {"base64", good.substr(0, dot) + ".eyJh+/==." + good.substr(good.rfind('.') + 1), base64},
      {"bits of no byte", loose, base64},
      {"a length that no bytes have", good.substr(0, dot) + "AAA" + good.substr(dot), base64},
      {"NUL behind the header", rsa().token(rsa().header() + '\0', claims().dump()), "header is no JSON"},
      {"oversize", rsa().token(with("x", std::string(Jwt::kBytesMax, 'x')).dump()), "more than 16384 bytes"},
      {"a header that is a list", rsa().token("[]", claims().dump()), "header is no JSON object"},
      {"a payload that is a text", rsa().token("\"me\""), "payload is no JSON object"},
      {"a payload that is no JSON", rsa().token("me"), "payload is no JSON object"},
      {"more behind the payload", rsa().token(claims().dump() + "{}"), "payload is no JSON object"},
      {"two subjects", rsa().token(twice), "names are unique"},
      {"deep", rsa().token(R"({"a":)" + std::string(100, '[') + std::string(100, ']') + "}"),
       "payload is no JSON object"},
      {"a thousand values", rsa().token(with("x", std::vector<int>(1024, 1)).dump()), "values few"},
      {"no iss", rsa().token(without("iss").dump()), "does not say iss"},
      {"an iss that is a list", rsa().token(with("iss", json::array({"https://ci.example"})).dump()),
       "does not say iss"},
      {"no sub", rsa().token(without("sub").dump()), "does not say sub"},
      {"an empty sub", rsa().token(with("sub", "").dump()), "does not say sub"},
      {"a sub of two lines", rsa().token(with("sub", "me\nlevel=info").dump()), "cannot be shown"},
      {"a sub with NUL", rsa().token(with("sub", std::string("me\0x", 4)).dump()), "cannot be shown"},
      {"a long sub", rsa().token(with("sub", std::string(1025, 'x')).dump()), "too long"},
      {"no exp", rsa().token(without("exp").dump()), "when it expires (exp)"},
      {"an exp that is a text", rsa().token(with("exp", "1700000300").dump()), "exp that is no moment"},
      {"an exp that is null", rsa().token(with("exp", nullptr).dump()), "exp that is no moment"},
      {"an exp before all time", rsa().token(with("exp", -1).dump()), "exp that is no moment"},
      {"an exp after all time", rsa().token(with("exp", 1e300).dump()), "exp that is no moment"},
      {"an exp in the year 9999", rsa().token(with("exp", 253'402'300'799).dump()), "exp that is no moment"},
      {"an nbf in the last year", rsa().token(with("nbf", 7'258'118'399).dump()),
       "nbf is 2199-12-31T23:59:59Z"},
      {"an exp in milliseconds", rsa().token(with("exp", kNow * 1000).dump()), "exp that is no moment"},
      {"an nbf that is true", rsa().token(with("nbf", true).dump()), "nbf that is no moment"},
      {"an iat that is a list", rsa().token(with("iat", json::array({kNow})).dump()),
       "iat that is no moment"},
      {"an aud that is a number", rsa().token(with("aud", 1).dump()), "neither a text nor a list of texts"},
      {"an aud of numbers", rsa().token(with("aud", json::array({"breakwater", 1})).dump()),
       "neither a text nor a list"},
  };
}

TEST_CASE("every attack is refused, and told in a sentence without the token") {
  std::vector<Attack> attacks = attacks_on_algorithms();
  for (auto more : {attacks_on_es256(), attacks_on_form()})
    attacks.insert(attacks.end(), more.begin(), more.end());
  for (const Attack& attack : attacks) {
    CAPTURE(attack.what);
    const auto judged = judge(attack.token);
    CHECK_FALSE(judged);
    if (judged) continue;
    const std::string& message = judged.error().message;
    CAPTURE(message);
    CHECK(judged.error().kind == Error::Kind::denied);
    CHECK(message.find(attack.why) != std::string::npos);
    CHECK(message.starts_with("the token "));
    CHECK(message.find('\n') == std::string::npos);
    CHECK(message.size() < 700);
    // Neither the payload nor the signature.
    for (size_t from = 0; from < attack.token.size();) {
      const size_t to = std::min(attack.token.find('.', from), attack.token.size());
      if (to - from >= 8) CHECK(message.find(attack.token.substr(to - 8, 8)) == std::string::npos);
      from = to + 1;
    }
  }
}

TEST_CASE("without an id the only key for the algorithm is meant") {
  const auto token = rsa().token(R"({"alg":"RS256"})", claims().dump());
  CHECK(judge(token));
  const auto two = KeySet::parse(jwks({rsa().jwk(), SigningKey::rsa("r2").jwk()}));
  const auto judged = Jwt::parse(token)->check_signature(*two);
  REQUIRE_FALSE(judged);
  CHECK(judged.error().message ==
        "the token of ci.example:repo:me/app names no key (kid), and its issuer has not exactly one for "
        "RS256");
}

TEST_CASE("clocks may differ by a minute") {
  struct Row {
    const char* claim;
    double seconds_from_now;
    const char* why;  // "": it is taken
  };
  const auto row = GENERATE(values<Row>({
      {"exp", 0.5, ""},
      {"exp", 0, ""},
      {"exp", -59, ""},
      {"exp", -59.5, ""},
      {"exp", -60, "has expired at 2023-11-14T22:12:20Z"},
      {"exp", -86'400, "has expired at 2023-11-13T22:13:20Z"},
      {"nbf", 60, ""},
      {"nbf", 61, "its nbf is 2023-11-14T22:14:21Z, and here it is 2023-11-14T22:13:20Z"},
      {"nbf", -1'000'000, ""},
      {"iat", 60, ""},
      {"iat", 61, "its iat is 2023-11-14T22:14:21Z, and here it is 2023-11-14T22:13:20Z"},
      {"iat", -1'000'000, ""},
  }));
  CAPTURE(row.claim, row.seconds_from_now);
  const json moment = static_cast<double>(kNow) + row.seconds_from_now;
  const auto judged = judge(rsa().token(with(row.claim, moment).dump()));
  CHECK(judged.has_value() == std::string(row.why).empty());
  if (!judged) CHECK(judged.error().message.find(row.why) != std::string::npos);
}

TEST_CASE("nbf and iat may be missing") {
  CHECK(judge(rsa().token(without("nbf").dump())));
  CHECK(judge(rsa().token(without("iat").dump())));
}

TEST_CASE("a token is for the audiences that it names, to the letter") {
  struct Row {
    json aud;
    bool is_for_us;
  };
  const std::vector<Row> rows = {
      {"breakwater", true},
      {json::array({"breakwater"}), true},
      {json::array({"sts.example", "breakwater"}), true},
      {json::array(), false},
      {"", false},
      {"Breakwater", false},
      {"breakwater/", false},
      {"breakwater2", false},
      {"break*", false},
      {"*", false},
      {json::array({"sts.example"}), false},
      {json::array({"sts.example, breakwater"}), false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.aud.dump());
    json value = claims();
    value["aud"] = row.aud;
    const auto jwt = Jwt::parse(rsa().token(value.dump()));
    REQUIRE(jwt);
    CHECK(jwt->is_for("breakwater") == row.is_for_us);
  }
  CHECK_FALSE(Jwt::parse(rsa().token(without("aud").dump()))->is_for("breakwater"));
  CHECK_FALSE(Jwt::parse(rsa().token(without("aud").dump()))->is_for(""));
}

// As the documentation of each system has it, shortened.
json gitlab() {
  return json::parse(R"({"namespace_id":"72","namespace_path":"my-group","project_id":"20",
    "project_path":"my-group/my-project","user_id":"1","user_login":"sample-user","pipeline_id":"574",
    "pipeline_source":"push","job_id":"302","ref":"feature-branch-1","ref_type":"branch",
    "ref_path":"refs/heads/feature-branch-1","ref_protected":"false","environment":"test-environment2",
    "groups_direct":["mygroup/mysubgroup","myothergroup"],"runner_id":1,"runner_environment":"self-hosted",
    "sha":"714a629c0b401fdce83e847fc9589983fc6f46bc","iss":"https://gitlab.example.com","iat":1700000000,
    "nbf":1699999995,"exp":1700003600,"aud":"breakwater",
    "sub":"project_path:my-group/my-project:ref_type:branch:ref:feature-branch-1"})");
}
json github() {
  return json::parse(R"({"sub":"repo:octo-org/octo-repo:environment:prod","environment":"prod",
    "aud":"breakwater","ref":"refs/heads/main","repository":"octo-org/octo-repo",
    "repository_owner":"octo-org","repository_owner_id":"65","repository_id":"74",
    "repository_visibility":"private","run_id":"1234","actor":"octocat","workflow":"example-workflow",
    "event_name":"workflow_dispatch","ref_protected":"true","ref_type":"branch",
    "job_workflow_ref":"octo-org/octo-automation/.github/workflows/oidc.yml@refs/heads/main",
    "runner_environment":"github-hosted","iss":"https://token.actions.githubusercontent.com",
    "nbf":1699999000,"exp":1700000300,"iat":1700000000})");
}
json forgejo() {
  return json::parse(R"({"sub":"repo:my-org-123456/my-repo-456789:ref:refs/heads/main",
    "iss":"https://forgejo.example/api/actions","aud":"breakwater","ref":"refs/heads/main",
    "repository":"my-org/my-repo","repository_owner":"my-org","repository_id":"456789",
    "repository_owner_id":"123456","actor":"me","actor_id":"7","event_name":"push","workflow":"publish.yml",
    "run_id":"9","exp":1700000600,"iat":1700000000,"nbf":1700000000})");
}
// A step of Woodpecker has no token of Woodpecker's, but where Kubernetes runs it, that of its pod.
json woodpecker_in_kubernetes() {
  return json::parse(R"({"aud":["breakwater"],"exp":1700003607,"iat":1700000000,"nbf":1700000000,
    "iss":"https://kubernetes.default.svc.cluster.local","jti":"1f2e",
    "kubernetes.io":{"namespace":"woodpecker","node":{"name":"n1","uid":"4"},
    "pod":{"name":"wp-01hs-step","uid":"5"},"serviceaccount":{"name":"builder","uid":"6"},
    "warnafter":1700003607},"sub":"system:serviceaccount:woodpecker:builder"})");
}
json old_kubernetes() {
  return json::parse(R"({"iss":"kubernetes/serviceaccount","kubernetes.io/serviceaccount/namespace":"default",
    "kubernetes.io/serviceaccount/service-account.name":"ci","sub":"system:serviceaccount:default:ci",
    "exp":1700003607})");
}

TEST_CASE("claims of CI systems are matched by patterns, those in objects by their path") {
  struct Row {
    json token;
    std::string claim, pattern;
    bool fits;
  };
  const std::vector<Row> rows = {
      {gitlab(), "project_path", "my-group/my-project", true},
      {gitlab(), "project_path", "my-group/*", true},
      {gitlab(), "project_path", "my-group", false},
      {gitlab(), "project_path", "my-*/", false},
      {gitlab(), "project_path", "MY-GROUP/*", false},
      {gitlab(), "namespace_path", "my-group", true},
      {gitlab(), "ref_protected", "true", false},
      {gitlab(), "ref_protected", "false", true},
      {gitlab(), "ref", "feature-*", true},
      {gitlab(), "runner_id", "1", true},
      {gitlab(), "runner_id", "2", false},
      {gitlab(), "groups_direct", "mygroup/*", true},
      {gitlab(), "groups_direct", "mygroup", false},
      {gitlab(), "sub", "project_path:my-group/*:ref_type:branch:ref:*", true},
      {gitlab(), "sub", "*:ref:main", false},
      {github(), "repository_owner", "octo-org", true},
      {github(), "repository_owner", "octo", false},
      {github(), "repository_owner_id", "65", true},
      {github(), "repository", "octo-org/*", true},
      {github(), "job_workflow_ref", "octo-org/octo-automation/.github/workflows/oidc.yml@refs/heads/*",
       true},
      {github(), "sub", "repo:octo-org/octo-repo:*", true},
      {github(), "sub", "repo:octo-org/octo-rep:*", false},
      {github(), "environment", "*", true},
      {forgejo(), "environment", "*", false},
      {forgejo(), "repository_owner", "my-org", true},
      {forgejo(), "repository_owner_id", "123456", true},
      {forgejo(), "ref", "refs/heads/*", true},
      {forgejo(), "ref", "refs/tags/*", false},
      {woodpecker_in_kubernetes(), "kubernetes.io/namespace", "woodpecker", true},
      {woodpecker_in_kubernetes(), "kubernetes.io/serviceaccount/name", "build*", true},
      {woodpecker_in_kubernetes(), "kubernetes.io/serviceaccount/name", "deploy*", false},
      {woodpecker_in_kubernetes(), "kubernetes.io/serviceaccount", "*", false},
      {woodpecker_in_kubernetes(), "kubernetes.io/pod/name", "wp-*", true},
      {woodpecker_in_kubernetes(), "namespace", "woodpecker", false},
      {woodpecker_in_kubernetes(), "sub", "system:serviceaccount:woodpecker:*", true},
      {old_kubernetes(), "kubernetes.io/serviceaccount/namespace", "default", true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.token["iss"].dump(), row.claim, row.pattern);
    const auto jwt = Jwt::parse(rsa().token(row.token.dump()));
    REQUIRE(jwt);
    ClaimPattern pattern{row.claim, {row.pattern}};
    CHECK(jwt->says(pattern) == row.fits);
    pattern.patterns = {"other", row.pattern};
    CHECK(jwt->says(pattern) == row.fits);
  }
}

TEST_CASE("jobs are named by their issuer and subject") {
  const auto name_of = [](const json& token) { return Jwt::parse(rsa().token(token.dump()))->name(); };
  CHECK(name_of(gitlab()) ==
        "gitlab.example.com:project_path:my-group/my-project:ref_type:branch:ref:feature-branch-1");
  CHECK(name_of(github()) == "token.actions.githubusercontent.com:repo:octo-org/octo-repo:environment:prod");
  CHECK(name_of(forgejo()) ==
        "forgejo.example/api/actions:repo:my-org-123456/my-repo-456789:ref:refs/heads/main");
  CHECK(name_of(woodpecker_in_kubernetes()) ==
        "kubernetes.default.svc.cluster.local:system:serviceaccount:woodpecker:builder");
  CHECK(name_of(with("iss", "http://ci.example:3000//")) == "ci.example:3000:repo:me/app");
}

TEST_CASE("a claim that hides its end, may be two things, or is no text, fits no pattern") {
  const auto says = [](const json& token, const char* claim, const char* pattern) {
    return Jwt::parse(rsa().token(token.dump()))->says(ClaimPattern{claim, {pattern}});
  };
  CHECK_FALSE(says(with("owner", std::string("me\0you", 6)), "owner", "me"));
  CHECK_FALSE(says(with("owner", std::string("me\0you", 6)), "owner", "*"));
  json two = with("a", {{"b", "me"}});
  CHECK(says(two, "a/b", "me"));
  two["a/b"] = "you";
  CHECK_FALSE(says(two, "a/b", "me"));
  CHECK_FALSE(says(two, "a/b", "you"));
  for (const json& value :
       {json(nullptr), json(1.5), json::object(), json::array(), json::parse(R"([{"me":"me"}])")})
    CHECK_FALSE(says(with("owner", value), "owner", "*"));
  CHECK_FALSE(says(claims(), "", "*"));
  CHECK(says(with("owner", true), "owner", "true"));
}

TEST_CASE("passwords that are meant as tokens are told from others") {
  CHECK(Jwt::is_like(rsa().token(claims().dump())));
  CHECK(Jwt::is_like(signed_text(R"({"alg":"none"})", "{}") + "."));
  CHECK(Jwt::is_like(signed_text("{\n \"alg\":1}", "{}") + ".a!b"));
  for (const char* password : {"", ".", "..", "s3cret", "a.b.c", "1.2.3", "eyJ.eyJ", "eyJhbGci.x",
                               "correct horse", "bwt_0123456789abcdef", "eyJ.eyJ.x.y"}) {
    CAPTURE(password);
    CHECK_FALSE(Jwt::is_like(password));
  }
}

}  // namespace
}  // namespace breakwater::routes

// The page's API over an appliance with users: who may sign in, look and act, and that nobody is told of a
// repository that he may not pull from, whatever he asks. Each operation of the table is asked here.
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "conf/appliance.h"
#include "routes/access/jose.h"
#include "routes/ops/operations.h"
#include "store/base/digest.h"
#include "test/catch.h"
#include "test/fakes/blocking_socket.h"
#include "test/fakes/made_passwords.h"
#include "test/fakes/store_world.h"

namespace breakwater::conf {
namespace {

using nlohmann::json;

struct Answer {
  int status = 0;
  std::string head, body;

  json told() const { return json::parse(body); }
  std::string message() const { return told()["error"]["message"]; }
  // The value of Set-Cookie up to its attributes, as a browser sends it back.
  std::string cookie() const {
    const size_t at = head.find("Set-Cookie: ");
    REQUIRE(at != std::string::npos);
    return head.substr(at + 12, head.find_first_of(";\r", at) - at - 12);
  }
  bool has(const std::string& text) const { return head.find(text) != std::string::npos; }
};

// A connection that blocks.
class Line {
 public:
  explicit Line(const std::string& address) : socket_(address) {}
  void send(const std::string& text) { socket_.send(text); }
  // All that has come once `text` is among it, or the other side has closed.
  const std::string& until(const std::string& text) {
    while (received_.find(text) == std::string::npos) {
      const std::string bytes = socket_.receive(4096);
      if (bytes.empty()) break;
      received_ += bytes;
    }
    return received_;
  }

 private:
  test::BlockingSocket socket_;
  std::string received_;
};

using Headers = std::vector<std::pair<std::string, std::string>>;

std::string request_text(const std::string& method, const std::string& target, const Headers& headers,
                         const std::string& body) {
  std::string text = method + " " + target + " HTTP/1.1\r\nHost: localhost\r\n";
  for (const auto& [name, value] : headers) text += name + ": " + value + "\r\n";
  if (!body.empty() || method != "GET") text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return text + "\r\n" + body;
}

Answer ask(const std::string& address, const std::string& method, const std::string& target,
           Headers headers = {}, const std::string& body = "") {
  Line line(address);
  headers.emplace_back("Connection", "close");
  line.send(request_text(method, target, headers, body));
  const std::string& all = line.until("\r\n\r\nnever");
  const size_t end = all.find("\r\n\r\n");
  REQUIRE(end != std::string::npos);
  return {std::stoi(all.substr(9, 3)), all.substr(0, end + 2), all.substr(end + 4)};
}

std::string base64(const std::string& text) {
  std::string encoded = routes::base64url(text);
  for (char& c : encoded) c = c == '-' ? '+' : c == '_' ? '/' : c;
  encoded.append((4 - encoded.size() % 4) % 4, '=');
  return encoded;
}

Headers as(const std::string& user) {
  return {{"Authorization", "Basic " + base64(user + ":the word of " + user)}};
}
Headers with_cookie(const std::string& cookie) { return {{"Cookie", "other=1; " + cookie}}; }

// alice may all; bob may look, and pull from team/*; dave likewise, and administer; carol has no rule.
struct PageWorld {
  PageWorld() {
    std::ofstream users(folder.path() / "users");
    for (const char* user : {"alice", "bob", "carol", "dave"})
      users << test::htpasswd_line(user, std::string("the word of ") + user);
    users.close();
    auto parsed = parse_config(R"({"routes": [{"name": "private", "listen": ["127.0.0.1:0"], "registry": {},
      "access": [{"who": "@ops", "may": ["pull", "push", "delete"]},
                 {"who": ["bob", "dave"], "may": "pull", "repositories": "team/*"}]}],
      "metrics": {"listen": ["127.0.0.1:0"]},
      "users": {"htpasswd_file": ")" +
                               (folder.path() / "users").string() +
                               R"(", "groups": {"ops": "alice"}},
      "admin": {"listen": ["127.0.0.1:0"],
                "access": [{"who": ["@ops", "dave"], "may": ["look", "administer"]},
                           {"who": "bob", "may": "look"}]}})");
    if (!parsed) {
      for (const auto& line : parsed.error().lines) UNSCOPED_INFO(line);
    }
    REQUIRE(parsed);
    config = *std::move(parsed);
    config.data = folder.path() / "data";
    const Appliance::Ground ground{4096, *disk, clock, log, [this] { return next; }, std::nullopt};
    auto built = Appliance::build(config, ground, {});
    REQUIRE(built);
    appliance = *std::move(built);
    runs = std::thread([this] { (void)appliance->run({}); });
    for (const auto& one : appliance->listening()) (one.route == "private" ? registry : page) = one.address;
    for (const auto& one : appliance->listening()) {
      if (one.route == "admin") page = one.address;
    }
  }
  ~PageWorld() {
    appliance->terminate();
    runs.join();
  }
  PageWorld(const PageWorld&) = delete;
  PageWorld& operator=(const PageWorld&) = delete;

  Answer api(const std::string& method, const std::string& path, Headers headers = {},
             const std::string& body = "") const {
    if (!body.empty()) headers.emplace_back("Content-Type", "application/json");
    return ask(page, method, "/api/v1/" + path, std::move(headers), body);
  }
  Answer sign_in(const std::string& user, const std::string& password) const {
    return api("POST", "session", {}, json{{"user", user}, {"password", password}}.dump());
  }

  // An image of one layer, pushed by alice; its manifest's digest.
  std::string push(const std::string& repository, const std::string& tag) const {
    const auto blob = [&](const std::string& content) {
      const auto digest = store::digest_of(store::Algorithm::sha256, content).text();
      const auto pushed = ask(registry, "POST", "/v2/" + repository + "/blobs/uploads/?digest=" + digest,
                              as("alice"), content);
      REQUIRE(pushed.status == 201);
      return json{{"mediaType", "application/vnd.oci.image.layer.v1.tar"},
                  {"digest", digest},
                  {"size", content.size()}};
    };
    json manifest = {{"schemaVersion", 2},
                     {"mediaType", "application/vnd.oci.image.manifest.v1+json"},
                     {"config", blob("{}")},
                     {"layers", {blob("layer of " + repository)}}};
    manifest["config"]["mediaType"] = "application/vnd.oci.image.config.v1+json";
    auto headers = as("alice");
    headers.emplace_back("Content-Type", "application/vnd.oci.image.manifest.v1+json");
    const auto text = manifest.dump();
    const auto put = ask(registry, "PUT", "/v2/" + repository + "/manifests/" + tag, headers, text);
    REQUIRE(put.status == 201);
    return store::digest_of(store::Algorithm::sha256, text).text();
  }

  test::Folder folder;
  test::FakeLog log;
  std::unique_ptr<store::Disk> disk = store::make_posix_disk();
  store::SystemClock clock;
  Config config;
  tl::expected<Config, ConfigErrors> next;
  std::unique_ptr<Appliance> appliance;
  std::thread runs;
  std::string registry, page;
};

// What an operation is asked.
struct Question {
  enum class For : uint8_t {
    list,            // told in part: what is hidden is left out
    hidden,          // about what is hidden: not found
    refused,         // 403 for who does not see everything
    administrators,  // 403 for who may only look
    anyone
  };
  std::string arguments;  // a query, or a body
  For is;
};

// With the digest of the hidden image for DIGEST, and the id of the hidden upload for UPLOAD.
const std::map<std::string_view, std::vector<Question>>& questions() {
  using For = Question::For;
  static const std::map<std::string_view, std::vector<Question>> all = {
      {"status", {{"", For::list}}},
      {"ls",
       {{"of=private", For::list},
        {"of=private/hidden/app", For::hidden},
        {"of=private/hidden/app:1", For::hidden},
        {"of=private/hidden/app@DIGEST", For::hidden}}},
      {"search", {{"q=app", For::list}, {"q=hidden", For::list}}},
      {"inspect", {{"of=private/hidden/app:1", For::hidden}, {"of=private/hidden/app@DIGEST", For::hidden}}},
      {"du",
       {{"by=repository", For::list},
        {"by=tag&route=private/hidden/app", For::hidden},
        {"by=client", For::refused},
        {"by=route", For::anyone}}},
      {"why",
       {{"of=DIGEST", For::hidden},
        {"of=hidden/app:1", For::hidden},
        {"of=private/hidden/app:1", For::hidden},
        {"of=private/hidden/app@DIGEST", For::hidden}}},
      {"gc", {{"", For::refused}}},
      {"uploads", {{"", For::list}}},
      {"pins", {{"", For::list}}},
      {"token list", {{"", For::administrators}}},
      {"saved", {{"", For::list}}},
      {"log", {{"", For::list}, {"image=private/hidden/*", For::list}}},
      {"cache", {{"", For::list}, {"repository=private/hidden/app", For::list}}},
      {"client-config", {{"client=docker", For::anyone}}},
      {"fetch", {{R"({"image": "private/hidden/app:1"})", For::list}}},
      {"refresh", {{R"({"image": "private/hidden/app:1"})", For::hidden}}},
      {"pin",
       {{R"({"what": "private/hidden/app:1"})", For::hidden}, {R"({"what": "private/*"})", For::refused}}},
      {"unpin", {{R"({"what": "private/hidden/app:1"})", For::hidden}}},
      {"token create", {{R"({"name": "ci"})", For::administrators}}},
      {"token revoke", {{R"({"name": "ci"})", For::administrators}}},
      {"purge", {{R"({"what": "private/hidden/app:1"})", For::hidden}}},
      {"rm",
       {{R"({"what": "private/hidden/app:1"})", For::hidden}, {R"({"what": "private"})", For::refused}}},
      {"abort-upload", {{R"({"id": "UPLOAD"})", For::hidden}}},
      {"reload", {{"{}", For::administrators}}},
      {"read-only", {{R"({"state": "on"})", For::administrators}}},
      {"drain", {{R"({"state": "on"})", For::administrators}}},
      {"import", {{R"({"from": "/x", "route": "private"})", For::refused}}},
      {"export", {{R"({"to": "/x", "route": "private"})", For::refused}}},
      {"backup", {{R"({"to": "/x"})", For::refused}}},
      {"forget-route", {{R"({"route": "gone"})", For::refused}}},
  };
  return all;
}

std::string with(std::string text, const std::string& what, const std::string& by) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
  return text;
}

// As `user`, and nothing is done.
Answer asked(const PageWorld& world, const routes::Operation& operation, const std::string& arguments,
             const std::string& user) {
  const std::string path(operation.path);
  if (operation.effect == routes::Operation::Effect::ask)
    return world.api("GET", path + "?" + arguments, as(user));
  auto body = json::parse(arguments);
  body["dry_run"] = true;
  return world.api("POST", path, as(user), body.dump());
}

}  // namespace

TEST_CASE("no operation tells a caller of a repository that he may not pull from") {
  using For = Question::For;
  PageWorld world;
  world.push("team/app", "1");
  const auto digest = world.push("hidden/app", "1");
  world.push("hidden/app", "cache");
  const auto begun = ask(world.registry, "POST", "/v2/hidden/app/blobs/uploads/", as("alice"));
  REQUIRE(begun.status == 202);
  const size_t at = begun.head.find("/blobs/uploads/") + 15;
  const auto upload = begun.head.substr(at, begun.head.find_first_of("?\r", at) - at);
  const auto location = begun.head.substr(begun.head.find("/v2/hidden/app/blobs/uploads/"));
  REQUIRE(
      ask(world.registry, "PATCH", location.substr(0, location.find('\r')), as("alice"), "bytes").status ==
      202);
  REQUIRE(world.api("POST", "pin", as("alice"), R"({"what": "private/hidden/app:1"})").status == 200);
  REQUIRE(world.api("POST", "pin", as("alice"), R"({"what": "private/hidden/*"})").status == 200);

  for (const auto& operation : routes::operations()) {
    CAPTURE(operation.verb);
    CHECK(operation.tells != routes::Operation::Tells::unsaid);
    REQUIRE(questions().contains(operation.verb));
    const bool is_ask = operation.effect == routes::Operation::Effect::ask;
    for (const auto& [text, is] : questions().at(operation.verb)) {
      CAPTURE(text);
      const auto arguments = with(with(text, "DIGEST", digest), "UPLOAD", upload);
      if (!is_ask) CHECK(asked(world, operation, arguments, "bob").status == 403);
      const auto limited = asked(world, operation, arguments, is_ask ? "bob" : "dave");
      INFO(limited.body);
      CHECK(asked(world, operation, arguments, "carol").status == 403);
      switch (is) {
        case For::list: {
          CHECK(limited.status == 200);
          const bool names_it = with(text, "hidden/", "") != text;  // he has said it himself
          if (!names_it) CHECK(limited.body.find("hidden") == std::string::npos);
          CHECK(limited.body.find(digest) == std::string::npos);
          CHECK(asked(world, operation, arguments, "alice").body.find("hidden") != std::string::npos);
          break;
        }
        case For::hidden: {
          CHECK(limited.status == 404);
          // In the same words as what is not there.
          const auto absent = store::digest_of(store::Algorithm::sha256, "never").text();
          const auto none = with(with(with(arguments, "hidden/", "absent/"), digest, absent), upload, "none");
          const auto of_none = asked(world, operation, none, is_ask ? "bob" : "dave");
          CHECK(of_none.status == 404);
          CHECK(with(with(with(limited.body, "hidden/", "absent/"), digest, absent), upload, "none") ==
                of_none.body);
          break;
        }
        case For::refused: CHECK(limited.status == 403); break;
        case For::administrators:
          CHECK(asked(world, operation, arguments, "bob").status == 403);
          CHECK(asked(world, operation, arguments, "dave").status != 403);
          break;
        case For::anyone:
          CHECK(limited.status == 200);
          CHECK(limited.body.find("hidden") == std::string::npos);
          break;
      }
    }
  }
  const auto seen = world.api("GET", "images?of=private", as("bob")).told();
  CHECK(seen["repositories"].size() == 1);
  CHECK(seen["repositories"][0]["repository"] == "team/app");
  CHECK(world.api("GET", "images?of=private/team/app:1", as("bob")).status == 200);
}

TEST_CASE("a stream tells what may be pulled, and ends with the session") {
  PageWorld world;
  const auto cookie = world.sign_in("bob", "the word of bob").cookie();
  Line stream(world.page);
  stream.send(request_text("GET", "/api/v1/events", with_cookie(cookie), ""));
  CHECK(stream.until("event: status").starts_with("HTTP/1.1 200"));
  world.push("hidden/app", "1");
  world.push("team/app", "1");
  const std::string told = stream.until("team/app");
  CHECK(told.find("team/app") != std::string::npos);
  CHECK(told.find("hidden") == std::string::npos);
  CHECK(world.api("DELETE", "session", with_cookie(cookie)).status == 200);
  CHECK(stream.until("\r\n0\r\n\r\n").ends_with("\r\n0\r\n\r\n"));
}

TEST_CASE("who signs in has a session, until he signs out") {
  PageWorld world;
  const auto before = world.api("GET", "caller").told();
  CHECK(before["signed_in"] == false);
  CHECK(before["can_sign_in"] == true);
  CHECK(before["may_look"] == false);
  CHECK(before["may_act"] == false);
  CHECK(before["why_not"].get<std::string>().find("sign in") != std::string::npos);
  const auto refused = world.api("GET", "status");
  CHECK(refused.status == 401);
  CHECK(refused.has("WWW-Authenticate: Bearer realm=\"breakwater\"\r\n"));
  CHECK(ask(world.page, "GET", "/").status == 200);  // or nobody could sign in

  const auto wrong = world.sign_in("alice", "a guess");
  CHECK(wrong.status == 401);
  CHECK(wrong.message().find("no user here has this name and this password") != std::string::npos);
  CHECK(wrong.has("WWW-Authenticate: Bearer realm=\"breakwater\"\r\n"));
  CHECK_FALSE(wrong.has("Set-Cookie"));

  const auto signed_in = world.sign_in("alice", "the word of alice");
  CHECK(signed_in.status == 200);
  CHECK(signed_in.told()["user"] == "alice");
  CHECK(signed_in.has("; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200\r\n"));
  const auto cookie = signed_in.cookie();
  const auto caller = world.api("GET", "caller", with_cookie(cookie)).told();
  CHECK(caller["user"] == "alice");
  CHECK(caller["signed_in"] == true);
  CHECK(caller["sees_all"] == true);
  CHECK(caller["may_act"] == true);
  CHECK_FALSE(caller.contains("why_not"));

  const auto out = world.api("DELETE", "session", with_cookie(cookie));
  CHECK(out.status == 200);
  CHECK(out.has("Set-Cookie: breakwater_session=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0\r\n"));
  CHECK(world.api("GET", "status", with_cookie(cookie)).status == 401);
  CHECK(world.api("GET", "caller", with_cookie(cookie)).told()["signed_in"] == false);
  CHECK(world.api("GET", "status", with_cookie("breakwater_session=bwp_x.y")).status == 401);
}

TEST_CASE("what is no name and password in JSON signs nobody in") {
  PageWorld world;
  for (const char* body : {"{}", "[]", "x", R"({"user": "alice"})", R"({"user": "alice", "password": 1})",
                           R"({"user": "alice", "password": "x", "more": "x"})"}) {
    CAPTURE(body);
    CHECK(world.api("POST", "session", {}, body).status == 400);
  }
  const std::string right = R"({"user": "alice", "password": "the word of alice"})";
  CHECK(ask(world.page, "POST", "/api/v1/session", {{"Content-Type", "text/plain"}}, right).status == 400);
  CHECK(world.api("POST", "session", {{"Origin", "https://evil.example"}}, right).status == 403);
  CHECK(world.api("POST", "session", {}, R"({"user": ")" + std::string(20'000, 'x') + "\"}").status == 413);
  CHECK(world.api("PUT", "session", {}, right).status == 405);
}

TEST_CASE("a token may look at what it is for and administers nothing, and who revokes it ends its session") {
  PageWorld world;
  world.push("team/app", "1");
  world.push("hidden/app", "1");
  const auto made =
      world.api("POST", "create-token", as("alice"), R"({"name": "ci", "repositories": "hidden/*"})");
  REQUIRE(made.status == 200);
  CHECK(made.told()["made_by"] == "alice");
  const std::string token = made.told()["token"];
  const auto signed_in = world.sign_in("ci", token);
  REQUIRE(signed_in.status == 200);
  for (const auto& by : {with_cookie(signed_in.cookie()), Headers{{"Authorization", "Bearer " + token}}}) {
    const auto seen = world.api("GET", "images?of=private", by).told();
    CHECK(seen["repositories"].size() == 1);
    CHECK(seen["repositories"][0]["repository"] == "hidden/app");
    CHECK(world.api("POST", "create-token", by, R"({"name": "more"})").status == 403);
    CHECK(world.api("GET", "tokens", by).status == 403);
  }
  CHECK(world.api("POST", "revoke-token", as("alice"), R"({"name": "ci"})").status == 200);
  CHECK(world.api("GET", "status", with_cookie(signed_in.cookie())).status == 401);
  // What lasts for five minutes gives no session of hours.
  const auto given = ask(world.registry, "GET", "/token?service=private", as("alice"));
  REQUIRE(given.status == 200);
  CHECK(world.sign_in("alice", given.told()["token"]).status == 401);
}

TEST_CASE("who acts by a proxy has to have a name, and the audit log has it") {
  PageWorld world;
  auto by_proxy = as("alice");
  by_proxy.emplace_back("X-Forwarded-For", "10.0.0.7");
  CHECK(world.api("POST", "read-only", by_proxy, R"({"state": "off"})").status == 200);
  world.log.wait_for(" who=alice ");
  CHECK(world.api("POST", "read-only", as("bob"), R"({"state": "off"})").status == 403);
}

}  // namespace breakwater::conf

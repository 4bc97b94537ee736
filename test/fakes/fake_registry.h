// A registry, its token endpoint or its CDN, as the test scripts it: raw HTTP/1.1 on a loopback port, on the
// test's own Loop. What it does is recorded. Several of them are several hosts: they differ by port, and by
// address if one is given (all of 127/8 is loopback).
//
//   FakeRegistry registry(loop), cdn(loop), auth(loop);
//   Digest layer = registry.blob("library/alpine", bytes);
//   registry.manifest("library/alpine", "3.20", type, json);
//   registry.ask_for_token(auth, "registry.docker.io");
//   registry.redirect_blobs_to(cdn);
//   registry.next(FakeRegistry::blob_path("library/alpine", layer), Fault::cut(1000));  // always() for good
//   …
//   CHECK(registry.count("GET", path) == 2);
//
// A request is judged in this order: recorded, canned answer, token or password, fault, redirect, content,
// 404. Belongs to the loop's thread; it must go before the Loop does.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/http.h"
#include "proxy/http/url.h"
#include "proxy/loop/loop.h"
#include "store/base/digest.h"

namespace breakwater::test {

class TlsIdentity;

struct Seen {
  std::string method;
  std::string target;  // path and query
  proxy::Headers headers;
  std::string path() const { return target.substr(0, target.find('?')); }
};

struct Canned {
  int status = 200;
  proxy::Headers headers;
  std::string body;
  // All that is sent, as it is, before the connection ends; "" = an answer made of the above.
  std::string raw = {};
};

// What goes wrong with one answer. Of a body's bytes, those of this answer count: a resumed one begins at 0
// again.
struct Fault {
  enum class Kind {
    cut,
    stall,
    wrong_last_byte,
    too_few,
    too_many,
    html,
    partial_unasked,
    wrong_content_range,
    ignore_range,
    canned,
    silent,
    hang_up
  };

  // Short of Content-Length.
  static Fault cut(uint64_t after_bytes) { return Fault(Kind::cut, after_bytes); }
  static Fault stall(uint64_t after_bytes) { return Fault(Kind::stall, after_bytes); }  // until release()
  static Fault wrong_last_byte() { return Fault(Kind::wrong_last_byte, 0); }
  // And Content-Length agrees.
  static Fault too_few(uint64_t missing) { return Fault(Kind::too_few, missing); }
  // And Content-Length agrees.
  static Fault too_many(uint64_t extra) { return Fault(Kind::too_many, extra); }
  static Fault html() { return Fault(Kind::html, 0); }  // a web page with 200
  // 206 where 200 is due.
  static Fault partial_unasked() { return Fault(Kind::partial_unasked, 0); }
  // The right bytes under another range.
  static Fault wrong_content_range() { return Fault(Kind::wrong_content_range, 0); }
  static Fault ignore_range() { return Fault(Kind::ignore_range, 0); }  // 200 and all of it
  // No answer, until release() (then 404 or what is due).
  static Fault silent() { return Fault(Kind::silent, 0); }
  // Closes instead of answering.
  static Fault hang_up() { return Fault(Kind::hang_up, 0); }
  // These bytes, and then hangs up.
  static Fault raw(std::string text);
  static Fault reply(int status, proxy::Headers headers = {}, std::string body = "");

  Fault(Kind k, uint64_t n) : kind(k), bytes(n) {}
  Kind kind;
  uint64_t bytes = 0;
  Canned canned;
};

class FakeRegistry {
 public:
  explicit FakeRegistry(proxy::Loop& loop, const std::string& address = "127.0.0.1");
  // Speaks TLS alone; `identity` must outlive it.
  FakeRegistry(proxy::Loop& loop, const TlsIdentity& identity, const std::string& address = "127.0.0.1");
  ~FakeRegistry();
  FakeRegistry(const FakeRegistry&) = delete;
  FakeRegistry& operator=(const FakeRegistry&) = delete;

  std::string url() const;        // "http://127.0.0.1:40123"
  std::string authority() const;  // "127.0.0.1:40123"
  proxy::Endpoint endpoint() const;

  // --- content
  store::Digest blob(const std::string& repository, std::string bytes);
  // Also under its digest. An empty tag: by digest only.
  store::Digest manifest(const std::string& repository, const std::string& tag, const std::string& media_type,
                         std::string bytes);
  void untag(const std::string& repository, const std::string& tag);
  void answer(const std::string& path, Canned canned);  // whatever the method and the query
  static std::string blob_path(const std::string& repository, const store::Digest& digest);
  static std::string manifest_path(const std::string& repository, const std::string& reference);
  static std::string signed_path(const store::Digest& digest);  // at a CDN

  // --- who may ask Answers 401 with a Bearer challenge whose realm is `auth`'s /token, but to those with a
  // token that it issued for the repository.
  void ask_for_token(FakeRegistry& auth, const std::string& service);
  // Instead of the repository's own; "" for none.
  void challenge_scope(std::string scope) { challenge_scope_ = std::move(scope); }
  void revoke_tokens() { tokens_.clear(); }
  // At the auth host; nothing: it does not say.
  void tokens_expire_in(std::optional<int64_t> seconds) { token_expires_in_s_ = seconds; }
  // At the auth host.
  void call_it_access_token() { token_member_ = "access_token"; }
  // Basic; at an auth host: for tokens.
  void ask_for_password(const std::string& username, const std::string& password);

  // --- where things are Blobs are answered 307 with a signed URL there; the CDN answers 400 if it sees
  // Authorization, and 403 to a signature that is not valid any more.
  void redirect_blobs_to(FakeRegistry& cdn, int status = 307);
  void expire_signatures() { signatures_.clear(); }             // at the CDN
  void redirect_all_to(FakeRegistry& other, int status = 307);  // same target

  // --- what goes wrong
  void next(const std::string& path, Fault fault);    // one for each request to that path, in order
  void always(const std::string& path, Fault fault);  // when next() has nothing left
  void heal() { next_.clear(), always_.clear(); }
  void release();  // what stalls goes on
  void pace();     // from now on bodies wait for let()
  void let(uint64_t bytes);
  void shut();  // nobody listens any more, connections are cut
  void open();  // again, on the same port

  // --- what happened
  const std::vector<Seen>& seen() const { return seen_; }
  size_t count() const { return seen_.size(); }
  size_t count(std::string_view method, std::string_view path) const;
  uint64_t body_bytes_sent() const { return body_bytes_sent_; }
  size_t connections() const { return connections_total_; }
  size_t signed_urls() const { return signatures_made_; }
  proxy::Signal& changed() { return changed_; }  // a request came, or bytes went

 private:
  struct Connection;
  struct Content {
    std::string media_type;
    std::string digest;
    std::shared_ptr<const std::string> bytes;
  };
  struct Plan;

  void listen();
  void accept(int fd);
  void received(Connection& connection);
  void judge(Connection& connection, Seen request);
  Plan plan_for(const Seen& request);
  Plan content_plan(const Seen& request, const Content& content, const Fault* fault) const;
  std::optional<Canned> refusal(const Seen& request);
  std::optional<Canned> redirect(const Seen& request);
  Canned issue_token(const Seen& request);
  std::optional<Fault> take_fault(const std::string& path);
  void pump(Connection& connection);
  void close(Connection& connection);
  std::string sign(const store::Digest& digest, std::shared_ptr<const std::string> bytes);

  proxy::Loop& loop_;
  const TlsIdentity* identity_ = nullptr;
  std::string address_;
  uint16_t port_ = 0;
  void* listener_ = nullptr;  // an evconnlistener
  std::set<std::unique_ptr<Connection>> connections_;

  std::map<std::string, Content> contents_;  // by path
  std::map<std::string, Canned> canned_;
  std::map<std::string, std::deque<Fault>> next_;
  std::map<std::string, Fault> always_;

  FakeRegistry* auth_ = nullptr;
  FakeRegistry* customer_ = nullptr;  // at an auth host: whose tokens it issues
  std::string service_;
  std::optional<std::string> challenge_scope_;
  std::map<std::string, std::string> tokens_;  // token to scope
  size_t tokens_issued_ = 0;
  std::optional<int64_t> token_expires_in_s_ = 300;
  std::string token_member_ = "token";
  std::string password_;  // "user:password"

  FakeRegistry* cdn_ = nullptr;
  FakeRegistry* elsewhere_ = nullptr;
  int redirect_status_ = 307;
  bool is_cdn_ = false;
  std::set<std::string> signatures_;
  size_t signatures_made_ = 0;

  bool paced_ = false;
  uint64_t allowance_ = 0;
  std::vector<Seen> seen_;
  uint64_t body_bytes_sent_ = 0;
  size_t connections_total_ = 0;
  proxy::Signal changed_;
};

}  // namespace breakwater::test

// The admin listener, 8080: the web page, and the table of operations for it.
//
//   GET  /                         the page; and at every other path too, because each is a place in it
//   GET  /-/page-0123456789ab.js   what it loads, named by its content, so that it is kept for ever
//   GET  /api/v1/caller            {"client": "10.0.20.7", "user": "alice", "signed_in": true,
//                                   "can_sign_in": true, "may_look": true, "sees_all": false,
//                                   "may_act": false, "why_not": "…"}
//   POST /api/v1/session           {"user": "alice", "password": "…"} signs in: {"user": "alice"}, and the
//                                  cookie of page_callers.h
//   DELETE /api/v1/session         signs out: {}
//   GET, POST /api/v1/…            the operations (api.h)
//
// Whoever `allow` names gets the page itself, so that he can sign in. `access` says who of these may look at
// what it shows, and who may act; without it all of them may look, and whoever `allow_act` names may act.
// Who is refused and might be more by a name gets 401, never with a challenge that makes a browser open a
// dialog of its own. What is shown is what the caller may pull (access/sight.h).
//
// What a proxy has sent on comes from an address that tells nothing of who asks, unless it is a trusted one,
// which says it (proxy/http/forwarded.h): acting takes a name then, and a rule that has that name. What names
// a folder of this machine is not done for a network at all. No page of another site gets an answer
// (access/hosts.h), and ours runs and loads nothing but what is here. Belongs to the loop's thread. Must
// outlive the server that uses it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/exchange.h"
#include "proxy/loop/task.h"
#include "routes/access/authorize.h"
#include "routes/access/hosts.h"
#include "routes/access/sight.h"
#include "routes/ops/api.h"
#include "routes/ops/metrics.h"
#include "routes/ops/page_callers.h"
#include "routes/ops/page_files.h"
#include "store/base/result.h"

namespace breakwater::routes {

struct AdminSettings {
  Networks allow = Networks::internal();      // who gets the page
  Networks allow_act = Networks::loopback();  // who of these may act, if there are no rules
  HostSettings hosts;
  std::optional<std::vector<AccessRule>> access = {};  // `pull` is to look, `administer` to act
  // Who knows names, and gives sessions; null: nobody does. Both outlive the Admin.
  Authenticator* authenticator = nullptr;
  Passes* passes = nullptr;
  std::vector<std::shared_ptr<const RouteAccess>> routes = {};  // all that there are
};

class Admin {
 public:
  // Asked what is below /api/v1/ and may be asked.
  using AskApi = std::function<proxy::Task<>(proxy::Exchange& exchange, ApiCaller caller)>;

  Admin(AskApi api, Metrics& metrics, AdminSettings settings, std::span<const PageFile> files = page_files());

  proxy::Route route();  // for HttpServer
  proxy::Task<> serve(proxy::Exchange& exchange);

 private:
  using Who = PageCallers::Who;
  struct Refusal {
    int status = 403;
    Error error;
  };
  // A file of the page, for all clients together.
  struct Served {
    std::string name;
    std::string etag;  // without its quotes, and what is added for each encoding
    std::shared_ptr<const std::string> content, gzip, zstd;
  };
  // Why the request is not answered, if it is not.
  std::optional<Refusal> entry_refusal(const proxy::Exchange& exchange);
  std::optional<Refusal> refusal(const proxy::Peer& peer, const Who& who, Action action,
                                 const RouteAccess& access) const;
  std::optional<Refusal> look_refusal(const proxy::Exchange& exchange, const Who& who) const;
  std::optional<Refusal> act_refusal(const proxy::Exchange& exchange, const Who& who) const;
  std::string why_by_rules(const proxy::Peer& peer, const Who& who, Action action, Verdict verdict) const;
  Sight sight_of(const proxy::Exchange& exchange, const Who& who) const;
  ApiCaller caller_of(const proxy::Exchange& exchange, const Who& who) const;
  void reply_caller(proxy::Exchange& exchange, const Who& who) const;
  proxy::Task<> serve_session(proxy::Exchange& exchange);
  proxy::Task<> serve_api(proxy::Exchange& exchange, std::string_view path);
  void reply_file(proxy::Exchange& exchange, std::string_view path) const;
  const Served* find(std::string_view name) const;

  const AskApi api_;
  Metrics& metrics_;
  const RouteAccess access_;
  const RouteAccess by_name_;  // the same without its addresses
  PageCallers callers_;
  const std::vector<std::shared_ptr<const RouteAccess>> routes_;
  const HostSettings hosts_;
  std::vector<Served> files_;
};

}  // namespace breakwater::routes

// The admin listener, 8080: the web page, and the table of operations for it.
//
//   GET  /                         the page; and at every other path too, because each is a place in it
//   GET  /-/page-0123456789ab.js   what it loads, named by its content, so that it is kept for ever
//   GET  /api/v1/caller            {"client": "10.0.20.7", "may_act": false, "why_not": "…"}
//   GET, POST /api/v1/…            the operations (api.h)
//
// Whoever `allow` names may look, and whoever `allow_act` names may act, unless a proxy has sent the request
// on, whose address tells nothing of who asks: a trusted one has to say it (proxy/http/forwarded.h). What
// names a folder of this machine is not done for a network at all. No page of another site gets an answer
// (access/hosts.h), and ours runs and loads nothing but what is here. Belongs to the loop's thread. Must
// outlive the server that uses it.
#pragma once

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
#include "routes/ops/metrics.h"
#include "routes/ops/page_files.h"
#include "store/base/result.h"

namespace breakwater::routes {

struct AdminSettings {
  Networks allow = Networks::internal();      // who may look
  Networks allow_act = Networks::loopback();  // who of these may act
  HostSettings hosts;
};

class Admin {
 public:
  // `api` is asked what is below /api/v1/ and may be asked.
  Admin(proxy::Route api, Metrics& metrics, AdminSettings settings,
        std::span<const PageFile> files = page_files());

  proxy::Route route();  // for HttpServer
  proxy::Task<> serve(proxy::Exchange& exchange);

 private:
  // A file of the page, for all clients together.
  struct Served {
    std::string name;
    std::string etag;  // without its quotes, and what is added for each encoding
    std::shared_ptr<const std::string> content, gzip, zstd;
  };
  std::optional<Error> refusal(const proxy::Exchange& exchange, Action action) const;
  // Why the request is not answered, if it is not.
  std::optional<Error> look_refusal(const proxy::Exchange& exchange);
  std::optional<Error> act_refusal(const proxy::Exchange& exchange) const;
  void reply_caller(proxy::Exchange& exchange) const;
  void reply_file(proxy::Exchange& exchange, std::string_view path) const;
  const Served* find(std::string_view name) const;

  const proxy::Route api_;
  Metrics& metrics_;
  const RouteAccess access_;
  const HostSettings hosts_;
  std::vector<Served> files_;
};

}  // namespace breakwater::routes

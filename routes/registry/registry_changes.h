// Who is told of what clients change in a registry: the audit log and the events. Called by a worker once the
// change is in the catalog, and before its client has an answer: what is acknowledged has been told.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/http/exchange.h"
#include "routes/oci/request_context.h"
#include "store/base/digest.h"
#include "store/base/result.h"
#include "store/catalog/rows.h"

namespace breakwater::routes {

// The request that changes something, without what it borrows.
struct ChangingRequest {
  ChangingRequest(const proxy::Exchange& exchange, std::string of_user)
      : peer(exchange.peer()),
        user(std::move(of_user)),
        id(exchange.id()),
        method(exchange.request().method),
        host(exchange.request().headers.get("Host")),
        user_agent(exchange.request().headers.get("User-Agent")),
        is_secure(exchange.is_secure()) {}
  proxy::Peer peer;
  std::string user;  // the name that it has proved; "" for none
  std::string id;
  std::string method, host, user_agent;
  bool is_secure;
};

// A tag or a manifest was pushed, or deleted; or a blob was deleted.
struct RegistryChange {
  enum class Kind { push, removal, blob_removal };
  Kind kind = Kind::push;
  store::RepositoryKey repository;
  std::string tag = {};  // "": by digest
  std::optional<store::Digest> before = {}, after = {};
  std::string media_type = {};  // of a push
  uint64_t size = 0;            // bytes, of a push

  std::string reference() const {
    if (!tag.empty()) return tag;
    return after ? after->text() : before ? before->text() : std::string();
  }
};

class RegistryChanges {
 public:
  virtual ~RegistryChanges() = default;
  // May block. On an error the client is told that its request has failed, and comes again.
  [[nodiscard]] virtual Result<> note(const ChangingRequest& request,
                                      const std::vector<RegistryChange>& changes) = 0;
};

}  // namespace breakwater::routes

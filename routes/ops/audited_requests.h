// What the audit log has of clients' requests: pushes of manifests, and deletions. What was done is told by
// the registry, with the digests; what was not, by the router when the request ends. Any thread.
#pragma once

#include <optional>
#include <string>

#include "proxy/http/exchange.h"
#include "routes/oci/request_context.h"
#include "routes/ops/audit.h"
#include "routes/registry/registry_changes.h"

namespace breakwater::routes {

AuditEntry audit_entry(const ChangingRequest& request, const RegistryChange& change);

// The entry for a request that has ended with `status` without doing what it was to do: nothing if it was to
// do nothing that is audited, or has done it. `reason` is why.
std::optional<AuditEntry> audit_entry(const proxy::Exchange& exchange, const RequestContext& context,
                                      int status, std::string_view reason);

}  // namespace breakwater::routes

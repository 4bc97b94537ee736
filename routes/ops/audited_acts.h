// What the audit log has of operators' acts, whichever face they come by. Pure; any thread.
#pragma once

#include "routes/ops/audit.h"
#include "routes/ops/image_name.h"
#include "routes/ops/operation.h"
#include "store/base/result.h"

namespace breakwater::routes {

// What is done, and to what as far as the arguments name it; not by whom.
AuditEntry audit_entry(const Operation& operation, const Arguments& arguments,
                       const RouteDirectory& directory);

// What came of it: of one tag that it moved or deleted, the digests too.
void set_outcome(AuditEntry& entry, const Result<Json>& answer);

}  // namespace breakwater::routes

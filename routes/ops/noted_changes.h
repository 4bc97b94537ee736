// Notes what clients change in registries: for who wants to hear of it, and in the audit log. Any thread.
#pragma once

#include <vector>

#include "routes/ops/audit.h"
#include "routes/registry/registry_changes.h"
#include "store/base/clock.h"
#include "store/history/event_queue.h"

namespace breakwater::routes {

class NotedChanges final : public RegistryChanges {
 public:
  // All of them outlive it.
  NotedChanges(Audit& audit, store::EventQueue& events, const store::Clock& clock)
      : audit_(audit), events_(events), clock_(clock) {}
  Result<> note(const ChangingRequest& request, const std::vector<RegistryChange>& changes) override;

 private:
  Audit& audit_;
  store::EventQueue& events_;
  const store::Clock& clock_;
};

}  // namespace breakwater::routes

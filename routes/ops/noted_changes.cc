#include "routes/ops/noted_changes.h"

#include "routes/ops/audited_requests.h"
#include "routes/ops/notification.h"

namespace breakwater::routes {
namespace {

store::Event event_of(const ChangingRequest& request, const RegistryChange& change, store::Time now) {
  const bool is_push = change.kind == RegistryChange::Kind::push;
  const auto& digest = is_push ? change.after : change.before;
  store::Event event;
  event.kind = is_push ? store::Event::Kind::push : store::Event::Kind::removal;
  event.id = new_event_id();
  event.at = now;
  event.action = is_push ? "push" : "delete";
  event.route = change.repository.route;
  event.repository = change.repository.repository;
  event.tag = change.tag;
  if (digest) event.digest = digest->text();
  event.media_type = change.media_type;
  event.size = change.size;
  event.request_id = request.id;
  event.address = request.peer.text;
  event.host = request.host;
  event.method = request.method;
  event.user_agent = request.user_agent;
  event.user = request.user;
  event.is_secure = request.is_secure;
  return event;
}

}  // namespace

Result<> NotedChanges::note(const ChangingRequest& request, const std::vector<RegistryChange>& changes) {
  std::vector<store::Event> events;
  for (const auto& change : changes) {
    if (change.kind != RegistryChange::Kind::blob_removal)
      events.push_back(event_of(request, change, clock_.wall()));
    audit_.note(audit_entry(request, change));
  }
  return events_.note(events, store::Durability::synced);
}

}  // namespace breakwater::routes

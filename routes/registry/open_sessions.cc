#include "routes/registry/open_sessions.h"

namespace breakwater::routes {

OpenSessions::Shared OpenSessions::of(proxy::Loop& loop, const store::RepositoryKey& repository,
                                      const std::string& id, store::Time now) {
  auto& session = all_[std::pair(repository.repository, id)];
  if (!session) {
    session = std::make_shared<UploadSession>(loop, repository, id, now);
    session->idle_place = idle_.insert(idle_.end(), session);
  }
  return session;
}

bool OpenSessions::contains(const std::string& repository, const std::string& id) const {
  return all_.contains(std::pair(repository, id));
}

void OpenSessions::erase(const Shared& session) {
  const auto found = all_.find(std::pair(session->repository.repository, session->id));
  if (found == all_.end() || found->second != session) return;
  all_.erase(found);
  leave_idle(session);
}

void OpenSessions::set_busy(const Shared& session) {
  session->busy = true;
  leave_idle(session);
}

void OpenSessions::set_idle(const Shared& session) {
  session->busy = false;
  const auto found = all_.find(std::pair(session->repository.repository, session->id));
  if (found == all_.end() || found->second != session) return;
  session->idle_place = idle_.insert(idle_.end(), session);
}

void OpenSessions::touch(const Shared& session, store::Time now) {
  session->touched_at = now;
  if (session->idle_place) idle_.splice(idle_.end(), idle_, *session->idle_place);
}

void OpenSessions::leave_idle(const Shared& session) {
  if (session->idle_place) idle_.erase(*session->idle_place);
  session->idle_place.reset();
}

}  // namespace breakwater::routes

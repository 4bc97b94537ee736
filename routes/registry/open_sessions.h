// The upload sessions on which requests work, and those whose file is still open from the last one: by name,
// and those on which nobody works also in the order in which they were last used. Belongs to the loop's
// thread.
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "proxy/loop/loop.h"
#include "routes/registry/upload_session.h"
#include "store/base/clock.h"
#include "store/store.h"

namespace breakwater::routes {

class OpenSessions {
 public:
  using Shared = std::shared_ptr<UploadSession>;

  // The session, new if it was not here.
  Shared of(proxy::Loop& loop, const store::RepositoryKey& repository, const std::string& id,
            store::Time now);
  bool contains(const std::string& repository, const std::string& id) const;
  // Its last holder keeps it.
  void erase(const Shared& session);

  void set_busy(const Shared& session);
  void set_idle(const Shared& session);
  void touch(const Shared& session, store::Time now);

  size_t size() const { return all_.size(); }
  const auto& all() const { return all_; }
  size_t idle() const { return idle_.size(); }
  bool is_idle(const Shared& session) const { return session->idle_place.has_value(); }
  // The idle one that was not used for longest; null if none is idle.
  Shared longest_idle() const { return idle_.empty() ? nullptr : idle_.front(); }

 private:
  void leave_idle(const Shared& session);

  std::map<std::pair<std::string, std::string>, Shared> all_;  // by repository and id
  std::list<Shared> idle_;                                     // the longest unused first
};

}  // namespace breakwater::routes

// The upload sessions of a route that there are, also those whose file is closed, in the order in which they
// were last used; and how many of them each client works on. They are known from one walk over the catalog,
// and are counted from then on, so that bounds on them cost no walk.
//
//   note() or add() --use()--> in use --rest()--> recent --(a minute)--> idle
//
// What the store takes away by itself (an upload that gives way) stays known until the next walk. Pure;
// belongs to one thread.
#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "proxy/http/peer.h"
#include "store/base/clock.h"

namespace breakwater::routes {

struct UploadName {
  std::string repository;
  std::string id;
  auto operator<=>(const UploadName&) const = default;
};

class KnownUploads {
 public:
  static constexpr auto kRecent = std::chrono::minutes(1);

  void add(const UploadName& name, const proxy::ClientKey& client, store::Time now);  // recent
  void note(const UploadName& name, store::Time touched_at);  // idle; nothing happens if it is known
  void use(const UploadName& name, const proxy::ClientKey& client);
  void rest(const UploadName& name, store::Time now);  // nothing happens if it is not in use
  void remove(const UploadName& name);
  // Removes those that are idle and not among `there`.
  void keep(const std::set<UploadName>& there, store::Time now);

  size_t size() const { return all_.size(); }
  // Those that the client uses, or used within the last minute.
  size_t of(const proxy::ClientKey& client, store::Time now);
  // The one that was not used for longest, if that is a minute.
  std::optional<UploadName> longest_idle(store::Time now);

 private:
  struct Entry;
  using Order = std::list<Entry*>;
  struct Entry {
    const UploadName* name = nullptr;        // its key
    std::optional<proxy::ClientKey> client;  // while it counts for one
    store::Time touched_at{};
    Order* order = nullptr;  // null while it is in use
    Order::iterator place;
  };
  void discount(Entry& entry);
  void leave_order(Entry& entry);
  void age(store::Time now);

  std::map<UploadName, Entry> all_;
  Order recent_, idle_;  // the longest untouched first
  std::map<proxy::ClientKey, size_t> clients_;
};

}  // namespace breakwater::routes

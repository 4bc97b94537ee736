// How many clients may be connected at once to all servers that share this, and who gives way when there are
// more: a connection that is idle between two requests is cut for a new one, the longest idle first. If none
// is idle, a few of the new ones are told so (503), and any further one is closed at once.
//
// Each connection takes one descriptor, so the servers of one process share what the process may open. Health
// and metrics have a share of their own, which nobody else can use up. Belongs to the loop's thread.
#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <utility>

namespace breakwater::proxy {

class ConnectionShare {
 public:
  explicit ConnectionShare(size_t connections_max);
  ConnectionShare(const ConnectionShare&) = delete;
  ConnectionShare& operator=(const ConnectionShare&) = delete;

  // What one connection takes of a share, from its accept to its end. While it is idle it may be asked to
  // give way: `give_way` must end it before it returns.
  class Place {
   public:
    enum class Kind { served, refused };
    Place(ConnectionShare& share, Kind kind, std::function<void()> give_way);
    ~Place() { leave(); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    void set_idle(bool is_idle);
    void leave();  // The connection has ended: its descriptor is free. A second call does nothing.

   private:
    friend class ConnectionShare;
    ConnectionShare* share_;  // null: it was left
    const Kind kind_;
    const std::function<void()> give_way_;
    bool is_idle_ = false;
    std::list<Place*>::iterator at_;  // in idle_, if it is idle
  };

  // Whether one more can be served; an idle one is cut for it if need be.
  bool make_place();
  // Whether one more can be told that there are too many.
  bool can_refuse() const { return refused_ < refused_max_; }

 private:
  const size_t connections_max_;
  const size_t refused_max_;
  size_t served_ = 0;
  size_t refused_ = 0;
  std::list<Place*> idle_;  // the longest idle first
};

}  // namespace breakwater::proxy

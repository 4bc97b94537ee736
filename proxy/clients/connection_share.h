// How many clients may be connected at once to all servers that share this. A client may have half as many as
// are still free, so that however many want all that there is, who has few finds a place. Beyond that one has
// to give way: a connection that is idle between two requests, or one whose client is awaited: it has
// just come, or has not sent or taken for a while what its request needs. Among the longest of both that is
// one of the client that has most; never an idle one of a client that has fewer than the new one's, if that
// has many, nor an awaited one unless its client has more. If there is none, a few of the new ones are told
// so (503), and any further one is closed at once.
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
    // `of_client`: what its client has of all; null: nobody counts, or it is a proxy's that others stand
    // behind, each of whose connections is as one of a client that has no other.
    Place(ConnectionShare& share, Kind kind, std::function<void()> give_way,
          const ConnectionShare* of_client = nullptr);
    ~Place() { leave(); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    // busy: never gives way. awaited: the client is slow to send or to take what its request needs.
    enum class State { busy, awaited, idle };
    void set(State state);
    // From now on it is one of this client's: who has connected was not known before.
    void count_for(const ConnectionShare& of_client) { of_client_ = &of_client; }
    void leave();  // The connection has ended: its descriptor is free. A second call does nothing.

   private:
    friend class ConnectionShare;
    size_t of_client() const { return of_client_ == nullptr ? 0 : of_client_->served_; }
    ConnectionShare* share_;  // null: it was left
    const Kind kind_;
    const std::function<void()> give_way_;
    const ConnectionShare* of_client_;
    std::list<Place*>& list_of(State state);
    State state_ = State::busy;
    std::list<Place*> alone_ = {this};  // its entry, while it is busy
    const std::list<Place*>::iterator entry_ = alone_.begin();
  };

  // Whether one more can be served, of a client that has so many already; an idle one is cut for it if need
  // be.
  bool make_place(size_t of_client = 0);
  size_t served() const { return served_; }
  // Whether one more can be told that there are too many.
  bool can_refuse() const { return refused_ < refused_max_; }

 private:
  static const Place* widest_of(const std::list<Place*>& places);

  const size_t connections_max_;
  const size_t refused_max_;
  size_t served_ = 0;
  size_t refused_ = 0;
  std::list<Place*> idle_;     // the longest idle first
  std::list<Place*> awaited_;  // likewise
};

}  // namespace breakwater::proxy

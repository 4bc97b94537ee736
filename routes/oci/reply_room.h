// Room in memory for long replies. What is longer than 64 KiB is counted among the buffers before it is made,
// read or downloaded, and for as long as a client has not taken it. All replies together have a share of the
// buffers, so that clients who do not read leave the rest to pushes. Who finds no room waits, in order, and
// gets `unavailable` if none comes within a time.
//
//   auto place = co_await replies.reserve(size);       // waits
//   ...                                                // makes a body of that size
//   auto held = co_await replies.hold(body, *place);   // counted once, however many clients it is sent to
//   exchange.reply(200, headers, *held);
//
// Outlives what it gives. Belongs to the loop's thread, and so does the end of what it gives: hand a job the
// body as it was made, never as it is held.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>

#include "proxy/clients/clients.h"
#include "proxy/http/exchange.h"
#include "proxy/loop/buffers.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"
#include "store/base/result.h"

namespace breakwater::routes {

using Body = std::shared_ptr<const std::string>;

class ReplyRoom {
 public:
  // What is no longer never waits, and is not counted here.
  static constexpr uint64_t kShortBytes = proxy::Exchange::kLongBodyBytes;

  // Bytes that count; its end gives them back.
  class Reserved {
   public:
    uint64_t bytes() const { return of_all_.units(); }
    void shrink(uint64_t bytes);  // keeps at most so many

   private:
    friend class ReplyRoom;
    std::shared_ptr<proxy::Client> client_;
    proxy::BufferReservation of_all_, of_replies_, of_client_;
  };
  using Place = std::shared_ptr<Reserved>;  // null: short, or not reserved

  ReplyRoom(proxy::Loop& loop, proxy::Buffers& buffers, proxy::Millis patience = proxy::Millis(30'000))
      : loop_(loop), buffers_(buffers), of_replies_(loop, buffers.units_max() / 2), patience_(patience) {}

  // Null for what is short. `client` is who asks, and has a share of its own first, so that one that does not
  // read leaves room to the others; null: nobody counts. `throttled` if it has had that.
  proxy::Task<Result<Place>> reserve(uint64_t bytes, std::shared_ptr<proxy::Client> client = nullptr);
  // The same without waiting; null also if there is no room now, or others wait for it.
  Place try_reserve(uint64_t bytes);
  // The body as a reply holds it. Waits, unless it is short, held already, or `place` is its place.
  proxy::Task<Result<Body>> hold(Body body, Place place = nullptr,
                                 std::shared_ptr<proxy::Client> client = nullptr);

  uint64_t bytes() const { return of_replies_.units(); }

 private:
  struct Held;
  class Turn;
  Place take(uint64_t bytes);
  Body find(const Body& body) const;

  proxy::Loop& loop_;
  proxy::Buffers& buffers_;
  proxy::Buffers of_replies_;
  proxy::Millis patience_;
  std::list<const Turn*> turns_;                                      // of those who wait, in their order
  std::unordered_map<const std::string*, std::weak_ptr<Held>> held_;  // by the body
};

}  // namespace breakwater::routes

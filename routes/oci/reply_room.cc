#include "routes/oci/reply_room.h"

#include <utility>

namespace breakwater::routes {

using proxy::Task;

namespace {

constexpr int64_t kRetryAfterS = 10;

}  // namespace

// A body that is being sent.
struct ReplyRoom::Held {
  Held(ReplyRoom& r, Body b, Place p) : room(r), body(std::move(b)), place(std::move(p)) {}
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() { room.held_.erase(body.get()); }
  ReplyRoom& room;
  Body body;
  Place place;
};

// A place in the queue. When it is left, the next one looks whether there is room.
class ReplyRoom::Turn {
 public:
  explicit Turn(ReplyRoom& room) : room_(room) { room_.turns_.push_back(this); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    room_.turns_.remove(this);
    room_.buffers_.freed().ring();
  }
  bool has_come() const { return room_.turns_.front() == this; }

 private:
  ReplyRoom& room_;
};

void ReplyRoom::Reserved::shrink(uint64_t bytes) {
  of_client_.shrink(bytes);
  of_replies_.shrink(bytes);
  of_all_.shrink(bytes);
}

ReplyRoom::Place ReplyRoom::try_reserve(uint64_t bytes) {
  return bytes <= kShortBytes || !turns_.empty() ? nullptr : take(bytes);
}

ReplyRoom::Place ReplyRoom::take(uint64_t bytes) {
  auto place = std::make_shared<Reserved>();
  place->of_replies_ = of_replies_.try_reserve(bytes);
  if (place->of_replies_.units() < bytes) return nullptr;
  place->of_all_ = buffers_.try_reserve(bytes);
  return place->of_all_.units() < bytes ? nullptr : place;
}

Task<Result<ReplyRoom::Place>> ReplyRoom::reserve(uint64_t bytes, std::shared_ptr<proxy::Client> client) {
  if (bytes <= kShortBytes) co_return Place();
  const auto deadline = loop_.now() + patience_;
  proxy::PoolReservation of_client;
  if (client) {
    of_client = co_await client->replies().reserve_until(bytes, deadline);
    if (of_client.units() == 0) {
      co_return failure(Error(Error::Kind::throttled,
                              client->address() + " does not take the long replies that it has asked for",
                              kRetryAfterS));
    }
  }
  const Turn turn(*this);
  for (;;) {
    auto place = turn.has_come() ? take(bytes) : Place();
    if (place) {
      place->client_ = std::move(client);
      place->of_client_ = std::move(of_client);
      co_return place;
    }
    if (loop_.now() >= deadline) break;
    co_await buffers_.freed().wait_until(deadline);
  }
  co_return failure(
      Error(Error::Kind::unavailable, "too many long replies are being sent just now", kRetryAfterS));
}

Body ReplyRoom::find(const Body& body) const {
  const auto found = held_.find(body.get());
  const auto held = found == held_.end() ? nullptr : found->second.lock();
  return held ? Body(held, held->body.get()) : Body();
}

Task<Result<Body>> ReplyRoom::hold(Body body, Place place, std::shared_ptr<proxy::Client> client) {
  if (body->size() <= kShortBytes) co_return body;
  if (auto held = find(body)) co_return held;
  if (!place) {
    auto reserved = co_await reserve(body->size(), std::move(client));
    if (!reserved) co_return failure(reserved.error());
    place = *std::move(reserved);
    if (auto held = find(body)) co_return held;  // by somebody who waited too
  }
  const auto held = std::make_shared<Held>(*this, body, std::move(place));
  held_[body.get()] = held;
  co_return Body(held, held->body.get());
}

}  // namespace breakwater::routes

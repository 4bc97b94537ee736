// The sink of an answer that is kept in memory as a whole: a manifest, or a page of a list. What is long
// waits for room (reply_room.h) before it is downloaded, all of it at once: were room taken as bytes come,
// many downloads could wait for each other's. Belongs to the loop's thread.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "proxy/loop/task.h"
#include "proxy/upstream/http_client.h"
#include "routes/oci/reply_room.h"

namespace breakwater::routes {

class ReservedSink final : public proxy::Sink {
 public:
  // What is longer than `bytes_max` is `too_large`.
  ReservedSink(ReplyRoom& room, size_t bytes_max) : room_(room), bytes_max_(bytes_max) {}

  Result<> head(const proxy::Head& head) override;
  Result<bool> body(std::span<const char> data) override;

  bool is_too_long() const { return is_too_long_; }
  const proxy::Head& answered() const { return head_; }  // status 0: no 200 has come
  std::string take();
  const ReplyRoom::Place& place() const { return place_; }  // of what is or was here; null if it is short

 private:
  proxy::Task<> make_room(uint64_t bytes);

  ReplyRoom& room_;
  size_t bytes_max_;
  proxy::Head head_;
  std::string bytes_;
  bool is_too_long_ = false;
  ReplyRoom::Place place_;
  std::optional<Error> lacks_room_;
  proxy::Task<> making_room_;
};

}  // namespace breakwater::routes

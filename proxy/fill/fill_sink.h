// The Sink of a Fill: takes the body of one attempt from libcurl into the fill's pending bytes. It takes no
// more than there is room for in the disk reservation, in the fill and in the buffers. Lives in the frame of
// Fills::attempt(). Belongs to the loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "proxy/fill/fill.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"
#include "proxy/upstream/http_client.h"

namespace breakwater::proxy {

class FillSink final : public Sink {
 public:
  FillSink(Fills& fills, std::shared_ptr<Fill> fill);
  ~FillSink() override;
  FillSink(const FillSink&) = delete;
  FillSink& operator=(const FillSink&) = delete;

  Result<> head(const Head& head) override;
  Result<bool> body(std::span<const char> data) override;

 private:
  bool room_for(uint64_t have, size_t more);
  bool wait_for_disk();
  Task<> grow();
  bool wait_for_buffers();
  Task<> resume_when_freed();

  Fills& fills_;
  std::shared_ptr<Fill> fill_;
  uint64_t skip_ = 0;  // bytes at the start of the body that the file has already
  bool growing_ = false;
  bool awaiting_buffers_ = false;
  Tasks waits_;  // last: destroyed before the members that its Tasks use
};

}  // namespace breakwater::proxy

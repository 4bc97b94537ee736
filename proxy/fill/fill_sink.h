// One attempt of a Fill: asks one source, and is the Sink that takes the body from libcurl into the fill's
// pending bytes. It takes no more than there is room for in the disk reservation, in the fill and in the
// buffers, and knows how long upstream has been silent and how slow it is. Lives in the frame of
// Fills::attempt(); its destructor ends the transfer. Belongs to the loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "proxy/fill/fill.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"
#include "proxy/upstream/http_client.h"

namespace breakwater::proxy {

class FillSink final : public Sink {
 public:
  FillSink(Fills& fills, std::shared_ptr<Fill> fill, size_t source);
  ~FillSink() override;
  FillSink(const FillSink&) = delete;
  FillSink& operator=(const FillSink&) = delete;

  void begin();
  // What came of it, once it has ended. The fill's attention_ rings then.
  const std::optional<Result<Head>>& outcome() const { return outcome_; }

  // Whether upstream has sent nothing for as long as it may while another source stands by. The time in which
  // we take nothing does not count.
  bool is_silent(Moment now) const;
  // Whether upstream has been slower than it may be since the last time that this was found out.
  bool was_slow(Moment now);
  // When one of the two may have another result.
  Moment look_again_at(Moment now) const;

  Result<> head(const Head& head) override;
  Result<bool> body(std::span<const char> data) override;

 private:
  Task<> run(RegistryClient& registry, RegistryClientRequest request);
  Result<bool> take(std::span<const char> data);
  BufferReservation room_for(uint64_t have, size_t more);
  uint64_t decoded_max() const;
  Task<> grow();
  Task<> resume_with(size_t more);
  Millis silence_max() const;
  void measure_from(Moment now);
  uint64_t have() const { return fill_->bytes_.received(); }

  Fills& fills_;
  std::shared_ptr<Fill> fill_;
  const size_t source_;
  std::optional<Result<Head>> outcome_;
  uint64_t skip_ = 0;       // bytes at the start of the body that the file has already
  uint64_t taken_ = 0;      // bytes of the body
  bool is_paused_ = false;  // because we have no room
  Moment last_byte_at_;
  bool growing_ = false;
  bool awaiting_buffers_ = false;
  BufferReservation in_advance_;  // for the bytes that the transfer was paused with
  Tasks tasks_;                   // last: destroyed before the members that its Tasks use
};

}  // namespace breakwater::proxy

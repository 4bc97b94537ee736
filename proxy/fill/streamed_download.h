// A download whose bytes go to a Task instead of to a file: libcurl fills a queue, and the Task that writes
// to the client empties it by next(). A full queue pauses the transfer.
//
//   StreamedDownload download(loop, buffers, queue_bytes_max, 0, StreamedDownload::Wanted::all, check);
//   download.begin(registry, std::move(request));
//   for (;;) {
//     auto piece = co_await download.next();
//     if (piece.empty()) break;
//     co_await exchange.write(std::move(piece));
//   }
//   auto ended = download.ended();
//
// Lives in the frame of the Task that uses it. Belongs to the loop's thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "proxy/fill/resumption.h"
#include "proxy/loop/buffers.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"
#include "proxy/upstream/registry_client.h"

namespace breakwater::proxy {

class StreamedDownload {
 public:
  using Check = std::function<Result<Resumption>(const Head&)>;
  // part: the body may be longer than what is wanted, and is then cut off. all: a longer body is corrupt.
  enum class Wanted { all, part };

  // `have` bytes of the whole were sent before. `check` says, from the head, which bytes are expected.
  StreamedDownload(Loop& loop, Buffers& buffers, uint64_t queue_bytes_max, uint64_t have, Wanted wanted,
                   Check check);

  void begin(RegistryClient& registry, RegistryClientRequest request);
  // next() does not wait for the first byte any longer than this.
  void expect_first_byte_by(Moment moment) { first_byte_by_ = moment; }
  // next() stops waiting for upstream once `is_overtaken` says so. It is asked whenever `progress` rings.
  void stop_when(std::function<bool()> is_overtaken, Signal& progress);

  // Waits for the next bytes. Empty when no more come, or none come soon enough; ended() says which.
  Task<std::string> next();
  Result<> ended() const;
  std::optional<uint64_t> size() const { return queue_.size(); }  // the size of the whole, if it is known

 private:
  class Queue final : public Sink {
   public:
    Queue(Loop& loop, Buffers& buffers, uint64_t queue_bytes_max, uint64_t have, Wanted wanted, Check check);

    Result<> head(const Head& head) override;
    Result<bool> body(std::span<const char> data) override;
    std::string take();

    bool empty() const { return pieces_.empty(); }
    std::optional<uint64_t> size() const { return size_; }
    Signal& changed() { return changed_; }

   private:
    bool room_for(size_t more);
    Task<> resume_when_freed();

    Buffers& buffers_;
    uint64_t queue_bytes_max_;
    uint64_t have_;  // bytes of the whole that were sent or queued
    bool part_;
    Check check_;
    std::optional<uint64_t> size_;
    uint64_t skip_ = 0;
    uint64_t queued_ = 0;
    std::deque<std::string> pieces_;
    std::deque<BufferReservation> reserved_;  // one for each piece
    bool awaiting_buffers_ = false;
    Signal changed_;
    Tasks waits_;  // last: destroyed before the members that its Tasks use
  };

  bool is_worth_waiting() const;
  Task<> run(RegistryClient& registry, RegistryClientRequest request);
  Task<> watch(Signal& progress);

  Loop& loop_;
  Queue queue_;
  std::optional<Result<Head>> outcome_;
  std::optional<Moment> first_byte_by_;  // nothing: the next bytes may come at any time
  std::function<bool()> is_overtaken_;
  Tasks running_;  // last: destroyed before the queue
};

}  // namespace breakwater::proxy

// The line before the one thread that checks passwords, which is slow by design. One check runs at a time,
// and the thread is niced: whatever else the process does goes first.
//
//   const PasswordLine::Asking asking{client, key, strikes};
//   auto is_right = co_await line.check(asking, std::move(job));   // or `throttled`, with retry_after_s
//
// The line is fair by client: clients take turns, one check each. Whoever asks for a check that is in the
// line already, or runs, waits for that one and takes no place. A check that nobody waits for any more leaves
// the line.
//
// A client may have so many places, and fewer when it was wrong often (places_of()). When the whole line is
// full, the newest check of whoever has most gives way to a client with fewer. Nobody waits for longer than
// kWaitMax.
//
// Belongs to the loop's thread, but for the jobs. The loop outlives it, and it outlives whoever waits. The
// destructor waits for the job that runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"
#include "proxy/loop/workers.h"
#include "store/base/result.h"

namespace breakwater::routes {

class PasswordLine {
 public:
  static constexpr size_t kPlacesMax = 256;
  static constexpr size_t kPlacesOfClientMax = 16;
  static constexpr size_t kPlacesOfSuspectMax = 2;
  static constexpr uint64_t kStrikesOfSuspect = 10;
  static constexpr int64_t kRetryAfterS = 5;
  static constexpr proxy::Millis kWaitMax{30'000};

  using Job = std::function<bool()>;  // on the thread of the line
  struct Asking {
    uint64_t client = 0;   // as Peer::key()
    std::string key;       // what two checks that are the same have in common
    uint64_t strikes = 0;  // wrong passwords of the client, of late
  };

  explicit PasswordLine(proxy::Loop& loop);
  ~PasswordLine();
  PasswordLine(const PasswordLine&) = delete;
  PasswordLine& operator=(const PasswordLine&) = delete;

  proxy::Task<Result<bool>> check(Asking asking, Job job);
  size_t waiting() const;  // and do not run

 private:
  class Check;
  class Line;
  class Waits;
  void begin_next();

  proxy::Loop& loop_;
  const std::shared_ptr<Line> line_;  // what a job has posted to the loop may find it gone
  proxy::Workers workers_;
};

// How many places in the line a client may have that was wrong so often of late.
size_t places_of(uint64_t strikes);

}  // namespace breakwater::routes

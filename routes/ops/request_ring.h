// The last requests, in memory of a fixed size: so many entries of kEntryBytes each, in which each new one
// takes the place of the oldest. Texts that do not fit are cut: a reason first, and "…" says so.
//
//   ring.add(ended);                                   // for each request, when it has ended
//   auto page = ring.after(number, filter, 100);       // then page.next is the next number to ask behind
//   while (ring.newest() <= number) co_await ring.more().wait();   // to follow it
//
// Every request has a number, one higher than that of the one before it; the first after a start is 1. So
// whoever follows asks behind the number that it has seen last, and learns how many it has missed.
//
// add() allocates nothing. Belongs to the loop's thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/ip_address.h"
#include "proxy/loop/loop.h"
#include "routes/access/sight.h"
#include "routes/oci/request_context.h"
#include "routes/ops/ended_request.h"
#include "store/base/clock.h"
#include "store/base/result.h"

namespace breakwater::routes {

// One request, as a value.
struct PastRequest {
  uint64_t number = 0;
  store::Time at{};  // when it ended, by the wall clock of now
  std::string route;
  std::string client;  // its address
  std::string method;
  std::string repository;  // as the store calls it, or as the client did; "" if it names none
  std::string reference;   // a tag or a digest; "" if it names none
  int status = 0;
  uint64_t bytes = 0;  // of the body that was sent
  double seconds = 0;
  CacheResult cache = CacheResult::none;
  std::string reason;  // what went wrong; "" if nothing did
  std::string user_agent;
  std::string range;            // as the client asked for it; "" if it asked for all
  int upstream_status = 0;      // of its last answer; 0: none came, or it was not asked
  double upstream_seconds = 0;  // that were spent on asking it; 0: it was not asked
  std::string trace;
};

// Which requests; what is empty says nothing.
struct RequestFilter {
  // How it ended: one of CacheResult, or
  enum class Outcome : uint8_t {
    any,
    cache,    // as `cache` says
    ok,       // below 400
    refused,  // 4xx
    error,    // 5xx
    left      // the client left before its answer
  };
  std::string route;
  std::string repository;  // a pattern of fnmatch(3)
  std::string reference;   // the whole tag or digest
  std::optional<proxy::IpNetwork> client;
  Outcome outcome = Outcome::any;
  CacheResult cache = CacheResult::none;
  Sight sight = {};  // of whoever asks: without all of it, only those of a repository that is seen

  // "hit", "miss", "refused", …; `invalid` names those that there are.
  [[nodiscard]] Result<> set_outcome(std::string_view name);
};

class RequestRing {
 public:
  static constexpr size_t kEntriesMax = 4096;
  static constexpr size_t kEntryBytes = 512;

  // `clock` outlives it.
  RequestRing(proxy::Loop& loop, const store::Clock& clock, size_t entries_max = kEntriesMax);
  ~RequestRing();
  RequestRing(const RequestRing&) = delete;
  RequestRing& operator=(const RequestRing&) = delete;

  void add(const EndedRequest& ended);

  uint64_t newest() const { return newest_; }  // 0: there was none yet
  struct Page {
    std::vector<PastRequest> requests;  // the oldest first
    uint64_t next = 0;                  // the number behind which to go on
    uint64_t missed = 0;                // were behind the number that was given, and are not there any more
    uint64_t previous = 0;              // the number before which to go back; 0: there is nothing more
  };
  // A page comes of at most `looked_at_max` entries, whatever the filter: then it may have few, and there may
  // be more.
  static constexpr size_t kLookedAtMax = 5000;
  // Those behind `number` that the filter wants, at most `limit`.
  Page after(uint64_t number, const RequestFilter& filter, size_t limit,
             size_t looked_at_max = kLookedAtMax) const;
  // The last ones before `number` that the filter wants, at most `limit`. From a number that has not come yet
  // on: the last of all.
  Page before(uint64_t number, const RequestFilter& filter, size_t limit,
              size_t looked_at_max = kLookedAtMax) const;
  Page last(const RequestFilter& filter, size_t limit) const { return before(UINT64_MAX, filter, limit); }
  // One that is there.
  PastRequest value_of(uint64_t number) const;
  bool has(uint64_t number) const { return number > 0 && number >= oldest() && number <= newest_; }
  // Rings when there is one more.
  proxy::Signal& more() { return more_; }

 private:
  struct Entry;
  static bool wants(const RequestFilter& filter, const Entry& entry);
  const Entry& entry(uint64_t number) const;
  uint64_t oldest() const { return newest_ < entries_max_ ? 1 : newest_ - entries_max_ + 1; }

  proxy::Loop& loop_;
  const store::Clock& clock_;
  const size_t entries_max_;
  const std::unique_ptr<Entry[]> entries_;
  uint64_t newest_ = 0;
  proxy::Signal more_;
};

}  // namespace breakwater::routes

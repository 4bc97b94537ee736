// What may happen any number of times, as often as others like, and is worth a line of the log once a minute.
// Belongs to the loop's thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "proxy/loop/loop.h"

namespace breakwater::proxy {

class RepeatedEvent {
 public:
  // It has happened once more, for the reason `why`, which is a literal. How often it has since the last line
  // about that reason, if there is to be one.
  std::optional<uint64_t> happened(std::string_view why, Moment now) {
    constexpr Millis kMinute(60'000);
    Told& told = told_[why];
    ++told.since;
    if (told.at != Moment() && now - told.at < kMinute) return std::nullopt;
    told.at = now;
    return std::exchange(told.since, 0);
  }

 private:
  struct Told {
    Moment at{};
    uint64_t since = 0;
  };
  std::map<std::string_view, Told> told_;
};

}  // namespace breakwater::proxy

// In which order the upstreams of a mirror are asked: as they are configured, but those in trouble after the
// others, for a while.
//
//   well --unavailable--> resting for 1 s, then 2, 4 … 30 s: asked after those that are well
//     |----silent-------> resting for 30 s
//     ^
//     `--any answer------ being tried: once the rest is over, one question asks it in its turn; the others
//                         go by the order of before until that has an answer
//
// Nobody is refused here: an upstream that rests is asked as soon as those before it have failed. A 429 is no
// trouble in this sense, because the circuits know what it refuses, and refuse that at once (circuits.h).
// Pure: time is an argument.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "store/base/clock.h"
#include "store/base/result.h"

namespace breakwater::proxy {

struct UpstreamsSettings {
  std::string hop_name = {};  // ours (proxy/http/hops.h)
  // An attempt that has not ended after this time is silent: if another upstream stands by, it is asked too.
  int64_t silence_max_ms = 5'000;
  int64_t silence_remembered_ms = 30'000;
  int64_t rest_first_ms = 1'000;  // after the first failure; doubled by each further one
  int64_t rest_max_ms = 30'000;
};

class UpstreamOrder {
 public:
  UpstreamOrder(size_t upstreams, const UpstreamsSettings& settings)
      : settings_(settings), states_(upstreams) {}

  // The indices of all of them, first the one that is asked first.
  std::vector<size_t> at(store::Time now) const;

  // What happens to the upstream of that index: it is asked …
  void asked(size_t index, store::Time now);
  // … and has answered, with what was asked for or with an error, …
  void answered(size_t index);
  void failed(size_t index, const Error& error, store::Time now);
  // … or is silent.
  void silent(size_t index, store::Time now);

 private:
  struct State {
    bool in_trouble = false;
    uint32_t failures = 0;  // in a row
    store::Time rests_until{};
    store::Time tried_until{};
  };

  UpstreamsSettings settings_;
  std::vector<State> states_;
};

}  // namespace breakwater::proxy

// What has happened and others may want to hear of, as the catalog keeps it until they have. Values; any
// thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "store/base/clock.h"
#include "store/base/result.h"

namespace breakwater::store {

struct Event {
  // What receivers ask for, by the names of the configuration.
  enum class Kind : uint8_t {
    push,            // a manifest or tag was pushed
    removal,         // one was deleted: by a client, by an operator or by the retention policy
    cache_eviction,  // the tag of a build cache made room
    integrity,       // something is broken, or is whole again
    upstream         // an upstream is unwell, or well again
  };
  Kind kind = Kind::push;
  std::string id;      // of this event, for ever: 32 hexadecimal digits
  Time at{};           // of the wall clock
  std::string action;  // "push", "delete", "evict_cache_tag", "broken", "healed", "upstream_unreachable" …
  std::string route = {}, repository = {}, tag = {}, digest = {}, media_type = {};
  uint64_t size = 0;  // bytes of the manifest, if known
  std::string reason = {};
  // The request that it comes from, if it comes from one.
  std::string request_id = {}, address = {}, host = {}, method = {}, user_agent = {};
  std::string user = {};   // the name that its caller has proved; "" for none
  bool is_secure = false;  // whether it came by TLS, here or at a proxy in front
};

std::string encode(const Event& event);
[[nodiscard]] Result<Event> decode_event(std::string_view bytes);

}  // namespace breakwater::store

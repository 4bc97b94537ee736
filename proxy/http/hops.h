// The appliances that a request came through. Two of them may name each other as upstream, and must neither
// ask in a circle nor wait for each other. So each says its name in the Via header (RFC 9110, section 7.6.3)
// of what it asks, and of its answers to what came through another:
//
//   Via: 1.1 breakwater-9f86d081884c7d65, 1.1 breakwater-60303ae22b998861
//
// A name is made at each start. Pure; any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/http/http.h"

namespace breakwater::proxy {

std::string new_hop_name();  // "breakwater-", and 16 random hexadecimal digits

// What upstreams answered because of a request, for its access line.
struct UpstreamNote {
  int status = 0;      // of the last answer; 0: there was none
  double seconds = 0;  // until its head and those of the answers before, or until they failed
};

class Hops {
 public:
  static constexpr size_t kMax = 8;

  Hops() = default;
  // Entries that are of no Breakwater are left out, and so are further ones once there are more than kMax.
  static Hops of(const Headers& headers);

  bool empty() const { return names_.empty(); }
  bool has(std::string_view name) const;
  bool are_too_many() const { return names_.size() > kMax; }
  // Who sent the message: the last of them, "" if there is none.
  std::string_view last() const { return names_.empty() ? std::string_view() : names_.back(); }
  // The Via header of what `name` asks because of this request.
  std::string via(std::string_view name) const;

  // Where to note what upstream answers to what is asked because of this request. What others have asked
  // already is noted with theirs.
  void note_in(std::shared_ptr<UpstreamNote> note) { note_ = std::move(note); }
  UpstreamNote* note() const { return note_.get(); }  // null: nowhere

 private:
  std::vector<std::string> names_;
  std::shared_ptr<UpstreamNote> note_;
};

}  // namespace breakwater::proxy

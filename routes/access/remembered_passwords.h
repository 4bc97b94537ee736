// Passwords that were right a moment ago, so that a client that sends its own with each request costs one
// hash a minute. The table has no password, but an HMAC of it under a key that this process made for itself.
//
// A password enters after it was right only, so the table has about as many entries as there are users. When
// it is full, the oldest goes. Belongs to one thread; `clock` outlives it.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

#include "store/base/clock.h"
#include "store/base/secret.h"

namespace breakwater::routes {

class RememberedPasswords {
 public:
  static constexpr size_t kEntriesMax = 10'000;
  static constexpr store::Time::duration kFor = std::chrono::minutes(1);

  explicit RememberedPasswords(const store::Clock& clock);

  // Names a user with a password. Nobody outside can make it, and it tells neither.
  std::string key_of(std::string_view user, const store::Secret& password) const;
  std::string_view seed() const { return seed_.view(); }

  bool has(const std::string& key) const;
  void add(const std::string& key);
  void clear();
  size_t size() const { return until_.size(); }

 private:
  const store::Clock& clock_;
  store::Secret seed_;
  std::unordered_map<std::string, store::Time> until_;
  std::deque<std::string> order_;  // the oldest first; each key of until_ once
};

}  // namespace breakwater::routes

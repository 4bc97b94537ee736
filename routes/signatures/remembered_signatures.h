// What was found out about the signatures of manifests. That a manifest is signed by a key stays true, and so
// it is remembered until others need the place; that it is not may change with the next push, and is
// remembered for a moment only, so that many who ask for it do not cost a search each.
//
// Pure: the time is an argument. Belongs to one thread.
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>

#include "store/base/clock.h"
#include "store/base/digest.h"

namespace breakwater::routes {

class RememberedSignatures {
 public:
  static constexpr store::Time::duration kRefusedFor = std::chrono::seconds(3);

  // `most` of each kind. Of the good ones the least recently used goes.
  explicit RememberedSignatures(size_t most) : most_(most) {}

  bool is_good(const std::string& repository, const store::Digest& digest);
  void add_good(const std::string& repository, const store::Digest& digest);

  // Why it was not served a moment ago; nothing if that is not known.
  std::optional<std::string> refusal(const std::string& repository, const store::Digest& digest,
                                     store::Time now) const;
  void refuse(const std::string& repository, const store::Digest& digest, std::string why, store::Time now);
  // Something was pushed to it that may be a signature.
  void forget_refusals(const std::string& repository);

  size_t good() const { return uses_.size(); }
  size_t refused() const { return refusals_.size(); }

 private:
  struct Refusal {
    std::string why;
    store::Time from, until;
  };
  const size_t most_;
  std::list<std::string> uses_;  // the most recently used first
  std::unordered_map<std::string, std::list<std::string>::iterator> good_;
  std::map<std::string, Refusal> refusals_;
};

}  // namespace breakwater::routes

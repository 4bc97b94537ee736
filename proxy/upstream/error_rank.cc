#include "proxy/upstream/error_rank.h"

namespace breakwater::proxy {
namespace {

int rank(Error::Kind kind) {
  switch (kind) {
    case Error::Kind::unavailable:
    case Error::Kind::throttled: return 2;
    case Error::Kind::not_found: return 0;
    default: return 1;
  }
}

}  // namespace

bool outweighs(const Error& later, const Error& earlier) { return rank(later.kind) > rank(earlier.kind); }

}  // namespace breakwater::proxy

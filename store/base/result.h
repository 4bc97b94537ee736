// What can go wrong, in one vocabulary. Every layer returns these; only routes/oci/oci_error.cc turns them
// into HTTP.
//
// A kind says what the caller can do about the failure; the message says what was attempted, on what. The
// remedy says what a person can do about it, where whoever fails knows that. Both are written for the log,
// the operator and the user, and are never parsed. They must not hold a secret or the query of a presigned
// URL, and the remedy no path of this machine.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include <tl/expected.hpp>

namespace breakwater {

struct Error {
  enum class Kind {
    not_found,    // it does not exist, here or upstream
    denied,       // upstream refused our credentials, or the client is not allowed
    throttled,    // upstream said "too many requests"; see retry_after_s
    unavailable,  // upstream did not answer, or answered 5xx; worth another try later
    corrupt,      // bytes do not match their digest, their length or their type
    full,         // no room left after eviction, or the disk says ENOSPC
    invalid,      // the caller asked for something malformed
    too_large,    // the caller sent more than is accepted
    too_slow,     // the caller sent too little of it for too long
    // It is legal, but not in this state (an upload out of order, a delete of something alive).
    conflict,
    would_block,  // the answer is not in memory: ask again from a worker
    storage,      // the disk failed, or the data folder is away: nothing is decided, worth another try later
    internal,     // our fault
  };
  Kind kind = Kind::internal;
  std::string message;
  int64_t retry_after_s = 0;  // throttled, unavailable, storage and full: how long to wait; 0 = not said
  // In the imperative, without a capital: "raise bytes_max or delete tags". "" = what goes for all of the
  // kind.
  std::string remedy = {};
};

template <class T = void>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> failure(Error::Kind kind, std::string message) {
  return tl::unexpected<Error>(Error{kind, std::move(message), 0, {}});
}
inline tl::unexpected<Error> failure(Error error) { return tl::unexpected<Error>(std::move(error)); }

}  // namespace breakwater

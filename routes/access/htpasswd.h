// A file of users and the hashes of their passwords, as htpasswd(1) writes it: a line "alice:$2y$10$…" for
// each. Lines that are empty or begin with # are comments; lines may end with CRLF. A file with a wrong line
// is refused as a whole, because a user who is silently left out looks like a wrong password.
//
//   auto users = Htpasswd::parse(text, "/etc/breakwater/users");
//   const auto [hash, is_known] = users->to_check("alice", seed);
//   const bool may_enter = has_hash(password, hash) && is_known;   // on a thread that may take its time
//
// A value; pure; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "store/base/result.h"

namespace breakwater::routes {

class Htpasswd {
 public:
  static constexpr size_t kBytesMax = 4U << 20;
  static constexpr size_t kUsersMax = 20'000;
  static constexpr size_t kLineBytesMax = 1024;
  static constexpr size_t kUserBytesMax = 255;

  // The error is `invalid`. It names the first wrong line and how many others there are, and quotes no hash;
  // `file` is what it calls the file.
  [[nodiscard]] static Result<Htpasswd> parse(std::string_view text, std::string_view file);

  // The hash that a password of this user is to be checked against. For a name that is not in the file it is
  // the hash of one who is, always the same one, so that the time that a check takes does not tell who is in
  // the file. `seed` is what nobody outside knows, by which that one is chosen. Null if the file has nobody.
  struct ToCheck {
    const std::string* hash = nullptr;  // as long as this object
    bool is_known = false;
  };
  ToCheck to_check(const std::string& user, std::string_view seed) const;
  const std::string* hash_of(const std::string& user) const;  // null if there is none
  size_t size() const { return users_.size(); }

 private:
  struct User {
    std::string name, hash;
    size_t line = 0;
  };
  class Lines;
  const User* find(std::string_view name) const;

  std::vector<User> users_;  // by name
};

}  // namespace breakwater::routes

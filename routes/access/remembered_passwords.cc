#include "routes/access/remembered_passwords.h"

#include <array>

#include "store/base/hmac.h"

namespace breakwater::routes {
namespace {

store::Secret random_key() {
  std::array<char, 32> bytes{};
  store::fill_random(bytes);
  store::Secret key(std::string_view(bytes.data(), bytes.size()));
  store::cleanse(bytes);
  return key;
}

}  // namespace

RememberedPasswords::RememberedPasswords(const store::Clock& clock) : clock_(clock), seed_(random_key()) {}

std::string RememberedPasswords::key_of(std::string_view user, const store::Secret& password) const {
  // The length keeps "a" with "bc" apart from "ab" with "c". Reserved, so that no copy is left behind.
  std::string message;
  message.reserve(24 + user.size() + password.view().size());
  message.append(std::to_string(user.size())).append(":").append(user).append(password.view());
  auto key = store::hmac_sha256(seed_.view(), message);
  store::cleanse(message);
  return key;
}

bool RememberedPasswords::has(const std::string& key) const {
  const auto found = until_.find(key);
  return found != until_.end() && clock_.now() < found->second;
}

void RememberedPasswords::add(const std::string& key) {
  const auto now = clock_.now();
  while (!order_.empty() && (order_.size() >= kEntriesMax || until_[order_.front()] <= now)) {
    until_.erase(order_.front());
    order_.pop_front();
  }
  if (until_.emplace(key, now + kFor).second) order_.push_back(key);
}

void RememberedPasswords::clear() {
  until_.clear();
  order_.clear();
}

}  // namespace breakwater::routes

#include "routes/access/htpasswd.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "routes/access/password_hash.h"
#include "store/base/hmac.h"
#include "store/base/printable.h"

namespace breakwater::routes {
namespace {

bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

std::string_view without_blanks(std::string_view text) {
  const size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
  return text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

// What is wrong with the name, in a user's line.
std::string wrong_with_name(std::string_view name) {
  if (name.empty()) return "has no user before the colon";
  if (name.size() > Htpasswd::kUserBytesMax) return "has a user of more than 255 bytes";
  return has_control_character(name) ? "has control characters in its user" : "";
}

}  // namespace

// Reads line by line, and notes the first that is wrong.
class Htpasswd::Lines {
 public:
  explicit Lines(std::string_view file) : file_(file) {}

  void read(std::string_view line) {
    ++number_;
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto text = without_blanks(line);
    if (text.empty() || text.starts_with('#')) return;
    if (line.size() > kLineBytesMax) return wrong("has more than 1024 bytes: is it a line of this file?");
    const size_t colon = text.find(':');
    if (colon == std::string_view::npos) return wrong("has no colon: write it with htpasswd -B");
    const auto name = text.substr(0, colon);
    if (const auto mistake = wrong_with_name(name); !mistake.empty()) return wrong(mistake);
    const auto hash = text.substr(colon + 1);
    if (auto checked = check_hash(hash); !checked) return wrong(checked.error().message);
    if (users_.size() == kUsersMax) return wrong("is one too many: there may be 20000 users");
    users_.push_back({std::string(name), std::string(hash), number_});
  }

  Result<std::vector<User>> take() {
    std::stable_sort(users_.begin(), users_.end(),
                     [](const User& a, const User& b) { return a.name < b.name; });
    for (size_t i = 1; i < users_.size(); ++i) {
      const User &before = users_[i - 1], &user = users_[i];
      if (before.name == user.name)
        wrong_at(user.line, "has the user " + store::printable(user.name) + " again, who is in line " +
                                std::to_string(before.line) + " already: remove one of the two");
    }
    if (mistakes_ == 0) return std::move(users_);
    std::string text = file_ + " line " + std::to_string(first_wrong_) + " " + mistake_;
    if (mistakes_ > 1) text += "; " + std::to_string(mistakes_ - 1) + " more are wrong";
    return failure(Error::Kind::invalid, std::move(text));
  }

 private:
  void wrong(const std::string& what) { wrong_at(number_, what); }
  void wrong_at(size_t line, const std::string& what) {
    if (mistakes_++ > 0 && line > first_wrong_) return;
    first_wrong_ = line;
    mistake_ = what;
  }

  const std::string file_;
  std::vector<User> users_;
  size_t number_ = 0, mistakes_ = 0, first_wrong_ = 0;
  std::string mistake_;
};

Result<Htpasswd> Htpasswd::parse(std::string_view text, std::string_view file) {
  if (text.size() > kBytesMax)
    return failure(Error::Kind::invalid,
                   std::string(file) + " has more than 4 MiB: is it the file of users?");
  Lines lines(file);
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.read(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  auto users = lines.take();
  if (!users) return failure(std::move(users.error()));
  Htpasswd made;
  made.users_ = *std::move(users);
  return made;
}

const Htpasswd::User* Htpasswd::find(std::string_view name) const {
  const auto found =
      std::lower_bound(users_.begin(), users_.end(), name,
                       [](const User& user, std::string_view wanted) { return user.name < wanted; });
  return found != users_.end() && found->name == name ? &*found : nullptr;
}

const std::string* Htpasswd::hash_of(const std::string& user) const {
  const User* found = find(user);
  return found == nullptr ? nullptr : &found->hash;
}

Htpasswd::ToCheck Htpasswd::to_check(const std::string& user, std::string_view seed) const {
  if (const auto* hash = hash_of(user); hash != nullptr) return {hash, true};
  if (users_.empty()) return {};
  const std::string hex = store::hmac_sha256(seed, user);
  uint64_t number = 0;
  std::from_chars(hex.data(), hex.data() + 16, number, 16);
  return {&users_[number % users_.size()].hash, false};
}

}  // namespace breakwater::routes

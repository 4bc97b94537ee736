#include "routes/access/users.h"

#include <algorithm>
#include <utility>

#include "routes/access/password_hash.h"

namespace breakwater::routes {
namespace {

constexpr proxy::Millis kLookEvery(1000);

// A job of its own: what it uses may be replaced, and whoever asked for it may leave, while it runs.
PasswordLine::Job check_of(std::shared_ptr<const Htpasswd> users, const Htpasswd::ToCheck& to_check,
                           const store::Secret& password) {
  auto copy = std::make_shared<const store::Secret>(password.view());
  return [users = std::move(users), to_check, copy = std::move(copy)] {
    const bool is_right = has_hash(*copy, *to_check.hash);
    return is_right && to_check.is_known;
  };
}

}  // namespace

Users::Users(proxy::Loop& loop, proxy::Workers& workers, PasswordLine& line, const store::Clock& clock,
             store::Log& log, UsersSettings settings)
    : loop_(loop),
      workers_(workers),
      line_(line),
      log_(log),
      settings_(std::move(settings)),
      file_(std::make_shared<HtpasswdFile>(settings_.htpasswd_file)),
      remembered_(clock),
      strikes_(clock) {
  take(file_->read_if_changed());
}

proxy::Task<Result<Identity>> Users::identify(std::string user, const store::Secret& password,
                                              const proxy::Peer& peer) {
  const std::string key = remembered_.key_of(user, password);
  for (;;) {
    if (remembered_.has(key)) co_return identity_of(user);
    const auto users = users_;
    const auto to_check = users->to_check(user, remembered_.seed());
    if (to_check.hash == nullptr) co_return failure(wrong(peer));
    PasswordLine::Asking asking{peer.key(), key + ":" + std::to_string(versions_), strikes_.of(peer.key())};
    auto job = check_of(users, to_check, password);
    auto checked = co_await line_.check(std::move(asking), std::move(job));
    if (!checked) co_return failure(std::move(checked.error()));
    ++hashed_total_;
    // The file may have changed while this waited: then what counts is what it says now.
    const auto* now = users_->hash_of(user);
    const bool is_same = users == users_ || (now != nullptr && to_check.is_known && *now == *to_check.hash);
    if (!is_same) continue;
    if (!*checked) co_return failure(wrong(peer));
    remembered_.add(key);
    co_return identity_of(user);
  }
}

proxy::Task<> Users::run() {
  for (;;) {
    co_await loop_.sleep(kLookEvery);
    co_await look();
  }
}

proxy::Task<> Users::look() {
  auto job = [file = file_] { return file->read_if_changed(); };
  auto read = co_await workers_.run(reading_, std::move(job));
  take(std::move(read));
}

void Users::take(Read read) {
  if (!read) return;
  if (!*read) {
    log_.error("users_not_read", {{"reason", (*read).error().message},
                                  {"advice", "correct the file; until then the users are as they were"}});
    return;
  }
  users_ = std::make_shared<const Htpasswd>(**std::move(read));
  ++versions_;
  remembered_.clear();
  log_.info("users_read", {{"file", file_->path()}, {"users", static_cast<int64_t>(users_->size())}});
}

Identity Users::identity_of(const std::string& user) const {
  Identity identity;
  identity.name = user;
  for (const auto& [group, members] : settings_.groups) {
    if (std::find(members.begin(), members.end(), user) != members.end()) identity.groups.push_back(group);
  }
  return identity;
}

// The name that was given is told to nobody: people type their password there.
Error Users::wrong(const proxy::Peer& peer) {
  ++wrong_total_;
  if (strikes_.add(peer.key()) == PasswordLine::kStrikesOfSuspect)
    log_.warning("passwords_wrong",
                 {{"client", peer.text},
                  {"within_s", std::chrono::duration_cast<std::chrono::seconds>(Strikes::kFor).count()},
                  {"times", static_cast<int64_t>(PasswordLine::kStrikesOfSuspect)}});
  return {Error::Kind::denied, "no user here has this name and this password", 0,
          "check the user and the password"};
}

}  // namespace breakwater::routes

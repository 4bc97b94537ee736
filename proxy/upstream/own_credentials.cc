#include "proxy/upstream/own_credentials.h"

#include <algorithm>
#include <utility>

namespace breakwater::proxy {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr minutes kRestFirst(1);
constexpr minutes kRestMax(15);
constexpr minutes kTellEvery(60);
constexpr seconds kCheckFileEvery(1);
constexpr minutes kAcceptedFor(60);
constexpr int kRefusedInARowMax = 3;
constexpr size_t kRestsMax = 1024;
constexpr size_t kAcceptedMax = 64;
const std::string kAllScopes = "*";  // no scope: those have colons, or are empty

}  // namespace

const Credentials* OwnCredentials::usable(const std::string& scope) {
  if (!credentials_) return nullptr;
  if (rests_.empty()) return &*credentials_;
  const bool is_check_due = !file_checked_at_ || clock_.now() >= *file_checked_at_ + kCheckFileEvery;
  if (is_check_due) take_changed_password();
  return is_resting(kAllScopes) || is_resting(scope) ? nullptr : &*credentials_;
}

bool OwnCredentials::is_resting(const std::string& key) const {
  auto found = rests_.find(key);
  return found != rests_.end() && clock_.now() < found->second.until;
}

std::string OwnCredentials::identity(const std::string& scope) {
  const Credentials* credentials = usable(scope);
  return credentials == nullptr ? "" : std::to_string(passwords_) + " " + credentials->username;
}

void OwnCredentials::refused(const std::string& scope, Extent extent, const std::string& by) {
  // Requests that were on their way together are refused together.
  if (!credentials_ || is_resting(kAllScopes) || is_resting(scope)) return;
  const bool means_all = extent == Extent::all && !may_mean_scope(scope);
  const std::string& key = means_all ? kAllScopes : scope;
  ++stats_.refusals.credentials;
  if (take_changed_password()) return;
  rest(key);
  tell(by);
}

bool OwnCredentials::may_mean_scope(const std::string& scope) {
  accepted_at_.erase(scope);
  const store::Time since = clock_.now() - kAcceptedFor;
  std::erase_if(accepted_at_, [since](const auto& entry) { return entry.second < since; });
  return !accepted_at_.empty() && ++refused_in_a_row_ < kRefusedInARowMax;
}

void OwnCredentials::accepted(const std::string& scope) {
  // Forgotten as a whole, because a lost entry costs only a rest of a minute.
  if (accepted_at_.size() >= kAcceptedMax) accepted_at_.clear();
  accepted_at_[scope] = clock_.now();
  refused_in_a_row_ = 0;
  end_rest(kAllScopes);
  end_rest(scope);
}

void OwnCredentials::accepted_by_realm() { end_rest(kAllScopes); }

void OwnCredentials::end_rest(const std::string& key) {
  // Those of a changed password rest no more, and whoever was told of a refusal is told of the end of it.
  const bool has_rested = rests_.erase(key) > 0;
  if (!rests_.empty() || (!has_rested && !told_at_)) return;
  stats_.credentials_rest = false;
  told_at_.reset();
  log_.info("upstream_accepts_credentials",
            {{"route", settings_.name}, {"upstream", settings_.upstream.text()}});
}

Error OwnCredentials::explained(Error error, const std::string& scope) const {
  const bool is_refusal = error.kind == Error::Kind::denied || error.kind == Error::Kind::not_found;
  const bool were_refused = rests_.contains(kAllScopes) || rests_.contains(scope);
  if (!is_refusal || !were_refused) return error;
  error.kind = Error::Kind::denied;
  error.message += ", and Breakwater's own credentials for " + settings_.upstream.text() + " (user " +
                   credentials_->username + ") were refused";
  error.remedy = std::string("check username and ") +
                 (settings_.password_file.empty() ? "password_env" : "password_file") + " of route " +
                 settings_.name;
  return error;
}

// Whether the file has another password than ours, which counts from now on.
bool OwnCredentials::take_changed_password() {
  file_checked_at_ = clock_.now();
  auto password = file_.read_if_changed();
  if (!password || *password == credentials_->password) return false;
  credentials_->password = std::move(*password);
  ++passwords_;
  rests_.clear();
  stats_.credentials_rest = false;
  accepted_at_.clear();
  log_.info("password_file_read", {{"route", settings_.name}, {"upstream", settings_.upstream.text()}});
  return true;
}

void OwnCredentials::rest(const std::string& key) {
  // Forgotten as a whole, because a lost entry costs only one more refusal.
  if (rests_.size() >= kRestsMax) rests_.clear();
  stats_.credentials_rest = true;
  Rest& rest = rests_[key];
  const store::Time::duration first = kRestFirst, longest = kRestMax;
  rest.length = std::clamp(rest.length * 2, first, longest);
  rest.until = clock_.now() + rest.length;
}

void OwnCredentials::tell(const std::string& by) {
  const store::Time now = clock_.now();
  if (told_at_ && now < *told_at_ + kTellEvery) return;
  told_at_ = now;
  log_.error("upstream_refuses_credentials", {{"route", settings_.name},
                                              {"upstream", settings_.upstream.text()},
                                              {"user", credentials_->username},
                                              {"reason", by}});
}

}  // namespace breakwater::proxy

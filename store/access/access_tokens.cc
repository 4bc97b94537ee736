#include "store/access/access_tokens.h"

#include <algorithm>
#include <chrono>
#include <tuple>
#include <utility>

#include "store/catalog/batch.h"
#include "store/catalog/catalog.h"
#include "store/catalog/catalog_state.h"

namespace breakwater::store {
namespace {

constexpr auto kFlushEvery = std::chrono::minutes(1);

// Of one that is revoked or expired, by the wall clock.
Time ended_at(const TokenRecord& token) {
  return token.revoked_at != Time() ? token.revoked_at : token.expires_at_wall;
}

}  // namespace

Result<> AccessTokens::load() {
  auto all = catalog_.state().tokens();
  if (!all) return failure(all.error());
  const Lock lock(mutex_);
  tokens_.clear();
  for (auto& [secret, record] : *all) tokens_[secret].record = std::move(record);
  return {};
}

std::optional<TokenRecord> AccessTokens::find(const Digest& secret) const {
  const Lock lock(mutex_);
  const auto found = tokens_.find(secret);
  if (found == tokens_.end()) return std::nullopt;
  return found->second.record;
}

AccessTokens::Standing AccessTokens::standing_of(const TokenRecord& token) const {
  if (token.revoked_at != Time()) return Standing::revoked;
  if (token.expires_at == Time()) return Standing::valid;
  const bool is_over = clock_.now() >= token.expires_at || clock_.wall() >= token.expires_at_wall;
  return is_over ? Standing::expired : Standing::valid;
}

std::vector<TokenRecord> AccessTokens::list() const {
  std::vector<TokenRecord> all;
  {
    const Lock lock(mutex_);
    all.reserve(tokens_.size());
    for (const auto& [secret, token] : tokens_) all.push_back(token.record);
  }
  std::sort(all.begin(), all.end(), [](const TokenRecord& a, const TokenRecord& b) {
    return std::tie(a.name, a.created_at) < std::tie(b.name, b.created_at);
  });
  return all;
}

bool AccessTokens::is_empty() const {
  const Lock lock(mutex_);
  return tokens_.empty();
}

void AccessTokens::note_use(const Digest& secret) {
  const Lock lock(mutex_);
  const auto found = tokens_.find(secret);
  if (found == tokens_.end()) return;
  found->second.record.last_used_at = clock_.wall();
  found->second.is_used = true;
}

Result<TokenRecord> AccessTokens::plan(const Wish& wish) const {
  const Lock lock(mutex_);
  if (auto free = check_name(wish); !free) return failure(free.error());
  if (auto room = dispensable(); !room) return failure(room.error());
  return made_of(wish);
}

Result<TokenRecord> AccessTokens::create(const Digest& secret, const Wish& wish) {
  const Lock changing(changing_);
  TokenRecord record = made_of(wish);
  std::optional<Digest> goes;
  {
    const Lock lock(mutex_);
    if (auto free = check_name(wish); !free) return failure(free.error());
    auto room = dispensable();
    if (!room) return failure(room.error());
    goes = *room;
  }
  if (auto written = write(secret, record, goes); !written) return failure(written.error());
  const Lock lock(mutex_);
  if (goes) tokens_.erase(*goes);
  tokens_[secret].record = record;
  return record;
}

Result<std::optional<TokenRecord>> AccessTokens::revoke(const std::string& name) {
  const Lock changing(changing_);
  std::optional<Digest> secret;
  TokenRecord revoked;
  {
    const Lock lock(mutex_);
    if (!has_name(name)) return failure(Error::Kind::not_found, "there is no token " + name);
    secret = revocable(name);
    if (!secret) return std::nullopt;
    Token& token = tokens_[*secret];
    token.record.revoked_at = clock_.wall();
    revoked = token.record;
  }
  if (auto written = write(*secret, revoked, std::nullopt); !written) {
    Error error = written.error();
    error.message = "token " + name + " is refused from now on, but not after a restart: " + error.message;
    error.remedy = "revoke it again when the disk is well";
    const Lock lock(mutex_);
    tokens_[*secret].is_used = true;  // flush() tries it again
    return failure(std::move(error));
  }
  return revoked;
}

Result<> AccessTokens::flush(Flush when) {
  const Lock changing(changing_);
  const Time now = clock_.now();
  if (when == Flush::if_due && flushed_at_ != Time() && now < flushed_at_ + kFlushEvery) return {};
  std::vector<Digest> used;
  Batch batch;
  {
    const Lock lock(mutex_);
    for (auto& [secret, token] : tokens_) {
      if (!token.is_used) continue;
      batch.put_token(secret, token.record);
      used.push_back(secret);
      token.is_used = false;
    }
  }
  if (used.empty()) return {};
  flushed_at_ = now;
  auto written = catalog_.write(std::move(batch), Durability::buffered);
  if (written) return written;
  const Lock lock(mutex_);
  for (const Digest& secret : used) tokens_[secret].is_used = true;
  return written;
}

Result<> AccessTokens::check_name(const Wish& wish) const {
  const bool is_taken = std::any_of(tokens_.begin(), tokens_.end(), [&](const auto& one) {
    return one.second.record.name == wish.name && standing_of(one.second.record) == Standing::valid;
  });
  if (!is_taken) return {};
  return failure(Error::Kind::conflict, "there is a token " + wish.name +
                                            " already: revoke it first, or give the new one another name");
}

TokenRecord AccessTokens::made_of(const Wish& wish) const {
  TokenRecord record{wish.name, wish.may, wish.repositories, wish.made_by, clock_.wall()};
  if (!wish.lifetime) return record;
  record.expires_at = clock_.now() + *wish.lifetime;
  record.expires_at_wall = clock_.wall() + *wish.lifetime;
  return record;
}

Result<std::optional<Digest>> AccessTokens::dispensable() const {
  if (tokens_.size() < tokens_max_) return std::nullopt;
  const std::pair<const Digest, Token>* first = nullptr;
  for (const auto& one : tokens_) {
    const TokenRecord& record = one.second.record;
    if (standing_of(record) == Standing::valid) continue;
    if (first == nullptr || ended_at(record) < ended_at(first->second.record)) first = &one;
  }
  if (first != nullptr) return first->first;
  return failure(Error::Kind::full,
                 "there are " + std::to_string(tokens_max_) + " tokens already: revoke what nobody uses");
}

std::optional<Digest> AccessTokens::revocable(const std::string& name) const {
  std::optional<Digest> found;
  for (const auto& [secret, token] : tokens_) {
    if (token.record.name != name || token.record.revoked_at != Time()) continue;
    if (standing_of(token.record) == Standing::valid) return secret;
    found = secret;
  }
  return found;
}

std::optional<Digest> AccessTokens::find_valid(const std::string& name) const {
  const Lock lock(mutex_);
  const auto found = revocable(name);
  if (!found || standing_of(tokens_.at(*found).record) != Standing::valid) return std::nullopt;
  return found;
}

bool AccessTokens::has_name(const std::string& name) const {
  return std::any_of(tokens_.begin(), tokens_.end(),
                     [&](const auto& one) { return one.second.record.name == name; });
}

Result<> AccessTokens::write(const Digest& secret, const TokenRecord& record,
                             const std::optional<Digest>& dispensable) {
  Batch batch;
  if (dispensable) batch.delete_token(*dispensable);
  batch.put_token(secret, record);
  return catalog_.write(std::move(batch), Durability::synced);
}

}  // namespace breakwater::store

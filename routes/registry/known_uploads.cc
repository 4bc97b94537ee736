#include "routes/registry/known_uploads.h"

#include <iterator>

namespace breakwater::routes {

void KnownUploads::add(const UploadName& name, const proxy::ClientKey& client, store::Time now) {
  use(name, client);
  rest(name, now);
}

// Walks come with what is old first, so the place is mostly at the end.
void KnownUploads::note(const UploadName& name, store::Time touched_at) {
  const auto [at, is_new] = all_.try_emplace(name);
  if (!is_new) return;
  auto before = idle_.end();
  while (before != idle_.begin() && (*std::prev(before))->touched_at > touched_at) --before;
  Entry& entry = at->second;
  entry.name = &at->first;
  entry.touched_at = touched_at;
  entry.order = &idle_;
  entry.place = idle_.insert(before, &entry);
}

void KnownUploads::use(const UploadName& name, const proxy::ClientKey& client) {
  const auto at = all_.try_emplace(name).first;
  Entry& entry = at->second;
  entry.name = &at->first;
  leave_order(entry);
  discount(entry);
  entry.client = client;
  ++clients_[client];
}

void KnownUploads::rest(const UploadName& name, store::Time now) {
  const auto found = all_.find(name);
  if (found == all_.end() || found->second.order != nullptr) return;
  Entry& entry = found->second;
  entry.touched_at = now;
  entry.order = &recent_;
  entry.place = recent_.insert(recent_.end(), &entry);
}

void KnownUploads::remove(const UploadName& name) {
  const auto found = all_.find(name);
  if (found == all_.end()) return;
  leave_order(found->second);
  discount(found->second);
  all_.erase(found);
}

void KnownUploads::keep(const std::set<UploadName>& there, store::Time now) {
  age(now);
  for (auto next = idle_.begin(); next != idle_.end();) {
    Entry& entry = **next++;
    if (there.contains(*entry.name)) continue;
    leave_order(entry);
    all_.erase(all_.find(*entry.name));
  }
}

size_t KnownUploads::of(const proxy::ClientKey& client, store::Time now) {
  age(now);
  const auto found = clients_.find(client);
  return found == clients_.end() ? 0 : found->second;
}

std::optional<UploadName> KnownUploads::longest_idle(store::Time now) {
  age(now);
  if (idle_.empty() || now - idle_.front()->touched_at < kRecent) return std::nullopt;
  return *idle_.front()->name;
}

void KnownUploads::discount(Entry& entry) {
  if (!entry.client) return;
  const auto found = clients_.find(*entry.client);
  if (--found->second == 0) clients_.erase(found);
  entry.client.reset();
}

void KnownUploads::leave_order(Entry& entry) {
  if (entry.order != nullptr) entry.order->erase(entry.place);
  entry.order = nullptr;
}

void KnownUploads::age(store::Time now) {
  while (!recent_.empty() && now - recent_.front()->touched_at >= kRecent) {
    Entry& entry = *recent_.front();
    idle_.splice(idle_.end(), recent_, entry.place);
    entry.order = &idle_;
    discount(entry);
  }
}

}  // namespace breakwater::routes

#include "routes/registry/manifest_bodies.h"

#include <algorithm>
#include <optional>
#include <set>

#include "routes/oci/manifest.h"

namespace breakwater::routes {

using proxy::Exchange;
using proxy::Millis;
using proxy::Task;

namespace {

constexpr uint64_t kFirstStepBytes = 4 << 10;
constexpr uint64_t kSmallBodyBytesMax = 64 << 10;  // the longest body that counts as small
constexpr int64_t kRetryAfterS = 5;

bool is_small(uint64_t bytes) { return bytes <= kSmallBodyBytesMax; }

// What is left of a limit to those that are not favoured.
uint64_t without_favour(uint64_t bytes_max) { return bytes_max - std::min(bytes_max, kManifestBytesMax); }

Error too_large() {
  return Error(Error::Kind::too_large,
               "manifests of at most " + std::to_string(kManifestBytesMax) + " bytes are accepted", 0);
}

}  // namespace

Task<Result<ManifestBodies::Body>> ManifestBodies::receive(Exchange& exchange) {
  const auto length = exchange.body_length();
  if (length && *length > kManifestBytesMax) co_return failure(too_large());
  const auto end = length.value_or(kManifestBytesMax);
  const auto key = exchange.peer().client();
  Client& client = clients_[key];
  ++client.bodies;
  Held held(*this, std::make_unique<Place>(loop_, key, client));
  std::string body;
  proxy::Moment::duration reading{};
  for (;;) {
    const auto began = loop_.now();
    auto piece = co_await exchange.read();
    reading += loop_.now() - began;
    if (!piece) co_return failure(piece.error());
    if (piece->empty()) co_return Body(std::move(held), std::move(body));
    const auto reached = body.size() + piece->size();
    if (reached > kManifestBytesMax) co_return failure(too_large());
    if (reading > Millis(settings_.receive_ms)) {
      exchange.close_after();
      co_return failure(Error::Kind::too_slow,
                        "the manifest took longer than " + std::to_string(settings_.receive_ms) +
                            " ms: of its bytes only " + std::to_string(reached) + " came");
    }
    if (reached > held.place().held) {
      const auto step = std::max({uint64_t{reached}, 2 * held.place().held, kFirstStepBytes});
      auto grown = co_await grow(held.place(), std::max<uint64_t>(reached, std::min(step, end)));
      if (!grown) co_return failure(grown.error());
      body.reserve(static_cast<size_t>(held.place().held));
    }
    body += piece->view();
  }
}

// Makes what the body holds `bytes` in all.
Task<Result<>> ManifestBodies::grow(Place& place, uint64_t bytes) {
  place.wanted = bytes;
  waiting_.push_back(&place);
  grant();
  const auto deadline = loop_.now() + Millis(settings_.wait_ms);
  while (place.held < place.wanted) {
    if (loop_.now() >= deadline) {
      waiting_.remove(&place);
      co_return failure(Error(Error::Kind::unavailable,
                              "too many manifests are being received: no memory for this one became free "
                              "in " +
                                  std::to_string(settings_.wait_ms) + " ms",
                              kRetryAfterS));
    }
    co_await place.granted.wait_until(deadline);
  }
  co_return Result<>();
}

// Gives their steps to those who wait and for whom there is memory. Whoever waits behind one that waits for
// the same memory goes on waiting.
void ManifestBodies::grant() {
  std::set<const Client*> short_clients;
  bool is_short_of_small = false, is_short_of_large = false;
  for (auto next = waiting_.begin(); next != waiting_.end();) {
    const auto at = next++;
    Place& place = **at;
    const bool is_behind_own = short_clients.contains(&place.client) && place.client.favoured != &place;
    if (is_behind_own || !has_memory_of_client(place)) {
      short_clients.insert(&place.client);
      continue;
    }
    bool& is_short = is_small(place.wanted) ? is_short_of_small : is_short_of_large;
    const bool is_behind_others = is_short && favoured_ != &place;
    if (is_behind_others || !has_memory_of_all(place)) {
      is_short = true;
      continue;
    }
    const auto more = place.wanted - place.held;
    held_ += more;
    place.client.held += more;
    place.held = place.wanted;
    waiting_.erase(at);
    place.granted.ring();
  }
}

bool ManifestBodies::has_memory_of_client(Place& place) {
  Client& client = place.client;
  const auto favoured = client.favoured != nullptr ? client.favoured->held : 0;
  const auto reached = client.held - favoured + (place.wanted - place.held);
  if (reached <= without_favour(settings_.client_bytes_max)) return true;
  if (client.favoured == nullptr) client.favoured = &place;
  return client.favoured == &place;
}

bool ManifestBodies::has_memory_of_all(Place& place) {
  const auto favoured = favoured_ != nullptr ? favoured_->held : 0;
  const auto reached = held_ - favoured + (place.wanted - place.held);
  const auto small_bytes = is_small(place.wanted) ? 0 : settings_.small_bytes_max;
  if (reached + small_bytes <= without_favour(settings_.bytes_max)) return true;
  if (favoured_ == nullptr) favoured_ = &place;
  return favoured_ == &place;
}

void ManifestBodies::leave(Place& place) {
  if (place.held < place.wanted) waiting_.remove(&place);
  if (favoured_ == &place) favoured_ = nullptr;
  held_ -= place.held;
  Client& client = place.client;
  if (client.favoured == &place) client.favoured = nullptr;
  client.held -= place.held;
  if (--client.bodies == 0) clients_.erase(place.client_key);
  grant();
}

}  // namespace breakwater::routes

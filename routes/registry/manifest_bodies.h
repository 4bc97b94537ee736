// Receives the bodies of pushed manifests. Each is held whole in memory, because a manifest can be parsed
// only when all of it is there; all of them together are held within one limit, and those of one client
// within its share of that.
//
// Memory is taken as bytes come, in steps that double: a length that is only claimed takes none. Who finds
// none waits, first come first served, and is told to come again when that takes too long. Small bodies have
// a part of the limit to themselves, so that they do not wait behind large ones from slow clients.
//
// Bodies that hold some memory and wait for more could wait for each other. So one body at a time, the first
// that waited, gets its steps in any case, until its end; and likewise one of each client. What they may take
// beyond the others is set aside for them in both limits.
//
// Belongs to the loop's thread. Every Body must end before the ManifestBodies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "proxy/http/exchange.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"
#include "store/base/result.h"

namespace breakwater::routes {

struct ManifestBodySettings {
  uint64_t bytes_max = 32 << 20;        // all bodies
  uint64_t small_bytes_max = 8 << 20;   // of these only for bodies of at most 64 KiB
  uint64_t client_bytes_max = 8 << 20;  // those of one client
  int64_t wait_ms = 30'000;             // how long a body waits for memory
  int64_t receive_ms = 60'000;          // how long it is read, without what it waits for memory
};

class ManifestBodies {
 public:
  ManifestBodies(proxy::Loop& loop, const ManifestBodySettings& settings)
      : loop_(loop), settings_(settings) {}
  ManifestBodies(const ManifestBodies&) = delete;
  ManifestBodies& operator=(const ManifestBodies&) = delete;

  // A body, and its place in the limits until it is destroyed.
  class Body;
  // The whole body of the request. `too_large` beyond kManifestBytesMax; `unavailable` if no memory became
  // free in time; `too_slow` if the client took too long, and the connection closes then; else the errors of
  // Exchange::read().
  proxy::Task<Result<Body>> receive(proxy::Exchange& exchange);

  uint64_t bytes() const { return held_; }  // of all bodies

 private:
  struct Place;
  struct Client {
    uint64_t held = 0;
    size_t bodies = 0;
    Place* favoured = nullptr;
  };
  struct Place {
    Place(proxy::Loop& loop, const proxy::ClientKey& key, Client& of)
        : client_key(key), client(of), granted(loop) {}
    const proxy::ClientKey client_key;
    Client& client;
    uint64_t held = 0;
    uint64_t wanted = 0;  // in all; beyond `held` while it waits
    proxy::Signal granted;
  };
  class Held;

  proxy::Task<Result<>> grow(Place& place, uint64_t bytes);
  void grant();
  bool has_memory_of_client(Place& place);
  bool has_memory_of_all(Place& place);
  void leave(Place& place);

  proxy::Loop& loop_;
  const ManifestBodySettings settings_;
  uint64_t held_ = 0;
  Place* favoured_ = nullptr;  // gets its steps in any case
  std::map<proxy::ClientKey, Client> clients_;
  std::list<Place*> waiting_;  // the first come first
};

class ManifestBodies::Held {
 public:
  Held(ManifestBodies& bodies, std::unique_ptr<Place> place) : bodies_(bodies), place_(std::move(place)) {}
  Held(Held&&) noexcept = default;
  Held& operator=(Held&&) = delete;
  ~Held() {
    if (place_) bodies_.leave(*place_);
  }
  Place& place() { return *place_; }

 private:
  ManifestBodies& bodies_;
  std::unique_ptr<Place> place_;
};

class ManifestBodies::Body {
 public:
  const std::shared_ptr<const std::string>& bytes() const { return bytes_; }

 private:
  friend class ManifestBodies;
  Body(Held held, std::string bytes)
      : held_(std::move(held)), bytes_(std::make_shared<const std::string>(std::move(bytes))) {}
  Held held_;
  std::shared_ptr<const std::string> bytes_;
};

}  // namespace breakwater::routes

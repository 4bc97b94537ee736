// An upload session whose file is open, as the requests that work on it see it. Belongs to the loop's thread;
// only the jobs on `strand` touch `file`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"
#include "proxy/loop/workers.h"
#include "routes/registry/upload_file.h"

namespace breakwater::routes {

struct UploadSession {
  UploadSession(proxy::Loop& loop, store::RepositoryKey key, std::string name, store::Time now)
      : repository(std::move(key)), id(std::move(name)), touched_at(now), freed(loop) {}

  const store::RepositoryKey repository;
  const std::string id;
  const std::shared_ptr<UploadFile> file = std::make_shared<UploadFile>();
  proxy::Workers::Strand strand;
  uint64_t received = 0;  // bytes written, as the request that holds the Turn knows
  uint64_t granted = 0;   // bytes that the reservation covers, likewise
  // Who began it and when (zero: not known), once the session was opened.
  std::string client = {};
  store::Time begun_at{};
  store::Time touched_at;
  bool busy = false;
  size_t waiting = 0;  // requests that wait for it
  // Its place among the idle ones; OpenSessions keeps it.
  std::optional<std::list<std::shared_ptr<UploadSession>>::iterator> idle_place;
  bool is_open = false;  // the file is open and caught up: the holder of the Turn may write
  proxy::Signal freed;
};

}  // namespace breakwater::routes

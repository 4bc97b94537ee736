#include "proxy/fill/fill_file.h"

#include <algorithm>
#include <utility>

#include "store/capacity/capacity.h"
#include "store/references/references.h"

namespace breakwater::proxy {
namespace {

constexpr int kRoomTriesMax = 4;
constexpr uint64_t kCatchUpBytes = 8 << 20;  // hashed by one job, so that other jobs get their turn

}  // namespace

Task<Result<>> FillFile::open() {
  auto job = [&store = parts_.store, route = route_, digest = digest_] {
    return store.partials().receive(route, store::Partials::fill_id(digest), digest.algorithm());
  };
  auto partial = co_await parts_.workers.run(strand_, std::move(job));
  if (!partial) co_return failure(partial.error());
  partial_ = std::make_shared<store::ReceivedPartial>(std::move(*partial));
  written_ = granted_ = partial_->writer->written();
  for (;;) {
    auto hash = [partial = partial_] { return partial->writer->catch_up(kCatchUpBytes); };
    auto done = co_await parts_.workers.run(strand_, std::move(hash));
    if (!done) co_return failure(done.error());
    if (*done) break;
  }
  written_ = partial_->writer->written();
  co_return Result<>();
}

Task<Result<>> FillFile::reserve(uint64_t bytes) {
  // Others may take what was made free. The job is made anew each time, because g++ 12 may destroy a copy
  // that is made inside co_await twice.
  for (int tries = 0;; ++tries) {
    auto job = [&store = parts_.store, partial = partial_, bytes] {
      return store.capacity().grow(partial->reservation, bytes, store::Capacity::Effort::none);
    };
    auto grown = co_await parts_.workers.run(strand_, std::move(job));
    if (grown) granted_ = std::max(granted_, bytes);
    if (grown || grown.error().kind != Error::Kind::full || tries == kRoomTriesMax) co_return grown;
    auto make = [&store = parts_.store, route = route_, bytes, held = granted_] {
      return store.capacity().make_room(route, bytes, held);
    };
    auto made = co_await parts_.room_makers.run(std::move(make));
    if (!made) co_return grown;
  }
}

void FillFile::push(std::span<const char> data, BufferReservation buffers) {
  reserved_.push_back(std::move(buffers));
  pending_.append(data.data(), data.size());
  unwritten_ += data.size();
  arrived_.ring();
}

void FillFile::end_input() {
  ending_ = true;
  arrived_.ring();
}

// Each time as many as have come since the last write.
Task<Result<bool>> FillFile::write_next() {
  while (pending_.empty() && !ending_) co_await arrived_.wait();
  if (pending_.empty()) co_return false;
  const auto reserved = std::exchange(reserved_, std::vector<BufferReservation>());
  const auto count = pending_.size();
  auto job = [partial = partial_, bytes = std::exchange(pending_, std::string())] {
    return partial->writer->append(bytes);
  };
  if (sink_) sink_->resume();
  auto appended = co_await parts_.workers.run(strand_, std::move(job));
  unwritten_ -= count;
  if (appended) {
    written_ += count;
  } else {
    error_ = appended.error();
    pending_ = std::string();
    reserved_.clear();
  }
  if (sink_) sink_->resume();
  if (!appended) co_return failure(appended.error());
  co_return true;
}

Task<Result<>> FillFile::verify() {
  auto job = [partial = partial_, digest = digest_] { return partial->writer->verify(digest); };
  co_return co_await parts_.workers.run(strand_, std::move(job));
}

Task<Result<>> FillFile::commit(std::vector<store::RepositoryKey> repositories) {
  auto job = [&store = parts_.store, partial = partial_, digest = digest_, client = client_,
              repositories = std::move(repositories)]() -> Result<> {
    partial->writer->set_client(client);
    auto stored = store.commit_blob(*partial, repositories.front(), store::Durability::buffered);
    if (!stored) return failure(stored.error());
    for (size_t i = 1; i < repositories.size(); ++i) {
      if (auto linked = store.references().link(repositories[i], digest); !linked)
        return failure(linked.error());
    }
    return {};
  };
  co_return co_await parts_.workers.run(strand_, std::move(job));
}

Task<> FillFile::end(store::Partials::End end) {
  if (!partial_) co_return;
  auto job = [&store = parts_.store, partial = std::exchange(partial_, nullptr), end] {
    store.partials().end(std::move(*partial), end);
    return true;
  };
  co_await parts_.workers.run(strand_, std::move(job));
}

}  // namespace breakwater::proxy

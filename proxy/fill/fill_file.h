// The file that a Fill writes: a partial of the store, and the bytes that are on their way to it.
//
//   push() --> pending bytes --write_next(), by a worker--> the partial --verify(), commit()--> a blob
//
// An earlier fill may have left a partial, which open() goes on with. Belongs to the loop's thread, as its
// Tasks do; it must outlive them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "proxy/loop/buffers.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"
#include "proxy/loop/workers.h"
#include "proxy/upstream/http_client.h"
#include "store/blobs/partials.h"
#include "store/store.h"

namespace breakwater::proxy {

// What writes it. All of it outlives the FillFile.
struct FillFileParts {
  Workers& workers;
  Workers& room_makers;  // evict, where there was no room
  store::Store& store;
};

class FillFile {
 public:
  // `route` is whose room it takes, and `client` who asked for it.
  FillFile(Loop& loop, const FillFileParts& parts, const store::Digest& digest, std::string route,
           std::string client)
      : parts_(parts),
        digest_(digest),
        route_(std::move(route)),
        client_(std::move(client)),
        arrived_(loop) {}
  FillFile(const FillFile&) = delete;
  FillFile& operator=(const FillFile&) = delete;

  // Opens the partial that an earlier fill left, or a new one, and hashes what is there.
  Task<Result<>> open();
  bool is_open() const { return partial_ != nullptr; }
  store::SharedFile file() const { return partial_->writer->file(); }

  uint64_t written() const { return written_; }                // bytes in the file
  uint64_t received() const { return written_ + unwritten_; }  // and those that are on their way to it
  bool is_writing() const { return unwritten_ > 0 && !error_; }
  uint64_t granted() const { return granted_; }  // bytes of the blob that the disk reservation covers
  // Why the disk takes no more.
  const std::optional<Error>& error() const { return error_; }
  void set_error(const Error& error) { error_ = error; }

  // Reserves room on the disk for so many bytes of the blob. `full` if there is none, after others' have been
  // evicted for it.
  Task<Result<>> reserve(uint64_t bytes);

  // Who pushes, and is resumed when it may go on; null for nobody.
  void set_sink(Sink* sink) { sink_ = sink; }
  uint64_t pending_bytes() const { return pending_.size(); }  // not yet with a worker
  // Takes bytes that granted() covers. `buffers` is kept until a worker has them.
  void push(std::span<const char> data, BufferReservation buffers);
  // No more will be pushed.
  void end_input();
  // Waits for pending bytes, and writes all that there are. False when the input has ended and nothing is
  // pending. An error is that of error().
  Task<Result<bool>> write_next();

  // `corrupt` if the file does not have the digest.
  Task<Result<>> verify();
  // Makes it a blob of these repositories, of which there is one at least.
  Task<Result<>> commit(std::vector<store::RepositoryKey> repositories);
  // Closes the partial, if it is open, without a commit.
  Task<> end(store::Partials::End end);
  // What was written counts no more: the next open() begins with what is there then.
  void forget() { written_ = 0; }

 private:
  const FillFileParts parts_;
  const store::Digest digest_;
  const std::string route_;
  const std::string client_;
  std::shared_ptr<store::ReceivedPartial> partial_;  // the workers' jobs have it too
  Workers::Strand strand_;
  uint64_t granted_ = 0;
  uint64_t written_ = 0;
  uint64_t unwritten_ = 0;  // pending_ and what a worker is writing
  std::string pending_;
  std::vector<BufferReservation> reserved_;  // for pending_
  Signal arrived_;
  bool ending_ = false;
  std::optional<Error> error_;
  Sink* sink_ = nullptr;
};

}  // namespace breakwater::proxy
